"""Tallystick: one ledger for every AI dollar."""
