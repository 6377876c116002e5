"""/metrics/snapshot: one reply has what the dashboard shows, of a process or of all, and what is new of the history."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import JWT, LONG_REDIS_TIMEOUT, embedded_store
from tests.support.client import call, chat, register
from tests.support.redis_server import RedisServer
from tests.support.server import ServerProcess, serving
from tests.support.waiting import poll, until

store_env = embedded_store  # a process and its store say the same on each
STRANGER = {"X-Forwarded-For": "203.0.113.9"}
QUICK = {"MONITOR_INTERVAL": "0.5"}


def snapshot(server: ServerProcess, **query: str | int) -> dict[str, Any]:
    reply = call(server.url, "GET", "/metrics/snapshot", **query)
    assert reply.status == 200, reply.body
    return reply.json


def test_one_reply_has_what_the_pages_have_and_points_at_once_for_all_metrics(server: ServerProcess) -> None:
    shown = snapshot(server, minutes=5)
    for page in ("performance", "websocket", "database", "cache"):
        alone = call(server.url, "GET", f"/metrics/{page}").json
        assert alone.keys() - {"processId", "at", "scope"} == shown[page].keys()
    for report in ("performance", "database", "cache"):
        assert call(server.url, "GET", f"/health/{report}").json.keys() == shown["health"][report].keys()
    assert (shown["scope"], shown["complete"]) == ("process", True)
    assert shown["processId"] == shown["answeredBy"] == shown["about"]["processId"]
    assert [one["processId"] for one in shown["processes"]] == [shown["processId"]]
    assert shown["alerts"] == {"active": [], "history": []}
    assert shown["thresholds"]["loopLagMs"] == {"degraded": 100.0, "alert": 250.0, "isLowBad": False}
    assert shown["thresholds"]["cacheHitRate"]["isLowBad"]
    assert "history" in shown and snapshot(server)["history"] is None

    def history() -> dict[str, Any] | None:
        found = snapshot(server, minutes=5)["history"]
        return found if len(found["times"]) >= 2 else None

    found = poll(history)
    assert found["stepS"] == 5
    assert {"cpu", "memory", "connections", "messagesIn"} <= found["metrics"].keys()
    for column in found["metrics"].values():
        assert len(column["mean"]) == len(found["times"])
    newest = snapshot(server, minutes=5, since=found["times"][-1])["history"]
    assert newest["times"][0] == found["times"][-1]
    assert newest["metrics"]["memory"]["mean"][0] == found["metrics"]["memory"]["mean"][-1]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"minutes": "0"}, "minutes"),
        ({"minutes": "1441"}, "minutes"),
        ({"minutes": "x"}, "minutes"),
        ({"scope": "all"}, "scope"),
        ({"minutes": "5", "since": "yesterday"}, "since"),
    ],
)
def test_what_cannot_be_told_is_refused(server: ServerProcess, query: dict[str, str], field: str) -> None:
    reply = call(server.url, "GET", "/metrics/snapshot", **query)
    assert (reply.status, reply.code) == (422, "validation_failed")
    assert list(reply.json["error"]["details"]) == [field]


def test_strangers_get_nothing_and_nobody_a_process_that_is_gone(server: ServerProcess) -> None:
    refused = call(server.url, "GET", "/metrics/snapshot", headers=STRANGER)
    assert (refused.status, refused.code) == (403, "forbidden")
    assert call(server.url, "GET", "/metrics/snapshot", process="gone").code == "not_found"


@pytest.mark.gen_test
async def test_only_public_rooms_are_called_by_their_names(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    public = ada.make_room(name="The garden")["id"]
    private = ada.make_room(name="Surprise for Bob", isPrivate=True)["id"]
    direct = ada.call("POST", "/rooms/direct", {"userId": bob.id}).json["room"]["id"]
    async with chat(server.ws_url, ada) as socket:
        for room_id in (public, private, direct):
            await socket.command("joinRoom", roomId=room_id)
        rooms = {room["roomId"]: room for room in snapshot(server)["rooms"]}
        assert rooms[public] == {"roomId": public, "name": "The garden", "kind": "public", "connections": 1}
        assert (rooms[private]["name"], rooms[private]["kind"]) == (None, "private")
        assert (rooms[direct]["name"], rooms[direct]["kind"]) == (None, "direct")


@pytest.mark.gen_test
async def test_each_process_and_all_of_them_are_told_by_any_of_them(tmp_path: Path) -> None:
    with ExitStack() as running:
        redis = RedisServer(tmp_path / "redis")
        running.callback(redis.stop)
        env = {**redis.start().env, **JWT, **QUICK, **LONG_REDIS_TIMEOUT}
        first = running.enter_context(serving(tmp_path / "data", env))
        second = running.enter_context(serving(tmp_path / "data", {**env, "ALERT_CONNECTIONS_THRESHOLD": "1"}))
        own, other = (snapshot(one)["processId"] for one in (first, second))
        ada = register(second.url)
        async with chat(second.ws_url, ada):

            def states() -> dict[str, Any] | None:
                found = {one["processId"]: one for one in snapshot(first)["processes"]}
                return found if other in found and found[other]["alerts"] else None

            processes = await until(states)
            assert processes[other]["alerts"][0]["name"] == "connections"
            assert processes[other]["sample"]["connections"] == processes[other]["connections"] == 1
            assert processes[own]["alerts"] == []
            shown = snapshot(first, process=other, minutes=5)
            assert (shown["processId"], shown["answeredBy"]) == (other, own)
            assert shown["websocket"]["connections"]["now"] == 1
            assert shown["performance"]["lately"]["connections"] == 1
            assert shown["history"] is None, "a process keeps its own"
            assert snapshot(first, process=own, minutes=5)["history"] is not None
            whole = snapshot(first, scope="cluster", minutes=5)
            assert (whole["processId"], whole["complete"], whole["history"]) == (None, True, None)
            assert whole["websocket"]["connections"]["now"] == 1
