"""How many events a second the ledger takes for good, when it already holds many."""
