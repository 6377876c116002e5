"""The connection to MongoDB: the driver's options, and what a wrong address becomes. Knows no collections."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient
from msgspec import Struct
from pymongo.errors import OperationFailure, PyMongoError

from store.errors import StartRefused
from store.mongo.database import Document
from store.mongo.errors import AUTHENTICATION_FAILED, UNAUTHORIZED, codes_of

APP_NAME = "chat-rooms"


class MongoOptions(Struct, frozen=True):
    """Where the database is and how it is used. Times in milliseconds; `write_concern` as `w` takes it."""

    uri: str
    db_name: str
    max_pool_size: int = 10
    min_pool_size: int = 5
    max_idle_time_ms: int = 30_000
    socket_timeout_ms: int = 45_000
    wait_queue_timeout_ms: int = 5_000
    server_selection_timeout_ms: int = 5_000
    write_concern: str = "majority"

    @property
    def w(self) -> str | int:
        return int(self.write_concern) if self.write_concern.isdigit() else self.write_concern


def connect(options: MongoOptions, *, listeners: Sequence[Any] = ()) -> AsyncIOMotorClient[Document]:
    """A client; nothing is asked of the server yet. Raises StartRefused with one line, without the URI: it may hold a password."""
    try:
        # What the driver only warns of, and then does without, is a mistake: it would be found out too late.
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            return _client(options, listeners)
    except (PyMongoError, UserWarning, ValueError, TypeError) as error:
        raise StartRefused(f"MONGO_URI cannot be used: {without_credentials(str(error), options.uri)}") from error


def _client(options: MongoOptions, listeners: Sequence[Any]) -> AsyncIOMotorClient[Document]:
    return AsyncIOMotorClient(
        options.uri,
        appname=APP_NAME,
        maxPoolSize=options.max_pool_size,
        minPoolSize=min(options.min_pool_size, options.max_pool_size),
        maxIdleTimeMS=options.max_idle_time_ms,
        socketTimeoutMS=options.socket_timeout_ms,
        connectTimeoutMS=options.server_selection_timeout_ms,
        waitQueueTimeoutMS=options.wait_queue_timeout_ms,
        serverSelectionTimeoutMS=options.server_selection_timeout_ms,
        retryWrites=True,
        retryReads=True,
        event_listeners=list(listeners),
    )


def without_credentials(text: str, uri: str) -> str:
    """One line of `text` with what stands before the `@` of the URI blotted out, should it be in there."""
    credentials = uri.partition("://")[2].rpartition("@")[0]
    for secret in (credentials, credentials.partition(":")[2]):
        if secret:
            text = text.replace(secret, "…")
    return " ".join(text.split())


def refusal_of(error: PyMongoError, options: MongoOptions, seconds: float) -> str:
    """Why the database cannot be used, in one line for the operator, `seconds` after it was first asked."""
    reason = without_credentials(str(error), options.uri).partition(" (configured timeouts")[0]
    if isinstance(error, OperationFailure) and codes_of(error) & {UNAUTHORIZED, AUTHENTICATION_FAILED}:
        return "MongoDB refuses the user name or the password of MONGO_URI"
    if error.timeout:
        return f"MongoDB did not answer within {seconds:.1f} s: {reason[:200]}"
    return f"MongoDB cannot be used: {reason[:200]}"
