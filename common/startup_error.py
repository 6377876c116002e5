"""The error that ends a start: the settings, the machine or the data are wrong."""

from __future__ import annotations


class StartupError(Exception):
    """The process cannot start, and exits with code 1. The text is one line for the operator."""
