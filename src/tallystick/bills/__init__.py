"""Bills: what providers report and invoice, held against what was metered."""
