"""A store's whole content, moved from one backend to another: resumable, and compared at the end. Knows neither backend."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from store.errors import Missing, StartRefused
from store.ids import thumbnail_key
from store.models import Session
from store.records import KINDS, FileRecord, Source, Target

BATCH = 1000
SESSION_MARGIN_MS = 600_000

Report = Callable[[str, int, int], None]


class Digest:
    """The number of some records, and a checksum that does not depend on their order: the sum of their SHA-256."""

    def __init__(self) -> None:
        self.count = 0
        self._sum = 0

    def add(self, record: Any) -> None:
        self.count += 1
        self._sum += int.from_bytes(hashlib.sha256(msgspec.json.encode(record, order="deterministic")).digest(), "big")

    @property
    def checksum(self) -> str:
        return f"{self._sum % 2**256:064x}"


async def migrate(source: Source, target: Target, *, source_id: str, report: Report) -> dict[str, Digest]:
    """Copy everything, then read both sides and compare. Cut off at any moment, it goes on where it was.

    `report(what, done, of)` is called as it goes. Returns the digests by kind. Raises StartRefused with one line.
    """
    await target.begin(source_id)
    for kind in KINDS:
        await _copy(kind, source, target, report)
    digests = {}
    # A session that ends about now may be gone from one side already: nobody misses it.
    ending_ms = time.time_ns() // 1_000_000 + SESSION_MARGIN_MS
    for kind in KINDS:
        ours, theirs = Digest(), Digest()
        total = await source.count(kind)
        async for record in _records(kind, source):
            if _counts(record, ending_ms):
                ours.add(record)
                _report_now_and_then(report, f"comparing {kind}", ours.count, total)
        async for record in target.records(kind):
            if _counts(record, ending_ms):
                theirs.add(record)
        if (ours.count, ours.checksum) != (theirs.count, theirs.checksum):
            raise StartRefused(
                f"{kind} differ: {ours.count} with checksum {ours.checksum[:16]} became {theirs.count} with {theirs.checksum[:16]};"
                " drop the target database and begin again"
            )
        report(f"comparing {kind}", total, total)
        digests[kind] = ours
    await target.end()
    return digests


async def _copy(kind: str, source: Source, target: Target, report: Report) -> None:
    total, done = await source.count(kind), 0
    key, is_done = await target.position(kind)
    while not is_done:
        records, key = await source.batch(kind, key, BATCH)
        for record in records:
            if isinstance(record, FileRecord):
                await _copy_file(record, source, target)
        await target.put(kind, records, key)
        done += len(records)
        is_done = key is None
        report(kind, done, total)


async def _copy_file(record: FileRecord, source: Source, target: Target) -> None:
    draft = record.draft
    wanted = [(draft.id, draft.sha256), *([(thumbnail_key(draft.id), None)] if draft.has_thumbnail else [])]
    for key, sha256 in wanted:
        try:
            await target.put_blob(key, source.blob(key), sha256=sha256)
        except Missing as error:
            raise StartRefused(f"the bytes of file {key} are missing: restore them, or delete the file") from error


async def _records(kind: str, source: Source) -> AsyncIterator[Any]:
    records, key = await source.batch(kind, None, BATCH)
    while True:
        for record in records:
            yield record
        if key is None:
            return
        records, key = await source.batch(kind, key, BATCH)


def _counts(record: Any, ending_ms: int) -> bool:
    return not isinstance(record, Session) or record.expires_at_ms > ending_ms


def _report_now_and_then(report: Report, what: str, done: int, total: int) -> None:
    if done % BATCH == 0:
        report(what, done, total)
