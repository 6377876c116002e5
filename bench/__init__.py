"""The bench: what the server costs and how fast it is, measured from outside by processes that check what they receive.

The scenarios that measure a server use only the wire contract; claims writes users and rooms before its servers start.
store, search, cache, publish and limits call the modules that they measure, without a server.
"""
