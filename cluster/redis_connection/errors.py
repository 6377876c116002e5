"""The two ways in which a command to Redis fails."""

from __future__ import annotations


class RedisGone(Exception):
    """Redis cannot be reached, or did not answer in time. The command may have been executed."""


class RedisRefused(Exception):
    """Redis answered with an error. The command had no effect."""
