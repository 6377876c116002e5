"""The mark `mongo` on tests that need a MongoDB server: `-m "not mongo"` runs quickly, and where there is no server.

The mark follows from the fixtures that a test uses, so no test has to set it.
"""

from __future__ import annotations

import pytest

# The fixtures that start a MongoDB server, and the parametrized ones that request them if a value begins with "mongo".
SERVER_FIXTURES = frozenset({"mongo_uri", "text_uri"})
BACKEND_FIXTURES = ("backend", "store_env")


def mark_mongo(item: pytest.Item) -> None:
    """Mark a test if it needs a server. Called for each collected test."""
    if uses_mongo(item):
        item.add_marker("mongo")


def uses_mongo(item: pytest.Item) -> bool:
    if not SERVER_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
        return True
    call = getattr(item, "callspec", None)
    return call is not None and any(str(call.params.get(name)).startswith("mongo") for name in BACKEND_FIXTURES)
