"""AWS: its cost and usage reports, FOCUS exports, Bedrock's invocation logs, Cost Explorer."""
