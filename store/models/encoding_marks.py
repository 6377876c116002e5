"""Marks on fields that clients see otherwise than the type says; only the API documents read them.

They cost nothing when a record is encoded. Knows no document.
"""

from __future__ import annotations

from msgspec import Meta

SERVER_ONLY = Meta(extra_json_schema={"x-server-only": True})  # has its default, so it is left out, once it is encoded
OPTIONAL = Meta(extra_json_schema={"x-optional": True})  # absent from what clients see where it is the default


def encoded(*shown: str) -> Meta:
    """Bytes that are JSON already: of one of the records with these names."""
    return Meta(extra_json_schema={"x-encoded": list(shown)})


def one_of(*words: str) -> Meta:
    """A text that is one of these."""
    return Meta(extra_json_schema={"enum": list(words)})
