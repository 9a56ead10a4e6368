"""Tallystick: one ledger for every AI dollar."""

__version__ = "0.1.0"
