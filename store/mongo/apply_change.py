"""Applying entries of the changes log: what each one writes to the messages, their replaced texts, members,
reactions, files, rooms, bans and the audit trail.

An entry says all that it does, so any process can apply it. Each write carries the entry's rev and does nothing where
the document has a greater one: applying an entry again, or late, has no effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from bson.datetime_ms import DatetimeMS
from pymongo import ReplaceOne, UpdateMany, UpdateOne
from pymongo.errors import BulkWriteError

from store.models import REPLACED_TEXTS_KEPT
from store.mongo.audit import audit_update, trim_audit
from store.mongo.database import Collection, Database, Document, stored_time, unset
from store.mongo.errors import only_duplicates
from store.mongo.room_at_rev import ReactionKey

KEEP_MS = 7 * 24 * 3600 * 1000
TOMBSTONE_MS = 24 * 3600 * 1000

# An entry that is still not applied after this time was left by a process that ended; a reader applies it.
ABANDONED_MS = 1000


async def apply_entries(database: Database, room_id: str, entries: Sequence[Document]) -> None:
    """Apply consecutive entries. Repeating it has no effect, in this or another process."""
    if not entries:
        return
    first, last = entries[0]["rev"], entries[-1]["rev"]
    settings: Document = {}
    messages: dict[int, ReplaceOne[Document]] = {}
    members: list[UpdateOne] = []
    reactions: dict[ReactionKey, UpdateOne] = {}
    files: list[UpdateMany] = []
    bans: list[UpdateOne] = []
    invites: list[UpdateOne] = []
    audits: list[UpdateOne] = []
    edits: list[UpdateOne] = []
    for entry in entries:
        rev = entry["rev"]
        settings |= entry.get("settings", {})
        if message := entry.get("message"):
            place = {"roomId": room_id, "seq": message["seq"], "rev": {"$lt": rev}}
            messages[message["seq"]] = ReplaceOne(
                place, {name: value for name, value in message.items() if name != "_id"}
            )
            if "replaced" in entry or "deletedAt" in message:
                edits.append(_edits_update(room_id, rev, entry))
            if withdrawn := entry.get("withdrawn"):
                post = {"roomId": room_id, "clientId": message["clientId"]}
                files.append(UpdateMany({"_id": {"$in": withdrawn}}, {"$pull": {"posts": post}}))
        members += [_member_update(room_id, rev, patch) for patch in entry.get("members", ())]
        for patch in entry.get("reactions", ()):
            reactions[reaction_key_from(patch)] = _reaction_update(room_id, rev, entry["createdAt"], patch)
        if invite := entry.get("invite"):
            change = {"$setOnInsert": invite["made"]} if "made" in invite else {"$set": invite["set"]}
            invites.append(UpdateOne({"_id": invite["code"]}, change, upsert="made" in invite))
        bans += [_ban_update(room_id, rev, patch) for patch in entry.get("bans", ())]
        if "audit" in entry:
            audits.append(audit_update(room_id, entry))
    expires_at = stored_time(int(entries[-1]["createdAt"]) + KEEP_MS)
    await asyncio.gather(
        bulk_write(database.messages, list(messages.values())),
        bulk_write(database.members, members),
        bulk_write(database.reactions, list(reactions.values())),
        bulk_write(database.files, files),
        bulk_write(database.bans, bans),
        bulk_write(database.invites, invites),
        bulk_write(database.audit, audits),
        bulk_write(database.message_edits, edits),
        # An entry with a successor expires after 7 days. This is written before the room's rev, so that a process
        # that finishes an abandoned application writes it too.
        database.changes.update_many(
            {"roomId": room_id, "rev": {"$gte": first - 1, "$lt": last}}, {"$set": {"expiresAt": expires_at}}
        ),
    )
    if entries[-1].get("deletesRoom"):
        deleted = {"deletedAt": entries[-1]["createdAt"], "isEmpty": False}
        await database.deleted_rooms.update_one({"_id": room_id}, {"$setOnInsert": deleted}, upsert=True)
        await database.members.update_many({"roomId": room_id, "left": False}, {"$set": {"left": True}})
        await database.rooms.delete_one({"_id": room_id})
        return
    await database.rooms.update_one({"_id": room_id, "rev": {"$lt": last}}, {"$set": {**settings, "rev": last}})
    if audits:
        await trim_audit(database, room_id, last)


def is_abandoned(ahead: Sequence[Document], now_ms: int) -> bool:
    """Whether the newest entry beyond a room's rev is older than ABANDONED_MS; False if there is none."""
    return bool(ahead) and now_ms - int(ahead[-1]["createdAt"]) >= ABANDONED_MS


