"""Money, periods, ids and errors: what every room speaks. Standard library only."""
