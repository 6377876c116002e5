"""Who may do what, over REST and WebSocket: one table of operations and people, and what it takes to try its cells."""
