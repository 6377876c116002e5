"""All indexes in one table: created at start, compared by the health check. docs/operations.md gives uses and costs."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, structs
from pymongo import ASCENDING, DESCENDING, TEXT, IndexModel
from pymongo.errors import OperationFailure

from common.startup_error import StartupError
from store.mongo.database import Database

logger = logging.getLogger(__name__)


class Index(Struct, frozen=True):
    """One index; `options` as createIndexes takes them. An index with `older_keys` is of a program of before: it is
    replaced.
    """

    collection: str
    name: str
    keys: tuple[tuple[str, int | str], ...]
    options: Mapping[str, Any] = {}
    older_keys: tuple[tuple[str, int | str], ...] = ()

    def model(self) -> IndexModel:
        return IndexModel(list(self.keys), name=self.name, **self.options)


SEQ_INDEX = "room_seq"
ORDER_INDEX = "order"

_UNIQUE = {"unique": True}
_EXPIRES = (("expiresAt", ASCENDING),), {"expireAfterSeconds": 0}

INDEXES: tuple[Index, ...] = (
    Index("users", "username", (("usernameFolded", ASCENDING),), _UNIQUE),
    Index("users", "email", (("emailFolded", ASCENDING),), _UNIQUE),
    Index("users", "display_name", (("displayFolded", ASCENDING),)),
    Index("users", "ending", (("endingSince", ASCENDING),), {"sparse": True}),
    Index("sessions", "by_user", (("userId", ASCENDING),)),
    Index(
        "sessions",
        "revoked",
        (("revokedAt", DESCENDING),),
        {"partialFilterExpression": {"revokedAt": {"$exists": True}}},
    ),
    Index("sessions", "expires", *_EXPIRES),
    Index("known_addresses", "user_mark", (("userId", ASCENDING), ("mark", ASCENDING)), _UNIQUE),
    Index("known_addresses", "seen", (("seenAt", ASCENDING),)),
    Index("rooms", "direct", (("directKey", ASCENDING),), {"unique": True, "sparse": True}),
    Index("rooms", "listed", (("isPrivate", ASCENDING), ("order", DESCENDING))),
    Index("rooms", ORDER_INDEX, (("order", DESCENDING),), _UNIQUE),
    Index("members", "room_user", (("roomId", ASCENDING), ("userId", ASCENDING)), _UNIQUE),
    Index("members", "user_rooms", (("userId", ASCENDING), ("roomOrder", DESCENDING))),
    Index("members", "room_names", (("roomId", ASCENDING), ("usernameFolded", ASCENDING))),
    Index("members", "expires", *_EXPIRES),
    Index("messages", SEQ_INDEX, (("roomId", ASCENDING), ("seq", ASCENDING)), _UNIQUE),
    Index(
        "messages",
        "room_author_client",
        (("roomId", ASCENDING), ("userId", ASCENDING), ("clientId", ASCENDING)),
        _UNIQUE,
    ),
    Index(
        "messages",
        "thread",
        (("roomId", ASCENDING), ("thread", ASCENDING), ("seq", ASCENDING)),
        {"partialFilterExpression": {"thread": {"$exists": True}}},
    ),
    Index("messages", "room_created", (("roomId", ASCENDING), ("createdAt", ASCENDING))),
    Index(
        "messages",
        "mentions",
        (("mentions", ASCENDING), ("roomId", ASCENDING), ("seq", ASCENDING)),
        {"partialFilterExpression": {"mentions": {"$exists": True}}},
    ),
    Index(
        "messages",
        "with_file",
        (("roomId", ASCENDING), ("createdAt", ASCENDING), ("seq", ASCENDING)),
        {"partialFilterExpression": {"attachments": {"$exists": True}}},
    ),
    # No language: no stems and no stop words, for a room may speak several.
    Index(
        "messages",
        "content_text",
        (("content", TEXT), ("folded", TEXT)),
        {"default_language": "none"},
        older_keys=(("content", TEXT),),
    ),
    Index("changes", "room_rev", (("roomId", ASCENDING), ("rev", ASCENDING)), _UNIQUE),
    Index("changes", "expires", *_EXPIRES),
    Index("message_edits", SEQ_INDEX, (("roomId", ASCENDING), ("seq", ASCENDING)), _UNIQUE),
    Index("message_edits", "expires", *_EXPIRES),
    Index(
        "reactions",
        "reactor",
        (("roomId", ASCENDING), ("seq", ASCENDING), ("emoji", ASCENDING), ("userId", ASCENDING)),
        _UNIQUE,
    ),
    Index("reactions", "expires", *_EXPIRES),
    Index("bans", "room_user", (("roomId", ASCENDING), ("userId", ASCENDING)), _UNIQUE),
    Index("bans", "room_time", (("roomId", ASCENDING), ("bannedAt", ASCENDING), ("userId", ASCENDING))),
    Index("bans", "expires", *_EXPIRES),
    Index("reports", "reporter", (("roomId", ASCENDING), ("by", ASCENDING), ("seq", ASCENDING)), _UNIQUE),
    Index(
        "reports",
        "room_time",
        (("roomId", ASCENDING), ("reportedAt", ASCENDING), ("seq", ASCENDING), ("by", ASCENDING)),
    ),
    Index("reports", "expires", *_EXPIRES),
    Index("audit", "room_time", (("roomId", ASCENDING), ("at", ASCENDING), ("n", ASCENDING))),
    Index("audit", "expires", *_EXPIRES),
    Index("invites", "room_time", (("roomId", ASCENDING), ("createdAt", ASCENDING))),
    Index("invites", "expires", *_EXPIRES),
    Index("monitoring", "source_minute", (("source", ASCENDING), ("minute", ASCENDING)), _UNIQUE),
    Index("monitoring", "minute", (("minute", ASCENDING),)),
    Index("blocks", "user_blocked", (("userId", ASCENDING), ("blockedId", ASCENDING)), _UNIQUE),
    Index("bots", "by_room", (("roomId", ASCENDING), ("createdAt", ASCENDING))),
    Index("webhooks", "by_room", (("roomId", ASCENDING), ("createdAt", ASCENDING))),
    Index("webhooks", "token", (("tokenHash", ASCENDING),), _UNIQUE),
    Index("files", "owner_size", (("ownerId", ASCENDING), ("size", ASCENDING))),
    # The name that GridFS's other drivers and tools give it.
    Index("uploads.chunks", "files_id_1_n_1", (("files_id", ASCENDING), ("n", ASCENDING)), _UNIQUE),
)

_INDEX_NOT_FOUND = 27

# Indexes that a server may be unable to create: text search.
_OPTIONAL = {"content_text"}

# The options that are compared, with the value that an absent option means. A different value changes what a query
# finds, or whether the planner uses the index.
_OPTIONS: Mapping[str, Any] = {
    "unique": False,
    "sparse": False,
    "hidden": False,
    "partialFilterExpression": None,
    "collation": None,
    "expireAfterSeconds": None,
    "default_language": None,
}


async def ensure(database: Database) -> Sequence[str]:
    """Create the missing indexes. Returns one line for each optional index that the server cannot create.

    Raises StartupError in one line with the name of an index that exists with other keys or options.
    """
    refused = []
    for collection in dict.fromkeys(index.collection for index in INDEXES):
        present = await _existing_indexes(database, collection)
        for index in INDEXES:
            if index.collection != collection:
                continue
            if index.name in present and not is_older(index, present[index.name]):
                continue
            try:
                if index.name in present:
                    await _drop(database, index)
                await database.raw[collection].create_indexes([index.model()])
            except OperationFailure as error:
                why = f"index {collection}.{index.name} cannot be made: {_message_of(error)}"
                if index.name not in _OPTIONAL:
                    raise StartupError(why) from error
                refused.append(why)
                continue
            logger.info("index made", extra={"fields": {"collection": collection, "index": index.name}})
    _, wrong = await compare_indexes(database)
    if wrong:
        raise StartupError(f"index {wrong[0]} exists with other keys or options; drop it, and it will be made anew")
    return refused


async def compare_indexes(database: Database, *, with_text: bool = False) -> tuple[list[str], list[str]]:
    """Names (`collection.index`) of the missing indexes, and of those that differ from the table.

    `with_text`: the server has text search, so its index is reported as missing too. An existing one is always
    compared; one that the next start replaces is not wrong.
    """
    missing, wrong = [], []
    for collection in dict.fromkeys(index.collection for index in INDEXES):
        present = await _existing_indexes(database, collection)
        for index in INDEXES:
            if index.collection != collection:
                continue
            if index.name not in present:
                if index.name in _OPTIONAL and not with_text:
                    continue
                missing.append(f"{collection}.{index.name}")
            elif not is_same(index, present[index.name]) and not is_older(index, present[index.name]):
                wrong.append(f"{collection}.{index.name}")
    return missing, wrong


async def _existing_indexes(database: Database, collection: str) -> Mapping[str, Mapping[str, Any]]:
    return await database.raw[collection].index_information()


async def _drop(database: Database, index: Index) -> None:
    try:
        await database.raw[index.collection].drop_index(index.name)
    except OperationFailure as error:
        if error.code != _INDEX_NOT_FOUND:  # another process that starts has dropped it
            raise


def is_older(index: Index, present: Mapping[str, Any]) -> bool:
    """Whether an index that the server lists is what a program of before made in place of this one."""
    return bool(index.older_keys) and is_same(structs.replace(index, keys=index.older_keys), present)


def is_same(index: Index, present: Mapping[str, Any]) -> bool:
    """Whether an index that the server lists has the keys and options of the table."""
    wanted = {**_OPTIONS, **index.options}
    return _keys(present) == list(index.keys) and all(
        present.get(option, usual) == wanted[option] for option, usual in _OPTIONS.items()
    )


def _keys(present: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The keys as createIndexes takes them.

    MongoDB lists the keys of a text index as `_fts` and `_ftsx`, and its fields
    as `weights` (1 unless given).
    """
    keys: list[tuple[str, Any]] = []
    for field, kind in present["key"]:
        if field == "_fts":
            keys += [(name, TEXT if weight == 1 else weight) for name, weight in present.get("weights", {}).items()]
        elif field != "_ftsx":
            keys.append((field, kind))
    return keys


def _message_of(error: OperationFailure) -> str:
    return " ".join(str(error.details.get("errmsg", error) if error.details else error).split())[:200]
