"""Who is an administrator: people whom the setting names."""

from __future__ import annotations

from msgspec import structs

from chat.administrators import Administrators
from store.models import Actor, Status, User

ADA = User("u1", "Ada", "Ada", None, None, None, Status.ONLINE, None, "2026-01-31T12:00:00.123Z")


def test_an_administrator_is_named_without_regard_to_case() -> None:
    administrators = Administrators(usernames=["aDA"])
    assert administrators.has(ADA)
    assert administrators.actor(ADA) == Actor("u1", is_admin=True)
    assert not administrators.has(structs.replace(ADA, username="Adam"))


def test_a_bot_that_had_the_name_first_is_no_administrator() -> None:
    assert not Administrators(usernames=["ada"]).has(structs.replace(ADA, bot_room_id="r1"))
