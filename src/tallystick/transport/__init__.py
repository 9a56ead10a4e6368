"""Outgoing connections of the control plane: checked addresses, verified TLS, no redirects, bounded time."""
