"""The one query model behind web, api, cli and reports."""
