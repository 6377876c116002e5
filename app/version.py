"""The version of Chat Rooms, in this one place: setup.cfg reads it, /health and traces show it."""

VERSION = "0.2.0"
