"""Records of another store, taken in and read back.

Each kind is a pair of functions: record → document, document → record.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pymongo.errors import BulkWriteError

from common.rfc3339 import epoch_ms_of
from common.startup_error import StartupError
from store.export_records import (
    KINDS,
    ChangeRecord,
    FileRecord,
    Key,
    MemberRecord,
    ReactionRecord,
    RoomRecord,
    UserRecord,
)
from store.ids import place_of
from store.models import FileDraft, Message
from store.mongo.database import Database, Document, epoch_ms, stored_time, unset
from store.mongo.documents import (
    file_document,
    file_from,
    is_reaction_entry,
    message_from,
    session_document,
    session_from,
)
from store.mongo.entry_application import KEEP_MS
from store.mongo.errors import only_duplicates
from store.mongo.files import GridBlobs

_READ_BATCH = 1000


def _when(time_ms: int | None) -> Any:
    return None if time_ms is None else stored_time(time_ms)


def _user_document(record: UserRecord) -> Document:
    return unset(
        {
            "_id": record.id,
            "username": record.username,
            "usernameFolded": record.username.casefold(),
            "email": record.email,
            "emailFolded": record.email.lower(),
            "passwordHash": record.password_hash,
            "displayName": record.display_name,
            "displayFolded": record.display_name.casefold(),
            "avatarUrl": record.avatar_url,
            "textColor": record.text_color,
            "backgroundColor": record.background_color,
            "status": record.status,
            "customStatus": record.custom_status,
            "createdAt": stored_time(record.created_at),
            "disabledAt": _when(record.disabled_at),
        }
    )


def _user_record(document: Mapping[str, Any]) -> UserRecord:
    return UserRecord(
        id=document["_id"],
        username=document["username"],
        email=document["email"],
        password_hash=document["passwordHash"],
        display_name=document["displayName"],
        avatar_url=document.get("avatarUrl"),
        text_color=document.get("textColor"),
        background_color=document.get("backgroundColor"),
        status=document["status"],
        custom_status=document.get("customStatus"),
        created_at=int(document["createdAt"]),
        disabled_at=epoch_ms(document.get("disabledAt")),
    )


def _room_document(record: RoomRecord) -> Document:
    return unset(
        {
            "_id": record.id,
            "order": record.order,
            "name": record.name,
            "nameFolded": record.name.casefold(),
            "description": record.description,
            "isPrivate": record.is_private,
            "kind": record.kind,
            "directKey": record.direct_key,
            "ownerId": record.owner_id,
            "maxUsers": record.max_users,
            "memberCount": record.member_count,
            "slowModeS": record.slow_mode_s or None,
            "archivedAt": _when(record.archived_at),
            "createdAt": stored_time(record.created_at),
            "rev": record.rev,
        }
    )


def _room_record(document: Mapping[str, Any]) -> RoomRecord:
    return RoomRecord(
        id=document["_id"],
        order=document["order"],
        name=document["name"],
        description=document.get("description"),
        is_private=document["isPrivate"],
        kind=document["kind"],
        direct_key=document.get("directKey"),
        owner_id=document.get("ownerId"),
        max_users=document["maxUsers"],
        member_count=document["memberCount"],
        slow_mode_s=document.get("slowModeS", 0),
        archived_at=epoch_ms(document.get("archivedAt")),
        created_at=int(document["createdAt"]),
        rev=document["rev"],
    )


def _member_document(record: MemberRecord) -> Document:
    return unset(
        {
            "roomId": record.room_id,
            "userId": record.user_id,
            "username": record.username,
            "usernameFolded": record.username.casefold(),
            "roomOrder": record.room_order,
            "role": record.role,
            "readSeq": record.read_seq,
            "left": False,
            "mutedUntil": _when(record.muted_until),
            "joinedAt": stored_time(record.joined_at),
            "joinedRev": record.joined_rev,
            "rev": record.joined_rev,
        }
    )


def _member_record(document: Mapping[str, Any]) -> MemberRecord:
    return MemberRecord(
        room_id=document["roomId"],
        user_id=document["userId"],
        username=document["username"],
        room_order=document["roomOrder"],
        role=document["role"],
        read_seq=document["readSeq"],
        muted_until=epoch_ms(document.get("mutedUntil")),
        joined_at=int(document["joinedAt"]),
        joined_rev=document["joinedRev"],
    )


def _message_document(message: Message) -> Document:
    return unset(
        {
            "roomId": message.room_id,
            "seq": message.seq,
            "rev": message.rev,
            "userId": message.user_id,
            "username": message.username,
            "type": message.type,
            "content": message.content,
            "clientId": message.client_id,
            "replyTo": _seq_of(message.reply_to_id),
            "thread": _seq_of(message.thread_id),
            "attachments": [file_document(file) for file in message.attachments] or None,
            "mentions": list(message.mentions) or None,
            "reactions": [
                {"emoji": emoji, "count": reaction.count, "userIds": list(reaction.user_ids)}
                for emoji, reaction in message.reactions.items()
            ]
            or None,
            "createdAt": stored_time(epoch_ms_of(message.created_at)),
            "editedAt": None if message.edited_at is None else stored_time(epoch_ms_of(message.edited_at)),
            "deletedAt": None if message.deleted_at is None else stored_time(epoch_ms_of(message.deleted_at)),
        }
    )


def _seq_of(message_id: str | None) -> int | None:
    place = None if message_id is None else place_of(message_id)
    return None if place is None else place[1]


def _change_document(record: ChangeRecord) -> Document:
    document: Document = {"roomId": record.room_id, "rev": record.rev, "createdAt": stored_time(record.created_at)}
    if record.message is not None:
        document |= {"seq": record.message.seq, "message": _message_document(record.message)}
    if record.is_reaction:
        document["isReaction"] = True
    if not record.is_newest:
        document["expiresAt"] = stored_time(time.time_ns() // 1_000_000 + KEEP_MS)
    return document


def _change_record(document: Mapping[str, Any]) -> ChangeRecord:
    message = document.get("message")
    return ChangeRecord(
        room_id=document["roomId"],
        rev=document["rev"],
        created_at=int(document["createdAt"]),
        is_newest="expiresAt" not in document,
        message=None if message is None else message_from(message),
        is_reaction=is_reaction_entry(document),
    )


def _reaction_document(record: ReactionRecord) -> Document:
    return {
        "roomId": record.room_id,
        "seq": record.seq,
        "emoji": record.emoji,
        "userId": record.user_id,
        "on": True,
        "rev": 0,
        "since": stored_time(record.created_at),
    }


def _reaction_record(document: Mapping[str, Any]) -> ReactionRecord:
    return ReactionRecord(
        document["roomId"], document["seq"], document["emoji"], document["userId"], int(document["since"])
    )


def _file_record_document(record: FileRecord) -> Document:
    posts = [{"roomId": room_id, "clientId": client_id} for room_id, client_id in record.posts]
    return file_document(record.draft) | unset(
        {"ownerId": record.draft.owner_id, "createdAt": stored_time(record.created_at), "posts": posts or None}
    )


def _file_record(document: Mapping[str, Any]) -> FileRecord:
    file = file_from(document)
    draft = FileDraft(
        id=file.id,
        owner_id=document["ownerId"],
        name=file.name,
        size=file.size,
        mime_type=file.mime_type,
        sha256=file.sha256,
        width=file.width,
        height=file.height,
        has_thumbnail=file.thumbnail_url is not None,
    )
    posts = tuple((post["roomId"], post["clientId"]) for post in document.get("posts", ()))
    return FileRecord(draft, int(document["createdAt"]), posts)


class _Mapping(NamedTuple):
    document: Callable[[Any], Document]
    record: Callable[[Mapping[str, Any]], Any]


_MAPPINGS: Mapping[str, _Mapping] = {
    "users": _Mapping(_user_document, _user_record),
    "sessions": _Mapping(session_document, session_from),
    "rooms": _Mapping(_room_document, _room_record),
    "members": _Mapping(_member_document, _member_record),
    "messages": _Mapping(_message_document, message_from),
    "changes": _Mapping(_change_document, _change_record),
    "reactions": _Mapping(_reaction_document, _reaction_record),
    "files": _Mapping(_file_record_document, _file_record),
}


class MongoImporter:
    """store.records.Target on MongoDB. Where it was is kept in the collection `migration`, until it is done."""

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._state = database.raw["migration"]
        self._blobs = GridBlobs(database=database)

    async def begin(self, source_id: str) -> None:
        async with self._database.operation("migration.begin", write=True):
            state = await self._state.find_one({"_id": "source"})
            if state is not None and state["source"] == source_id:
                return
            for kind in KINDS:
                if state is not None or await self._database.raw[kind].find_one({}, {"_id": 1}) is not None:
                    raise StartupError("the target database is not empty: give another MONGO_DB_NAME, or drop it")
            await self._state.insert_one({"_id": "source", "source": source_id})

    async def position(self, kind: str) -> tuple[Key | None, bool]:
        async with self._database.operation("migration.position"):
            state = await self._state.find_one({"_id": kind})
        if state is None:
            return None, False
        return (None, True) if state["key"] is None else (tuple(state["key"]), False)

    async def put(self, kind: str, records: Sequence[Any], key: Key | None) -> None:
        documents = [_MAPPINGS[kind].document(record) for record in records]
        async with self._database.operation("migration.put", write=True):
            if documents:
                try:
                    await self._database.raw[kind].insert_many(documents, ordered=False)
                except BulkWriteError as error:
                    if not only_duplicates(error):  # those are there since we were cut off
                        raise
            position = {"key": None if key is None else list(key)}
            await self._state.update_one({"_id": kind}, {"$set": position}, upsert=True)

    async def put_blob(self, key: str, pieces: AsyncIterator[bytes], *, sha256: str | None) -> None:
        written = await self._blobs.write(key, pieces)
        if sha256 is not None and written.sha256 != sha256:
            await self._blobs.delete(key)
            raise StartupError(f"the bytes of file {key} are not those that were uploaded: its SHA-256 differs")
        await self._blobs.keep(key)

    async def records(self, kind: str) -> AsyncIterator[Any]:
        wanted = {"left": False} if kind == "members" else {"on": True} if kind == "reactions" else {}
        last: Any = None
        while True:
            after = {} if last is None else {"_id": {"$gt": last}}
            async with self._database.operation("migration.records"):
                found = self._database.raw[kind].find({**wanted, **after}).sort("_id", 1).limit(_READ_BATCH)
                documents = await found.to_list(None)
            for document in documents:
                yield _MAPPINGS[kind].record(document)
            if len(documents) < _READ_BATCH:
                return
            last = documents[-1]["_id"]

    async def end(self) -> None:
        async with self._database.operation("migration.end", write=True):
            await self._state.drop()
