"""The bench: what the server costs and how fast it is, measured from outside by processes that check what they receive.

Knows the wire contract alone and imports nothing of the server.
"""
