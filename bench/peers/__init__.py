"""Other servers under the same load: the least one that stores and delivers, and those that others use.

Each has its source here, a form of one small task: a message of a connection goes to all connections of its room.
"""
