"""Data to SVG: pure functions, no other room's types."""
