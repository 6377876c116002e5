"""The figures of a running server in a terminal, for `server.py top`: asked for, computed, drawn."""
