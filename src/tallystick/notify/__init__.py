"""Alerts that arrive: signed webhook, Slack, mail; once, retried, also after a restart."""
