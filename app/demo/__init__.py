"""The sample people, rooms and conversations of `server.py demo`: what they say, when, and who plays it."""
