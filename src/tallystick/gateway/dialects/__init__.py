"""One file per wire format: reads requests and usage, pure."""
