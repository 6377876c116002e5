"""A room's newest messages as they are cached: packing, unpacking, and extending by later messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.message_page import KEEP, Page, pack, unpack

MESSAGES = st.lists(st.binary(max_size=40), max_size=2 * KEEP).map(tuple)


@given(messages=MESSAGES, last_seq=st.integers(0, 2**53), rev=st.integers(0, 2**53), has_more=st.booleans())
def test_what_is_packed_is_unpacked_to_its_newest_messages(
    messages: tuple[bytes, ...], last_seq: int, rev: int, has_more: bool
) -> None:
    page = unpack(pack(Page(messages, last_seq, rev, has_more)))
    assert page == Page(messages[-KEEP:], last_seq, rev, has_more or len(messages) > KEEP)


@given(packed=st.binary(max_size=60))
def test_what_is_no_page_is_refused_or_is_one(packed: bytes) -> None:
    try:
        page = unpack(packed)
    except ValueError:
        return
    assert unpack(pack(page)) == page


@pytest.mark.parametrize(
    "packed", [b"", b"1:2:0:1:", b"1:2:0:1:9:short", b"1:2:0:0:more", b"a:2:0:0:", b"1:1:0:3000000:-3:x"]
)
def test_what_is_cut_or_garbled_is_refused(packed: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(packed)


def test_a_page_is_extended_by_what_follows_and_by_nothing_else() -> None:
    page = Page((b"1", b"2"), 2, 7, False)
    assert page.extended(3, [b"3", b"4"]) == Page((b"1", b"2", b"3", b"4"), 4, 7, False)
    assert page.extended(2, [b"2", b"3"]) == Page((b"1", b"2", b"3"), 3, 7, False)
    assert page.extended(1, [b"1"]) is page
    assert page.extended(4, [b"4"]) is None
    long = page.extended(3, [b"%d" % seq for seq in range(3, KEEP + 3)])
    assert long is not None
    assert (len(long.messages), long.messages[-1], long.last_seq, long.has_more) == (
        KEEP,
        b"%d" % (KEEP + 2),
        KEEP + 2,
        True,
    )
