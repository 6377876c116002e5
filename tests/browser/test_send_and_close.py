"""A browser writes `send(); close()` at once: the messages before the Close frame are stored."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from tests.support.client import register
from tests.support.server import ServerProcess
from tests.support.waiting import poll

SEND_AND_CLOSE = """
([token, roomId, count]) => new Promise((resolve) => {
  const socket = new WebSocket(`ws://${location.host}/ws`, ["chat.v1", `bearer.${token}`]);
  socket.onopen = () => {
    for (let number = 0; number < count; number += 1) {
      const data = { roomId, content: `message ${number}` };
      socket.send(JSON.stringify({ event: "sendMessage", id: `n${number}`, data }));
    }
    socket.close(1000);
  };
  socket.onclose = (event) => resolve([event.code, event.wasClean]);
})
"""


@pytest.mark.parametrize("count", [10, 100])
def test_what_a_page_sends_before_it_closes_is_stored(
    server: ServerProcess, new_context: Callable[..., BrowserContext], count: int
) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    page = new_context().new_page()
    page.goto(server.url)
    assert page.evaluate(SEND_AND_CLOSE, [ada.access_token, room, count]) == [1000, True]

    def stored() -> list[str]:
        return [message["content"] for message in ada.call("GET", "/messages", roomId=room, limit=100).json["messages"]]

    poll(lambda: stored() == [f"message {number}" for number in range(count)], describe=lambda: str(stored()))
