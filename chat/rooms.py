"""The use cases of rooms and memberships: create, find, join, leave, invite, list; and who may read a room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cache.contract import Cache
from cache.keys_and_ttls import Keys
from chat.errors import ChatError, cursor_of_listing, invalid
from chat.membership_reader import MembershipReader
from chat.membership_updates import MembershipUpdates, membership_keys
from chat.outsiders import banned_are_told, refusal_of_outsider
from chat.presenter import Presenter
from chat.request_inputs.rooms import CreateRoom, MemberListing, RoomListing
from chat.request_results.rooms import MemberPage, MemberView, RoomPage, RoomTotals, RoomView
from chat.room_views import RoomViews
from cluster.contract import Bus
from cluster.events import MembershipBegan, MembershipEnded, ended_with_room
from cluster.topics import EVERYONE
from common.rfc3339 import epoch_ms_of
from store.contract import Store
from store.models import Actor, Membership, MembershipChange, Room, RoomDraft, Standing, User
from store.room_rules import require_writer


class PresenceReader(Protocol):
    """What rooms ask of presence."""

    def is_online(self, user_id: str) -> bool: ...

    def is_in(self, room_id: str, user_id: str) -> bool: ...

    def connections_of(self, user_id: str) -> int: ...

    def online_count(self, room_id: str) -> int: ...


class Rooms:
    """The use cases of rooms.

    Permissions are checked against the store, through a cache that every write invalidates.

    `on_not_member` is called whenever a read from the store shows that a user is no member of a room.
    """

    def __init__(
        self,
        *,
        store: Store,
        cache: Cache,
        keys: Keys,
        bus: Bus,
        presence: PresenceReader,
        presenter: Presenter,
        membership_updates: MembershipUpdates,
        on_not_member: Callable[[MembershipEnded], None] = lambda ended: None,
    ) -> None:
        self._store = store
        self._cache = cache
        self._keys = keys
        self._bus = bus
        self._presence = presence
        self._membership_updates = membership_updates
        self._on_not_member = on_not_member
        self._memberships = MembershipReader(store=store)
        self._room_views = RoomViews(store=store, presenter=presenter)

    async def close(self) -> None:
        """Cancel the reads that are under way."""
        await self._memberships.close()

    # ---- access --------------------------------------------------------------------------------------------------

    async def known(self, room_id: str) -> Room | None:
        """Return the room, whoever asks; its heads may be old. Raises StoreError."""
        return await self._cache.get_or_load(self._keys.room(room_id), lambda: self._store.rooms.get(room_id))

    async def seen_by(self, room_id: str, user_id: str) -> tuple[Room, Membership | None]:
        """Return the room if the user may see it; its heads may be old. Raises ChatError room_not_found."""
        room = await self.known(room_id)
        if room is None:
            raise ChatError("room_not_found")
        membership = await self._cache.get_or_load(
            self._keys.membership(room_id, user_id), lambda: self._store.members.get(room_id, user_id)
        )
        if membership is None and room.is_private:
            raise ChatError("room_not_found")
        return room, membership

    async def read_by(self, room_id: str, user_id: str) -> tuple[Room, Membership]:
        """Return the room if the user is a member. Raises ChatError room_not_found, not_member, banned."""
        room, membership = await self.seen_by(room_id, user_id)
        if membership is None:
            raise await refusal_of_outsider(self._store, room_id, user_id)
        return room, membership

    async def require_writer(self, room_id: str, user_id: str, *, now_ms: int) -> None:
        """Return if the user may write in the room, by what is cached.

        Raises ChatError room_not_found, not_member, banned; Refused muted, forbidden.
        """
        room, membership = await self.read_by(room_id, user_id)
        until = membership.muted_until
        muted_until_ms = None if until is None else epoch_ms_of(until)
        require_writer(room, membership.role, muted_until_ms=muted_until_ms, now_ms=now_ms)

    async def standing(self, room_id: str, user_id: str) -> Standing:
        """As `seen_by`, but as the store says now, in one read for all who ask at once.

        Raises ChatError room_not_found; StoreError.
        """
        of = await self._memberships.read(room_id, user_id)
        if of is None:
            self._on_not_member(ended_with_room(room_id, user_id))
        elif of.membership is None:
            self._on_not_member(MembershipEnded(room_id, user_id, "removed", of.room.rev))
        if of is None or (of.membership is None and of.room.is_private):
            raise ChatError("room_not_found")
        return of

    async def membership_now(self, room_id: str, user_id: str) -> tuple[Room, Membership]:
        """As `read_by`, but as the store says now. Raises ChatError as read_by; StoreError."""
        standing = await self.standing(room_id, user_id)
        if standing.membership is None:
            raise await refusal_of_outsider(self._store, room_id, user_id)
        return standing.room, standing.membership

    async def peer(self, room: Room, user_id: str) -> User | None:
        """The other person of a direct room of the user, in one read for all who ask at once; None in other rooms.

        Raises StoreError.
        """
        return await self._memberships.peer(room.id, user_id) if room.kind == "direct" else None

    # ---- reading -------------------------------------------------------------------------------------------------

    async def get(self, room_id: str, actor: Actor) -> RoomView:
        """Return one room as the actor sees it; an administrator sees every room. Raises ChatError room_not_found."""
        of = await self._fresh_of(room_id, actor.user_id)
        if of.membership is None and of.room.is_private and not actor.is_admin:
            raise ChatError("room_not_found")
        return await self._view(of, actor.user_id)

    async def find(self, user_id: str, query: RoomListing) -> RoomPage:
        """Return a page of the user's own rooms, or of all rooms that the user may see.

        Raises ChatError validation_failed (the cursor); StoreError.
        """
        with cursor_of_listing():
            rooms, cursor = await self._store.rooms.list_for(
                user_id, mine=query.mine, query=query.q, limit=query.limit, after=query.cursor
            )
        return RoomPage(await self._room_views.of(user_id, rooms), cursor)

    async def members(self, room_id: str, user_id: str, query: MemberListing) -> MemberPage:
        """Return a page of the members, by name, of a room that the user is in; `q` is the beginning of a name.

        Raises ChatError as read_by, validation_failed (the cursor); StoreError.
        """
        await self.read_by(room_id, user_id)
        with cursor_of_listing():
            members, cursor = await self._store.members.list(
                room_id, limit=query.limit, after=query.cursor, prefix=query.q
            )
        is_online = self._presence.is_online
        views = [
            MemberView(one.user_id, one.username, one.display_name, one.role, is_online(one.user_id)) for one in members
        ]
        return MemberPage(views, cursor)

    async def stats(self, room_id: str, user_id: str) -> RoomTotals:
        """Return the totals of a room that the user may see. Raises ChatError room_not_found; StoreError."""
        await self.seen_by(room_id, user_id)
        stats = await self._cache.get_or_load(self._keys.stats(room_id), lambda: self._store.rooms.stats(room_id))
        if stats is None:
            raise ChatError("room_not_found")
        return RoomTotals(
            room_id=room_id,
            participant_count=stats.participant_count,
            online_count=self._presence.online_count(room_id),
            message_count=stats.message_count,
            last_activity=stats.last_activity,
        )

    # ---- writing -------------------------------------------------------------------------------------------------

    async def create(self, user_id: str, body: CreateRoom) -> RoomView:
        """Make a room; the user is its owner and first member. Raises StoreError."""
        draft = RoomDraft(
            name=body.name, description=body.description, is_private=body.is_private, max_users=body.max_users
        )
        made = await self._store.rooms.create(draft, user_id)
        await self._entered(made, user_id)
        await self._membership_updates.publish_added(made, user_id)
        return await self._view(made, user_id)

    async def direct(self, user_id: str, other_id: str) -> tuple[RoomView, bool]:
        """Return the direct room of two people; True if it is new. Raises ChatError validation_failed; Missing.

        Who is connected and not known as its member is told of it also where it is not new: the call that made it may
        have failed after that.
        """
        if user_id == other_id:
            raise invalid(userId="takes another person's id")
        of, made = await self._store.rooms.direct(user_id, other_id)
        for one in (user_id, other_id):
            is_untold = self._presence.connections_of(one) and not self._presence.is_in(of.room.id, one)
            if made or is_untold:
                own = await self._fresh_of(of.room.id, one)
                await self._entered(own, one)
                await self._membership_updates.publish_added(own, one)
        return await self._view(of, user_id), made

    async def join(self, standing: Standing, user_id: str) -> None:
        """Make the user a member of a room, unless `standing`, which this class returned for the user, has them as one.

        Raises ChatError room_full, not_member or banned (removed again in the same moment); StoreError.
        """
        if standing.membership is not None:
            return
        change = await self._add(standing.room.id, user_id)
        if change.membership is None:
            raise await refusal_of_outsider(self._store, standing.room.id, user_id)

    async def invite(self, room_id: str, actor: Actor, user_id: str) -> RoomView:
        """Make another user a member. Raises StoreError: Missing, Refused, RoomFull, as store.contract.Members.add."""
        async with banned_are_told(self._store, room_id, actor.user_id):
            await self._add(room_id, user_id, actor=actor)
        return await self.get(room_id, actor)

    async def leave(self, room_id: str, user_id: str) -> None:
        """End one's membership. Raises ChatError as read_by, forbidden (a direct room)."""
        room, _ = await self.read_by(room_id, user_id)
        if room.kind == "direct":
            raise ChatError("forbidden", "A direct room cannot be left.")
        await self.end_membership(room_id, user_id)

    async def end_membership(self, room_id: str, user_id: str) -> None:
        """End a membership as its member's own leave does, without asking whether it may be. Raises StoreError."""
        async with self._membership_updates.fenced(room_id, user_id):
            change = await self._store.members.remove(room_id, user_id)
        await self._membership_updates.publish_ended(change, user_id, "left")

    # ---- shared steps --------------------------------------------------------------------------------------------

    async def _add(self, room_id: str, user_id: str, *, actor: Actor | None = None) -> MembershipChange:
        async with self._membership_updates.fenced(room_id, user_id, begins=True):
            change = await self._store.members.add(room_id, user_id, actor=actor)
        await self._membership_updates.publish_began(change, user_id)
        return change

    async def _entered(self, of: Standing, user_id: str) -> None:
        await self._cache.invalidate(*membership_keys(self._keys, of.room.id, user_id))
        self._bus.publish(EVERYONE, MembershipBegan(of.room.id, user_id, of.joined_rev))

    async def _fresh_of(self, room_id: str, user_id: str) -> Standing:
        of = await self._store.rooms.get_for(room_id, user_id)
        if of is None:
            raise ChatError("room_not_found")
        return of

    async def _view(self, of: Standing, user_id: str) -> RoomView:
        (view,) = await self._room_views.of(user_id, [of])
        return view