def reaction_key_from(patch: Mapping[str, Any]) -> ReactionKey:
    return ReactionKey(patch["seq"], patch["emoji"], patch["userId"])


def _member_update(room_id: str, rev: int, patch: Mapping[str, Any]) -> UpdateOne:
    update: Document = {"$set": {**patch["fields"], "rev": rev}}
    if patch["joined"]:
        update["$unset"] = {name: "" for name in ("expiresAt", "mutedUntil") if name not in patch["fields"]}
    place = {"roomId": room_id, "userId": patch["userId"], "rev": {"$lt": rev}}
    return UpdateOne(place, update, upsert=patch["joined"])


def _ban_update(room_id: str, rev: int, patch: Mapping[str, Any]) -> UpdateOne:
    fields: Mapping[str, Any] = patch["fields"]
    update: Document = {"$set": {**unset(fields), "rev": rev}}
    if absent := [name for name, value in fields.items() if value is None]:
        update["$unset"] = dict.fromkeys(absent, "")
    place = {"roomId": room_id, "userId": patch["userId"], "rev": {"$lt": rev}}
    return UpdateOne(place, update, upsert=True)


def _reaction_update(room_id: str, rev: int, created_at: DatetimeMS, patch: Mapping[str, Any]) -> UpdateOne:
    fields: Document = {"on": patch["on"], "rev": rev}
    update: Document = {"$set": fields}
    if patch["on"]:
        fields["since"] = created_at
        update["$unset"] = {"expiresAt": ""}
    else:
        fields["expiresAt"] = stored_time(int(created_at) + TOMBSTONE_MS)
    place = {"roomId": room_id, **{name: patch[name] for name in ("seq", "emoji", "userId")}, "rev": {"$lt": rev}}
    return UpdateOne(place, update, upsert=True)


def _edits_update(room_id: str, rev: int, entry: Mapping[str, Any]) -> UpdateOne:
    """Keep the text that an edit replaced. A deletion drops all of them; the document is kept for a day, with its rev,
    so that a late repetition of an edit finds it.
    """
    message = entry["message"]
    place = {"roomId": room_id, "seq": message["seq"], "rev": {"$lt": rev}}
    if "replaced" not in entry:
        expires_at = stored_time(int(entry["createdAt"]) + TOMBSTONE_MS)
        return UpdateOne(place, {"$set": {"rev": rev, "expiresAt": expires_at}, "$unset": {"texts": ""}})
    text = {"content": entry["replaced"], "editedAt": entry["createdAt"]}
    update = {"$set": {"rev": rev}, "$push": {"texts": {"$each": [text], "$slice": -REPLACED_TEXTS_KEPT}}}
    return UpdateOne(place, update, upsert=True)


async def bulk_write(collection: Collection, updates: Sequence[Any]) -> None:
    """Run updates in order. One whose document has a greater rev matches nothing; its upsert fails on a duplicate key,
    which is ignored.
    """
    while updates:
        try:
            await collection.bulk_write(updates, ordered=True)
            return
        except BulkWriteError as error:
            if not only_duplicates(error):
                raise
            updates = updates[error.details["writeErrors"][0]["index"] + 1 :]
