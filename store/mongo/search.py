"""Search of messages: by the text index, or on a server without $text by a regular expression with a time limit."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

import pymongo
from pymongo import TEXT, IndexModel
from pymongo.errors import OperationFailure

from store.list_cursors import cursor_of_key, key_of_cursor
from store.models import MessageSearch, SearchHit
from store.mongo import message_pipelines
from store.mongo.database import Database, Document, stored_time
from store.mongo.documents import message_from

logger = logging.getLogger(__name__)

# The time limit of a scan, which is shorter than that of other operations because it occupies a connection.
SCAN_WITHIN_S = 2.0

_PROBE = "probe"

# A word starts at the text's beginning or after a character that is no letter and no digit. `\b` knows ASCII only.
_WORD_START = r"(?:^|[^\p{L}\p{N}])"


class TextSearch:
    """Finds messages. `has_text`: the server has $text."""

    def __init__(self, *, database: Database, has_text: bool) -> None:
        self._database = database
        self._messages = database.messages
        self.has_text = has_text

    async def find(self, search: MessageSearch, *, limit: int, after: str | None) -> tuple[list[SearchHit], str | None]:
        """As store.contract.Messages.search says."""
        key = key_of_cursor(after, tuple[float, int, str, int])
        wanted = [text for text in (*search.words, *search.phrases) if _has_content(text)]
        if not wanted and (search.words or search.phrases):
            return [], None  # the query is punctuation only
        found = _filters(search) | (_by_text(wanted) if self.has_text else _by_scan(wanted))
        pipeline = message_pipelines.search(found, scored=bool(wanted) and self.has_text, after=key, limit=limit + 1)
        async with self._database.operation("messages.search"):
            with pymongo.timeout(self._database.timeout_s if self.has_text else SCAN_WITHIN_S):
                places = await self._messages.aggregate(pipeline).to_list(None)
            keys = [{"roomId": place["roomId"], "seq": place["seq"]} for place in places[:limit]]
            # A message that was deleted since it was found is left out; the next page still starts after its place.
            documents = await self._messages.find({"$or": keys, "deletedAt": None}).to_list(None) if keys else []
        messages = {(document["roomId"], document["seq"]): message_from(document) for document in documents}
        found_at = [((place["roomId"], place["seq"]), place["score"]) for place in places[:limit]]
        hits = [SearchHit(messages[key], score) for key, score in found_at if key in messages]
        if len(places) <= limit:
            return hits, None
        last = places[limit - 1]
        return hits, cursor_of_key((last["score"], int(last["createdAt"]), last["roomId"], last["seq"]))


async def has_text_search(database: Database) -> bool:
    """Whether the server has $text. Tries a search on a probe document, because some servers fail only then.

    Logs one warning where it is missing.
    """
    probe = database.raw["probes"]
    try:
        await probe.create_indexes([IndexModel([("content", TEXT)], name="content_text", default_language="none")])
        await probe.update_one({"_id": "text"}, {"$set": {"content": _PROBE}}, upsert=True)
        if await probe.find_one({"$text": {"$search": _PROBE}}, {"_id": 1}) is not None:
            return True
    except OperationFailure as error:
        logger.debug("text search: %s", error.code)
    logger.warning(
        "this MongoDB server has no text search ($text): messages are searched by reading them, which is slow"
    )
    return False


def _filters(search: MessageSearch) -> Document:
    found: Document = {"roomId": {"$in": list(search.room_ids)}, "deletedAt": None}
    if search.author_id is not None:
        found["userId"] = search.author_id
    if search.has_file:
        found["attachments"] = {"$exists": True}
    span: Document = {}
    if search.before_ms is not None:
        span["$lt"] = stored_time(search.before_ms)
    if search.after_ms is not None:
        span["$gte"] = stored_time(search.after_ms)
    if span:
        found["createdAt"] = span
    return found


def _has_content(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _by_text(wanted: Sequence[str]) -> Document:
    """Each word as a phrase: $text matches all phrases, but any of several words.

    A quotation mark cannot be escaped in a phrase, so it separates two.
    """
    phrases = [part.strip() for text in wanted for part in text.replace("\\", " ").split('"') if part.strip()]
    return {"$text": {"$search": " ".join(f'"{phrase}"' for phrase in phrases)}} if phrases else {}


def _by_scan(wanted: Sequence[str]) -> Document:
    patterns = [_WORD_START + re.escape(text) for text in wanted]
    return {"$and": [{"content": {"$regex": pattern, "$options": "i"}} for pattern in patterns]} if patterns else {}
