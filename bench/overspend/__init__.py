"""How far a budget is overspent, ours and those of two peers, by one script before one stub."""
