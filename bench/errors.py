"""The one error of the bench: it could not measure. Wrong deliveries are no exceptions but failures in the result."""

from __future__ import annotations


class BenchError(Exception):
    """The measurement could not be made; the message is one line for the person at the terminal."""
