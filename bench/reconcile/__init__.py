"""How long a month of ten million metered events takes to be held against its bills."""
