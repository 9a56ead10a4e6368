"""The tests. Rooms mirror src/tallystick; see house rules in docs/decisions."""
