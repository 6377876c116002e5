"""The connection to MongoDB: the driver's options, and one-line errors without credentials. Knows no collections."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient
from msgspec import Struct
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from common.number_parsing import whole_number
from common.startup_error import StartupError
from store.mongo.database import Document
from store.mongo.errors import AUTHENTICATION_FAILED, UNAUTHORIZED, codes_of

APP_NAME = "chat-rooms"


class MongoOptions(Struct, frozen=True):
    """The database's address and the driver's options.

    Times in milliseconds; `write_concern`: "majority" or a number.
    """

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
    """Check the options without any connection or name lookup.

    Raises ValueError in one line, without the URI, if the driver cannot use the URI or would ignore a part of it.
    """
    with _redacted_errors(options):
        # The same client as Motor's, but it connects to nothing and looks up no name.
        MongoClient[Document](options.uri, connect=False, **_arguments(options, ())).close()


def connect(options: MongoOptions, *, listeners: Sequence[Any] = ()) -> AsyncIOMotorClient[Document]:
    """A client that has not connected yet.

    Raises StartupError in one line, without the URI, which may contain a password.
    """
    try:
        with _redacted_errors(options):
            return AsyncIOMotorClient(options.uri, **_arguments(options, listeners))
    except ValueError as error:
        raise StartupError(f"MONGO_URI cannot be used: {error}") from error


@contextmanager
def _redacted_errors(options: MongoOptions) -> Iterator[None]:
    """Turn the driver's errors about the URI into a ValueError of one line without credentials."""
    try:
        # The driver only warns of options that it then ignores. Such an option is a mistake, so it is an error here.
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
    """`text` in one line, with the credentials before the URI's `@` replaced by `…`."""
    credentials = uri.partition("://")[2].rpartition("@")[0]
    for secret in (credentials, credentials.partition(":")[2]):
        if secret:
            text = text.replace(secret, "…")
    return " ".join(text.split())


def refusal_of(error: PyMongoError, options: MongoOptions, seconds: float) -> str:
    """The reason why the database cannot be used, in one line, `seconds` after the first request."""
    reason = without_credentials(str(error), options.uri).partition(" (configured timeouts")[0]
    if isinstance(error, OperationFailure) and codes_of(error) & {UNAUTHORIZED, AUTHENTICATION_FAILED}:
        return "MongoDB refuses the user name or the password of MONGO_URI: mend it there, and name its authSource"
    if error.timeout:
        return f"MongoDB did not answer within {seconds:.1f} s ({reason[:200]}): start it, or mend MONGO_URI"
    return f"MongoDB cannot be used: {reason[:200]}"
