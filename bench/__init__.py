"""The bench: what the server costs and how fast it is, measured from outside by processes that check what they receive.

Whoever measures a server knows the wire contract alone; store, cache and publish call the modules they measure without
a server.
"""
