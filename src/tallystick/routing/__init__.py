"""Routing and cache rules: data that choose, deny or answer a call before it is made."""
