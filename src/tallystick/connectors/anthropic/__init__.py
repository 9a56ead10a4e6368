"""Anthropic's cost and usage reports, Claude Code analytics and unified analytics."""
