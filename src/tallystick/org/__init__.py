"""Keys, tokens and who may do what."""
