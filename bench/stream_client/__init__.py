"""A load client for any server that delivers a room's messages to all of its connections, and that costs little itself.

It compares bytes: what the first connection of a room receives is parsed and checked, and every other one must receive
the same. So it can tell that all came once and in order at the rates of a server that is written for them, where the
client of `bench/client`, which decodes every frame, would be what is measured.
"""
