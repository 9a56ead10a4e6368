"""The command line: parse, ask the API, print. One file per command group."""
