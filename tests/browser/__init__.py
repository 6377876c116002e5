"""The chat page in a real browser against a real server; its pure parts under Node's own runner."""
