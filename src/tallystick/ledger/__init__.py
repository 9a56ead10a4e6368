"""Charges: what usage cost, hour by hour, append only."""
