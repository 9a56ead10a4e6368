"""Azure: Cost Management queries and cost exports, as lines of bills."""
