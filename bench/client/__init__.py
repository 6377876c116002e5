"""The load client: many connections in processes of their own, each checking all it receives."""
