"""Translates the driver's errors to the store's, by one table. Knows no collection."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bson.errors import BSONError
from msgspec import Struct
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidOperation,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WTimeoutError,
)

from store.errors import StoreError, StoreTimeout, StoreUnavailable, TooLarge

DUPLICATE_KEY = 11000
UNAUTHORIZED = 13
AUTHENTICATION_FAILED = 18
OUT_OF_DISK_SPACE = 14031

# The first row that matches makes the store's error from the operation's name. A write that may have happened is a
# StoreTimeout, or "io" where the connection broke: the retry's clientId settles both. A write that cannot have
# happened has another reason.
_TABLE: tuple[tuple[type[Exception], Callable[[str], StoreError]], ...] = (
    (WaitQueueTimeoutError, lambda _: StoreUnavailable("busy")),
    (ServerSelectionTimeoutError, lambda _: StoreUnavailable("gone")),
    (NetworkTimeout, StoreTimeout),
    (ExecutionTimeout, StoreTimeout),
    (WTimeoutError, StoreTimeout),
    (NotPrimaryError, lambda _: StoreUnavailable("failover")),
    (DocumentTooLarge, TooLarge),
    (ConnectionFailure, lambda _: StoreUnavailable("io")),
    (InvalidOperation, lambda _: StoreUnavailable("closed")),  # the client was closed under it
)

_FAILOVER = (91, 100, 112, 133, 134, 189, 10107, 11600, 11602, 13435, 13436)
_BROKEN = (6, 7, 9001)
_TOO_LATE = (50, 89, 202, 262, 11601)
_TOO_LARGE = (10334, 17280, 17419, 17420)

# The same by the server's error code.
_BY_CODE: Mapping[int, Callable[[str], StoreError]] = {
    **dict.fromkeys(_FAILOVER, lambda _: StoreUnavailable("failover")),
    **dict.fromkeys(_BROKEN, lambda _: StoreUnavailable("io")),
    **dict.fromkeys(_TOO_LATE, StoreTimeout),
    **dict.fromkeys(_TOO_LARGE, TooLarge),
    **dict.fromkeys((UNAUTHORIZED, AUTHENTICATION_FAILED), lambda _: StoreUnavailable("refused")),
    OUT_OF_DISK_SPACE: lambda _: StoreUnavailable("full"),
}


def explained(operation: str, error: PyMongoError | BSONError) -> Exception:
    """The store's error for the driver's; the driver's own error where the request was invalid, which is a defect."""
    for kind, ours in _TABLE:
        if isinstance(error, kind):
            return ours(operation)
    if isinstance(error, BSONError):
        return error
    if error.timeout:
        return StoreTimeout(operation)
    if type(error) is OperationFailure and error.code is None:
        return StoreUnavailable("io")  # the server gave no code: the write may have happened
    meant = next((_BY_CODE[code] for code in codes_of(error) if code in _BY_CODE), None)
    return error if meant is None else meant(operation)


def codes_of(error: PyMongoError) -> set[int]:
    """All server error codes that an error carries."""
    codes: set[int | None] = set()
    if isinstance(error, OperationFailure):
        codes.add(error.code)
    if isinstance(error, BulkWriteError):
        details = error.details or {}
        for part in (*details.get("writeErrors", ()), *details.get("writeConcernErrors", ())):
            codes.add(part.get("code"))
    return {code for code in codes if code is not None}


def only_duplicates(error: PyMongoError) -> bool:
    """Whether duplicate keys are the only errors."""
    return codes_of(error) - {65} == {DUPLICATE_KEY}  # 65: BulkWriteError's own, "there were several"


class Duplicate(Struct, frozen=True):
    """Where an ordered insert stopped: the document's position, and the violated unique index (empty: unknown)."""

    position: int
    index_name: str


def duplicate_of(error: PyMongoError) -> Duplicate | None:
    """The duplicate key that stopped an ordered insert; None for any other error."""
    if not isinstance(error, BulkWriteError) or not only_duplicates(error):
        return None
    first = error.details["writeErrors"][0]
    return Duplicate(first["index"], _index_in(str(first.get("errmsg", ""))))


def index_of(error: DuplicateKeyError) -> str:
    """The name of the unique index that refused a single write; empty if the server does not say."""
    return _index_in(str(error))


def _index_in(message: str) -> str:
    """The index name in MongoDB's message, which is the same in all versions:
    "E11000 duplicate key error collection: db.messages index: room_seq dup key: …".
    """
    return message.partition(" index: ")[2].partition(" ")[0]
