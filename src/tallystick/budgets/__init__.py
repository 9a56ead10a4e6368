"""Budgets: what may be spent, by whom, until when, and what happens then."""
