"""FOCUS: its columns as data, and its rows as bill lines."""
