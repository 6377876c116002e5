"""The table of keys: unique names, a schema version in each, and the TTL of its group."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cache.keys_and_ttls import CacheTtls, Key, Keys
from cache.message_page import Page
from cluster.redis_keys import SCHEMA

KEYS = Keys(CacheTtls(messages_s=1, users_s=2, stats_s=3))
IDS = st.text(alphabet="ab:1", max_size=6)


def all_keys(keys: Keys, room_id: str, user_id: str) -> list[Key]:
    return [
        keys.user(user_id),
        keys.session(user_id),
        keys.room(room_id),
        keys.membership(room_id, user_id),
        keys.page(room_id),
        keys.stats(room_id),
    ]


def test_every_kind_has_its_groups_ttl():
    ttls = {key.kind.name: key.kind.ttl_s for key in all_keys(KEYS, "r1", "u1")}
    assert ttls == {"user": 2, "session": 2, "room": 2, "membership": 2, "page": 1, "stats": 3}


def test_what_says_who_may_do_what_and_what_is_not_heard_of_live_no_longer_than_they_are_trusted():
    keys = Keys(CacheTtls(messages_s=1800, users_s=300, stats_s=600, access_s=4, unverified_s=7))
    kinds = [key.kind for key in all_keys(keys, "r1", "u1")]
    assert {kind.name: kind.ttl_s for kind in kinds} == {
        "user": 7, "session": 4, "room": 4, "membership": 4, "page": 1800, "stats": 7
    }  # fmt: skip
    assert {kind.name for kind in kinds if kind.is_brief} == {
        "user",
        "session",
        "room",
        "membership",
        "stats",
    }
    short = Keys(CacheTtls(messages_s=0, users_s=2, stats_s=0, access_s=4, unverified_s=4))
    assert not any(key.kind.is_brief for key in all_keys(short, "r1", "u1")), "what is set lower is as it is set"


def test_every_name_carries_the_schema_version_and_its_kind():
    for key in all_keys(KEYS, "r1", "u1"):
        assert key.name.startswith(f"chat:{SCHEMA}:{key.kind.name}:")


def test_kinds_with_one_id_do_not_share_a_name():
    names = [key.name for key in all_keys(KEYS, "x", "x")]
    assert len(set(names)) == len(names)


@given(IDS, IDS, IDS, IDS)
def test_two_memberships_never_share_a_name_whatever_a_client_calls_a_room(room, user, other_room, other_user):
    same = (room, user) == (other_room, other_user)
    assert (KEYS.membership(room, user).name == KEYS.membership(other_room, other_user).name) == same


def test_a_page_weighs_by_its_messages_and_their_text():
    def page(*messages: bytes) -> Page:
        return Page(messages, 0, 0, False)

    weigh = KEYS.page("r").kind.weigh
    assert weigh(page()) < weigh(page(b"")) < weigh(page(b"hello")) < weigh(page(b"hello", b"hello"))
    assert weigh(page(*[b"x" * 2_000] * 100)) >= 100 * 2_000
