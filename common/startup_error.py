"""The error of a start: what is wrong with the settings, the machine or the data, said in one line."""

from __future__ import annotations


class StartupError(Exception):
    """This program cannot begin its work; the text is one line for the operator. The process exits 1."""
