from __future__ import annotations

import typing
from typing import Any

import msgspec
import pytest

from store.export_records import KINDS, ChangeRecord, expires_at_ms
from store.models import FileDraft, Message
from store.mongo.export_documents import MAPPINGS

END_MS = 1_900_000_000_000
SOME: dict[Any, Any] = {int: END_MS, str: "1", bool: False}
DATES = dict.fromkeys(("created_at", "edited_at", "deleted_at"), "2030-01-01T00:00:00.000Z")
TEXTS = {"details": "{}", "reply_to_id": None, "thread_id": None, "type": "text"}


def sample(kind: type[Any]) -> Any:
    """A record with each time in it set, and no message."""
    hints = typing.get_type_hints(kind)
    values = {name: some(hints[name]) for name in kind.__struct_fields__}
    if kind is Message:
        values |= DATES
    return kind(**values | {name: text for name, text in TEXTS.items() if name in values})


def some(hint: Any) -> Any:
    possible = [one for one in typing.get_args(hint) or (hint,) if one is not type(None)]
    if hint is FileDraft:
        return sample(FileDraft)
    if possible[0] is Message:
        return None
    origin = typing.get_origin(hint)
    return origin() if origin in (tuple, dict) else SOME[possible[0]]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_mongodb_removes_by_itself_is_known_to_the_comparison_at_the_end_of_a_migration(kind: str) -> None:
    record = sample(KINDS[kind])
    if isinstance(record, ChangeRecord):
        record = msgspec.structs.replace(record, is_newest=True)  # the others are kept for days after they are copied
    expires_at = MAPPINGS[kind].document(record).get("expiresAt")
    known_ms = expires_at_ms(record)
    if expires_at is None:
        assert known_ms is None
    else:
        assert known_ms is not None
        assert known_ms <= int(expires_at)
