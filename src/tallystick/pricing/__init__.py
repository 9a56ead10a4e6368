"""The price book and what usage costs under it."""
