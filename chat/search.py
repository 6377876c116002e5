"""The use cases of search: messages of one's own rooms, and what a query may go on with."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence

from msgspec import structs

from chat.errors import cursor_of_listing, invalid
from chat.presenter import Presenter
from chat.request_inputs.search import SearchMessages, SuggestSearch
from chat.request_results.search import FoundMessage, FoundMessages, Suggestions
from chat.room_views import RoomViews
from chat.rooms import Rooms
from chat.search_highlights import highlights
from chat.search_query import QueryError, SearchQuery, parse_query
from common.text_folding import search_form
from store.contract import Store
from store.models import MessageSearch, SearchHit, Standing, User

ME = "me"  # shorter than any username
SUGGESTIONS_MAX = 8

_LAST_OPERATOR = re.compile(r'(?:^|\s)(?P<name>from|in):[@#]?"?(?P<value>[^":]*)$', re.IGNORECASE)

# To find the places of so many characters, or to fold so many names, takes some 5 ms. Then others have their turn.
_CHARACTERS_A_TURN = 10_000
_NAMES_A_TURN = 2_000


class Search:
    """Searches what the user is a member of, and nothing else."""

    def __init__(self, *, store: Store, rooms: Rooms, presenter: Presenter) -> None:
        self._store = store
        self._room_views = RoomViews(store=store, presenter=presenter)
        self._rooms = rooms
        self._presenter = presenter

    async def messages(self, user_id: str, query: SearchMessages) -> FoundMessages:
        """Return a page of messages.

        Raises ChatError validation_failed, room_not_found, not_member, banned; StoreError.
        """
        try:
            parsed = parse_query(query.q)
        except QueryError as error:
            raise invalid(q=str(error)) from error
        if query.room_id is not None:
            await self._rooms.read_by(query.room_id, user_id)
        room_ids = await self._room_ids(user_id, parsed, query.room_id)
        author_ids = await self._author_ids(user_id, parsed.authors)
        if not room_ids or (parsed.authors and not author_ids):
            return FoundMessages([], None)
        search = MessageSearch(
            room_ids=tuple(sorted(room_ids)),
            texts=parsed.texts,
            author_ids=tuple(sorted(author_ids)),
            before_ms=parsed.before_ms,
            after_ms=parsed.after_ms,
            has_file=parsed.has_file,
            mentioned_id=user_id if parsed.mentions_me else None,
        )
        with cursor_of_listing():
            hits, cursor = await self._store.messages.search(search, limit=query.limit, after=query.cursor)
        return FoundMessages(await _with_highlights(hits, parsed.texts), cursor)

    async def suggest(self, user_id: str, query: SuggestSearch) -> Suggestions:
        """Return what the end of a query may be completed to, SUGGESTIONS_MAX in all. Raises StoreError.

        After `from:` people alone, after `in:` rooms alone.
        """
        operator, beginning = _end_of(query.q)
        names = await self._store.rooms.names_of(user_id)
        room_ids = sorted(names)
        if not beginning or not room_ids:
            return Suggestions([], [], [])
        words: list[str] = []
        people: list[User] = []
        rooms: list[Standing] = []
        last = beginning.rsplit(maxsplit=1)[-1]
        prefix = search_form(last).rpartition(" ")[2]
        if operator is None and prefix and last[-1:].isalnum():
            words = await self._store.messages.complete(room_ids, prefix, limit=SUGGESTIONS_MAX)
        if operator != "in":
            people = await self._store.users.search_members(room_ids, beginning, SUGGESTIONS_MAX)
        if operator != "from":
            rooms = await self._rooms_named(user_id, names, beginning)
        counts = _shares(len(words), len(people), len(rooms))
        return Suggestions(
            words[: counts[0]],
            [self._presenter.user(user) for user in people[: counts[1]]],
            await self._room_views.of(user_id, rooms[: counts[2]]),
        )

    async def _rooms_named(self, user_id: str, names: Mapping[str, str], beginning: str) -> list[Standing]:
        """Those of the user's own rooms, by id, with a name that begins so; in the order of their names."""
        begins = _name_form(beginning)
        found = sorted((form, one) for one, form in (await name_forms(names)).items() if form.startswith(begins))
        wanted = [(one, user_id) for _, one in found[:SUGGESTIONS_MAX]]
        standings = await self._store.members.standings(wanted) if wanted else []
        return [of for of in standings if of is not None and of.membership is not None]

    async def _room_ids(self, user_id: str, query: SearchQuery, room_id: str | None) -> set[str]:
        """The rooms to search: of the user's own those that are named by the query, and by the request."""
        # From the store, not through the cache: a room that was deleted or left just now still has its messages.
        names = await self._store.rooms.names_of(user_id)
        own = set(names)
        if room_id is not None:
            own &= {room_id}
        if query.rooms:
            wanted, forms = set(query.rooms), {_name_form(name) for name in query.rooms}
            own &= {one for one, form in (await name_forms(names)).items() if one in wanted or (form and form in forms)}
        return own

    async def _author_ids(self, user_id: str, names: Sequence[str]) -> set[str]:
        """The users with these names or ids; a name of nobody is left out."""
        found = set()
        for name in dict.fromkeys(names):
            if name.lower() == ME:
                found.add(user_id)
            elif (account := await self._store.users.account_by_login(username=name)) is not None:
                found.add(account.user.id)
            elif await self._store.users.get(name) is not None:
                found.add(name)
        return found


def _end_of(text: str) -> tuple[str | None, str]:
    """The operator, `from` or `in`, that a query's last part begins with, and what is to be completed."""
    found = _LAST_OPERATOR.search(text)
    if found is None:
        return None, text.strip()
    return found["name"].lower(), found["value"].strip()


def _shares(*counts: int) -> list[int]:
    """How many of each kind are shown, so that they are SUGGESTIONS_MAX in all: in turns, one of each."""
    shares = [0] * len(counts)
    for _ in range(SUGGESTIONS_MAX):
        for kind, count in enumerate(counts):
            if shares[kind] < count and sum(shares) < SUGGESTIONS_MAX:
                shares[kind] += 1
    return shares


def _name_form(name: str) -> str:
    """The form by which a room's name is compared; one without letters is compared as it is."""
    return search_form(name) or name


async def name_forms(names: Mapping[str, str]) -> dict[str, str]:
    """The form of each room's name, by id; in slices, for somebody may be in very many rooms."""
    forms = {}
    for number, (room_id, name) in enumerate(names.items(), 1):
        forms[room_id] = _name_form(name)
        if not number % _NAMES_A_TURN:
            await asyncio.sleep(0)
    return forms


async def _with_highlights(hits: Sequence[SearchHit], texts: Sequence[str]) -> list[FoundMessage]:
    forms = [form for text in texts if (form := search_form(text))]
    found, characters = [], 0
    for hit in hits:
        content = hit.message.content or ""
        characters += len(content)
        if characters > _CHARACTERS_A_TURN:
            characters = 0
            await asyncio.sleep(0)
        found.append(FoundMessage(**structs.asdict(hit.message), highlight=highlights(content, forms)))
    return found
