"""The connection to MongoDB: the driver's options, and what a wrong address becomes. Knows no collections."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient
from msgspec import Struct
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from common.startup_error import StartupError
from common.text_numbers import whole_number
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
        return self.write_concern if self.write_concern == "majority" else whole_number(self.write_concern)


def require_form(options: MongoOptions) -> None:
    """Raises ValueError in one line, without the URI, for one that the driver cannot use or would use in part.

    Asks nobody.
    """
    with _redacted_errors(options):
        # As Motor will make it, but that nothing is connected, nor a name looked up.
        MongoClient[Document](options.uri, connect=False, **_arguments(options, ())).close()


def connect(options: MongoOptions, *, listeners: Sequence[Any] = ()) -> AsyncIOMotorClient[Document]:
    """A client; nothing is asked of the server yet.

    Raises StartupError with one line, without the URI: it may hold a password.
    """
    try:
        with _redacted_errors(options):
            return AsyncIOMotorClient(options.uri, **_arguments(options, listeners))
    except ValueError as error:
        raise StartupError(f"MONGO_URI cannot be used: {error}") from error


@contextmanager
def _redacted_errors(options: MongoOptions) -> Iterator[None]:
    """What the driver says of the URI becomes a ValueError of one line without credentials."""
    try:
        # What the driver only warns of, and then does without, is a mistake: it would be found out too late.
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            yield
    except (PyMongoError, UserWarning, ValueError, TypeError) as error:
        raise ValueError(without_credentials(str(error), options.uri)) from error


def _arguments(options: MongoOptions, listeners: Sequence[Any]) -> dict[str, Any]:
    return {
        "appname": APP_NAME,
        "maxPoolSize": options.max_pool_size,
        "minPoolSize": min(options.min_pool_size, options.max_pool_size),
        "maxIdleTimeMS": options.max_idle_time_ms,
        "socketTimeoutMS": options.socket_timeout_ms,
        "connectTimeoutMS": options.server_selection_timeout_ms,
        "waitQueueTimeoutMS": options.wait_queue_timeout_ms,
        "serverSelectionTimeoutMS": options.server_selection_timeout_ms,
        "retryWrites": True,
        "retryReads": True,
        "event_listeners": list(listeners),
    }


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
