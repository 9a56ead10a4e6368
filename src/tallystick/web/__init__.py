"""Pages: route, operation, template. Everything a page shows is in its URL."""
