"""The error of files of `web/` that do not go together."""

from __future__ import annotations


class AssetError(Exception):
    """A file that cannot be read as what it is, that names one that is not there, or that leads to itself."""
