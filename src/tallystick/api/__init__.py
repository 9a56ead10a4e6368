"""The HTTP API: route → operation → wire. One guard in front of every route, one table of errors."""
