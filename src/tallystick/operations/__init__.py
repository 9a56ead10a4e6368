"""What the product does: one file per verb phrase, one transaction each.

The only place where reading, ruling and writing meet, and the only readers of the clock.
"""
