"""The documented usage shapes, spelled out by hand. Nothing here imports what is tested."""
