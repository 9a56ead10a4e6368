"""What happened, in units, no money."""
