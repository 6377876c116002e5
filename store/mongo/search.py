"""Search of messages: by the text index, or on a server without $text by a regular expression with a time limit.

Both only choose candidates, which store/search_ranking.py then compares with what is wanted word by word. So what is
found does not depend on the server's idea of words. A message that is not plain ASCII has its search form in `folded`.
What compares and counts words takes up to some 100 ms of CPU, and so has a thread of its own.
"""

from __future__ import annotations

import asyncio
import logging
import re
import unicodedata
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import pymongo
from pymongo import TEXT, IndexModel
from pymongo.errors import OperationFailure

from common.text_folding import search_form
from store.list_cursors import cursor_of_key, key_of_cursor
from store.models import ROOM_MENTION, MessageSearch, SearchHit
from store.mongo import message_pipelines
from store.mongo.database import Database, Document, stored_time
from store.mongo.documents import form_of, message_from
from store.mongo.message_pipelines import Place
from store.search_ranking import Candidate, Mark, RankedPlace, Span, ranked_page
from store.word_completions import COMPLETED_FROM_MAX, completions

logger = logging.getLogger(__name__)

T = TypeVar("T")
# The results of a page, and where the next one begins.
_Page = tuple[list[RankedPlace[Place]], Mark[Place] | None]

# The time limit of a scan, which is shorter than that of other operations because it occupies a connection.
SCAN_WITHIN_S = 2.0
# The messages in which words that begin with something are looked for.
READ_MAX = 2000

_PROBE = "probe"


class TextSearch:
    """Finds messages. `has_text`: the server has $text. What waits for the thread is bounded as all operations are."""

    def __init__(self, *, database: Database, has_text: bool) -> None:
        self._database = database
        self._messages = database.messages
        self.has_text = has_text
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-search")

    async def find(self, search: MessageSearch, *, limit: int, after: str | None) -> tuple[list[SearchHit], str | None]:
        """As store.contract.Messages.search says."""
        key = key_of_cursor(after, tuple[int, str, int, int, str, int, float, int, str, int])
        texts = [form for text in search.texts if (form := search_form(text))]
        if search.texts and not texts:
            return [], None  # the query is punctuation only
        found, by_text = _filters(search), self.has_text and all(map(_is_indexed, texts))
        found |= _by_text(texts) if by_text else _by_scan(texts)
        async with self._database.operation("messages.search"):
            with pymongo.timeout(self._database.timeout_s if by_text else SCAN_WITHIN_S):
                results, mark = await self._results(found, texts, limit, None if key is None else _mark(key))
                hits = await self._hits(results)
        return hits, None if mark is None else cursor_of_key((*mark.newest, *mark.oldest, mark.score, *mark.place))

    async def complete(self, room_ids: Sequence[str], prefix: str, *, limit: int) -> list[str]:
        """As store.contract.Messages.complete says. $text knows whole words only, so recent messages are read."""
        prefix = search_form(prefix)
        if not prefix or " " in prefix:
            return []
        patterns = {"folded": f"(?:^| ){re.escape(prefix)}", "content": f"(?:^|[^a-z0-9]){re.escape(prefix)}"}
        found = {"$or": [{field: {"$regex": one, "$options": "i"}} for field, one in patterns.items()]}
        pipeline = message_pipelines.recent(room_ids, found, read_max=READ_MAX, limit=COMPLETED_FROM_MAX)
        async with self._database.operation("messages.complete"):
            with pymongo.timeout(SCAN_WITHIN_S):
                messages = await self._messages.aggregate(pipeline).to_list(None)
            contents = [message["content"] for message in messages]
            return await self._on_thread(lambda: completions(contents, prefix, limit=limit))

    async def close(self) -> None:
        """End the thread, after what it does now. Idempotent."""
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)

    async def _results(self, found: Document, texts: Sequence[str], limit: int, after: Mark[Place] | None) -> _Page:
        ranking = ranked_page(texts, limit=limit, after=after)
        documents: list[Document] | None = None
        while True:
            step = await self._on_thread(partial(_next_step, ranking, documents, with_forms=bool(texts)))
            if not isinstance(step, Span):
                return step
            documents = await self._messages.aggregate(message_pipelines.search(found, step)).to_list(None)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _hits(self, results: Sequence[RankedPlace[Place]]) -> list[SearchHit]:
        """The messages. One that was deleted since it was found is left out."""
        keys = [{"roomId": one.place[1], "seq": -one.place[2]} for one in results]
        documents = await self._messages.find({"$or": keys, "deletedAt": None}).to_list(None) if keys else []
        messages = {(document["roomId"], document["seq"]): message_from(document) for document in documents}
        found = [(messages.get((one.place[1], -one.place[2])), one.score) for one in results]
        return [SearchHit(message, score) for message, score in found if message is not None]


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


def _next_step(
    ranking: Generator[Span[Place], Sequence[Candidate[Place]], _Page],
    documents: Sequence[Document] | None,
    *,
    with_forms: bool,
) -> Span[Place] | _Page:
    """Give the ranking what it asked for, None at first. Returns what it asks for next, or at its end what it found."""
    try:
        if documents is None:
            return next(ranking)
        return ranking.send(
            [
                Candidate((-int(one["createdAt"]), one["roomId"], -one["seq"]), form_of(one) if with_forms else "")
                for one in documents
            ]
        )
    except StopIteration as end:  # which no future can hold
        page: _Page = end.value
        return page


def _mark(key: tuple[int, str, int, int, str, int, float, int, str, int]) -> Mark[Place]:
    return Mark(newest=key[0:3], oldest=key[3:6], score=key[6], place=key[7:10])


def _filters(search: MessageSearch) -> Document:
    found: Document = {"roomId": {"$in": list(search.room_ids)}, "deletedAt": None}
    if search.author_ids:
        found["userId"] = {"$in": list(search.author_ids)}
    if search.has_file:
        found["attachments"] = {"$exists": True}
    if search.mentioned_id is not None:
        found["mentions"] = {"$in": [search.mentioned_id, ROOM_MENTION]}
    span: Document = {}
    if search.before_ms is not None:
        span["$lt"] = stored_time(search.before_ms)
    if search.after_ms is not None:
        span["$gte"] = stored_time(search.after_ms)
    if span:
        found["createdAt"] = span
    return found


def _is_indexed(text: str) -> bool:
    """Whether the text index has the words of a text: it takes symbols, such as emoji, for what is between words."""
    return all(unicodedata.category(letter)[0] in "LMN" for letter in text if letter != " ")


def _by_text(texts: Sequence[str]) -> Document:
    """Each word as a phrase of its own: $text matches all phrases, but any of several words.

    Words in search form have nothing that $text takes for an operator.
    """
    words = dict.fromkeys(word for text in texts for word in text.split(" "))
    return {"$text": {"$search": " ".join(f'"{word}"' for word in words)}} if words else {}


def _by_scan(texts: Sequence[str]) -> Document:
    return (
        {"$or": [_all("folded", texts, " ", " "), _all("content", texts, "[^a-z0-9]", "[^a-z0-9]+")]} if texts else {}
    )


def _all(field: str, texts: Sequence[str], edge: str, between: str) -> Document:
    patterns = [f"(?:^|{edge}){between.join(map(re.escape, text.split(' ')))}(?:{edge}|$)" for text in texts]
    return {"$and": [{field: {"$regex": pattern, "$options": "i"}} for pattern in patterns]}
