"""Do our dialects read usage as an outside reader does? See README.md."""
