"""/messages/search: find messages, and what a query may go on with."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from chat.errors import ChatError
from chat.request_inputs.fields import Input
from chat.request_inputs.search import SearchMessages, SuggestSearch
from chat.request_results.search import FoundMessages, Suggestions
from chat.search import Search
from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder
from handlers.documents.operation import READS_ROOM, Operation
from limits.contract import Check
from limits.load_shedding import ShedClass

T = TypeVar("T", bound=Input)

SEARCH = InputDecoder(SearchMessages)
SUGGEST = InputDecoder(SuggestSearch)


class _SearchHandler(Handler[Search]):
    sheds: ClassVar = {"GET": ShedClass.READS}
    counts_itself = ("GET",)

    async def counted_query(self, decoder: InputDecoder[T]) -> T:
        """Decode the query and count the request as a search; one that is not valid counts as any request does."""
        try:
            query = self.query(decoder)
        except ChatError:
            await self.count(self.common_check)
            raise
        await self.count(self.common_check, Check("search", self.identity.user.id))
        return query


class SearchHandler(_SearchHandler):
    compresses = ("GET",)
    operations: ClassVar = {
        "GET": Operation(
            summary="Search messages",
            query=SEARCH,
            replies={200: FoundMessages},
            errors=READS_ROOM,
            example={"q": "hello from:ada", "limit": 10},
        )
    }
    for_bots = ("GET",)

    async def get(self) -> None:
        query = await self.counted_query(SEARCH)
        self.reply(await self.services.messages(self.identity.user.id, query))


class SuggestHandler(_SearchHandler):
    compresses = ("GET",)
    operations: ClassVar = {
        "GET": Operation(
            summary="Suggest words, people and rooms to search for",
            query=SUGGEST,
            replies={200: Suggestions},
            example={"q": "he"},
        )
    }

    async def get(self) -> None:
        query = await self.counted_query(SUGGEST)
        self.reply(await self.services.suggest(self.identity.user.id, query))
