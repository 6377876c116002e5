"""Which tests need a MongoDB server: they carry the mark `mongo`, so that `-m "not mongo"` runs where there is none,
and quickly.

The mark follows from the fixtures that a test uses, so no test has to set it.
"""

from __future__ import annotations

import pytest

# The fixtures that start such a server, and the parametrized ones that ask for them by a value of this kind.
SERVERS = frozenset({"mongo_uri", "text_uri"})
CHOICES = ("backend", "store_env")


def mark_mongo(item: pytest.Item) -> None:
    """Called as each test is collected."""
    if uses_mongo(item):
        item.add_marker("mongo")


def uses_mongo(item: pytest.Item) -> bool:
    if not SERVERS.isdisjoint(getattr(item, "fixturenames", ())):
        return True
    call = getattr(item, "callspec", None)
    return call is not None and any(str(call.params.get(name)).startswith("mongo") for name in CHOICES)
