"""Copies the content of a store to another backend: resumable, and compared at the end. Knows neither backend."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol

import msgspec

from common.startup_error import StartupError
from store.contract import Files
from store.errors import Missing
from store.export_records import KINDS, ExportSource, FileRecord, ImportTarget, expires_at_ms
from store.ids import thumbnail_key

BATCH = 1000
EXPIRY_MARGIN_MS = 600_000

Report = Callable[[str, int, int], None]


class ReadBack(Protocol):
    """The target, opened as a store: what its readers will see."""

    files: Files

    async def count(self, kind: str) -> int:
        """The estimated number of records of a kind."""


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


async def copy_store(
    source: ExportSource, target: ImportTarget, *, source_id: str, read_back: ReadBack, report: Report
) -> dict[str, Digest]:
    """Copy everything, then read both sides, the bytes of files too, and compare them.

    An interrupted call is continued by the next one. Calls `report(what, done, of)` during the work. Returns the
    digests by kind. Raises StartupError in one line.
    """
    await target.begin(source_id)
    for kind in KINDS:
        await _copy(kind, source, target, read_back, report)
    digests = {}
    # What expires about now may be removed on one side already, so it is not compared.
    ending_ms = time.time_ns() // 1_000_000 + EXPIRY_MARGIN_MS
    for kind in KINDS:
        ours, theirs = Digest(), Digest()
        total = await source.count(kind)
        async for record in _records(kind, source):
            if _is_compared(record, ending_ms):
                ours.add(record)
                if isinstance(record, FileRecord):
                    await _compare_bytes(record, source, read_back)
                _report_each_batch(report, f"comparing {kind}", ours.count, total)
        async for record in target.records(kind):
            if _is_compared(record, ending_ms):
                theirs.add(record)
        if (ours.count, ours.checksum) != (theirs.count, theirs.checksum):
            raise StartupError(
                f"{kind} differ: {ours.count} with checksum {ours.checksum[:16]} became "
                f"{theirs.count} with {theirs.checksum[:16]};"
                " drop the target database and begin again"
            )
        report(f"comparing {kind}", total, total)
        digests[kind] = ours
    await target.end()
    return digests


async def _copy(kind: str, source: ExportSource, target: ImportTarget, read_back: ReadBack, report: Report) -> None:
    total = await source.count(kind)
    key, is_done = await target.position(kind)
    # Records of an interrupted batch are put again, and must not be counted twice.
    done = 0 if key is None else await read_back.count(kind) // BATCH * BATCH
    if done or is_done:
        report(kind, total if is_done else min(done, total), total)
    while not is_done:
        records, key = await source.batch(kind, key, BATCH)
        for record in records:
            if isinstance(record, FileRecord):
                await _copy_file(record, source, target)
        await target.put(kind, records, key)
        done += len(records)
        is_done = key is None
        report(kind, total if is_done else min(done, total), total)


async def _copy_file(record: FileRecord, source: ExportSource, target: ImportTarget) -> None:
    for key, thumbnail in _blobs(record):
        sha256 = None if thumbnail else record.draft.sha256
        try:
            await target.put_blob(key, source.blob(key), sha256=sha256)
        except Missing as error:
            raise StartupError(f"the bytes of file {key} are missing: restore them, or delete the file") from error


async def _compare_bytes(record: FileRecord, source: ExportSource, read_back: ReadBack) -> None:
    """Raises StartupError if the bytes of a file, or of its thumbnail, are missing or differ."""
    for key, thumbnail in _blobs(record):
        try:
            ours = await _hash(source.blob(key))
        except Missing as error:
            raise StartupError(f"the bytes of file {key} are missing: restore them, or delete the file") from error
        try:
            theirs = await _hash(read_back.files.read(record.draft.id, thumbnail=thumbnail))
        except Missing:
            theirs = "nothing"
        if ours != theirs:
            raise StartupError(
                f"the bytes of file {key} differ: {ours[:16]} became {theirs[:16]}; drop "
                f"the target database and begin again"
            )


def _blobs(record: FileRecord) -> Sequence[tuple[str, bool]]:
    """The keys of a file's bytes, each with whether they are its thumbnail's."""
    file_id = record.draft.id
    return [(file_id, False), *([(thumbnail_key(file_id), True)] if record.draft.has_thumbnail else [])]


async def _hash(pieces: AsyncIterator[bytes]) -> str:
    digest = hashlib.sha256()
    async for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


async def _records(kind: str, source: ExportSource) -> AsyncIterator[Any]:
    records, key = await source.batch(kind, None, BATCH)
    while True:
        for record in records:
            yield record
        if key is None:
            return
        records, key = await source.batch(kind, key, BATCH)


def _is_compared(record: Any, ending_ms: int) -> bool:
    expires_ms = expires_at_ms(record)
    return expires_ms is None or expires_ms > ending_ms


def _report_each_batch(report: Report, what: str, done: int, total: int) -> None:
    if done % BATCH == 0:
        report(what, done, total)
