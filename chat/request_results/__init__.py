"""What use cases return to clients, as frozen structs; their encoded names are the contract's.

A field of type bytes is a message or change that is encoded already: it was encoded once for all who read it.
"""
