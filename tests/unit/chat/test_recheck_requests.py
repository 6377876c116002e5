"""Requests wait until they are taken, and their number is bounded."""

from __future__ import annotations

import asyncio

import pytest

from chat import recheck_requests
from chat.recheck_requests import RecheckRequests

pytestmark = pytest.mark.gen_test


async def test_past_the_bound_of_memberships_all_are_requested_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recheck_requests, "MEMBERSHIPS_MAX", 3)
    requests = RecheckRequests()
    requests.recheck_members([("r", f"u{number}") for number in range(3)])
    assert not requests.take_all()
    requests.recheck_members([("r", "u3")])
    assert len(requests.memberships) == 3
    assert (requests.take_all(), requests.take_all()) == (True, False)


async def test_a_request_that_was_made_before_anybody_waited_is_noticed_once() -> None:
    requests = RecheckRequests()
    requests.recheck_room("r")
    async with asyncio.timeout(10):
        await requests.added()
    assert requests.is_waiting
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await requests.added()
