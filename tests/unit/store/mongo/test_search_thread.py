"""What search and suggestions compute of messages runs beside the loop, which serves everybody else meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from store import search_ranking
from store.models import MessageSearch
from store.mongo import MongoStore, search
from tests.contract.conftest import StoreFiller


@pytest.mark.parametrize(("module", "function"), [(search, "completions"), (search_ranking, "score_of")])
@pytest.mark.gen_test
async def test_words_are_compared_and_counted_on_a_thread_of_their_own(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch, module: Any, function: str
) -> None:
    fill, threads = StoreFiller(store), set()
    original: Callable[..., Any] = getattr(module, function)

    def noted(*arguments: Any, **more: Any) -> Any:
        threads.add(threading.current_thread().name)
        return original(*arguments, **more)

    monkeypatch.setattr(module, function, noted)
    ann = await fill.user()
    room = (await fill.room(ann)).room
    await fill.say(room.id, ann, "green tea", "\ufdfa" * 2000, "Schöner Tee")
    hits, _ = await store.messages.search(MessageSearch((room.id,), texts=("tee",)), limit=9, after=None)
    assert [hit.message.seq for hit in hits] == [3]
    assert await store.messages.complete([room.id], "te", limit=8) == ["tea", "tee"]
    assert threads == {"store-search_0"}
