"""`server.py demo` from outside: what somebody finds who logs in to the sample, and where it does not go."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from msgspec import Struct

from app.commands.demo import BOT_FILE
from app.demo.cast import HERO, ROOMS, TEAM
from tests.integration.conftest import Start, StoreEnv, embedded, slow_on_mongo
from tests.support.client import Person, call, register
from tests.support.server import PROGRAM, ROOT, ServerProcess, command, serving
from tests.support.waiting import poll

FEED_MESSAGES_MIN = 2_000


def run_demo(data_dir: Path, env: Mapping[str, str]) -> CompletedProcess[str]:
    return command("demo", env={"DATA_DIR": str(data_dir), **env})


def logged_in(url: str, name: str, said: str) -> Person:
    """The person, by the password that the command printed."""
    found = re.search(r"password\s+(\S+)", said)
    assert found is not None, said
    reply = call(url, "POST", "/auth/login", {"username": name, "password": found[1]})
    assert reply.status == 200, reply.body
    return Person(url, reply.json["user"], reply.json["accessToken"], reply.json["refreshToken"])


def messages_of(person: Person, room_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        after = found[-1]["seq"] if found else 0
        page = person.call("GET", "/messages", roomId=room_id, limit=100, after=after).json
        found += page["messages"]
        if not page["hasMore"]:
            return found


class Sample(Struct, frozen=True):
    """A store that the command filled, a server on it, and what the command's two runs said."""

    first: CompletedProcess[str]
    again: CompletedProcess[str]
    server: ServerProcess


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, store_env: StoreEnv) -> Iterator[Sample]:
    data_dir = tmp_path_factory.mktemp("sample") / "data"
    env = store_env(data_dir)
    first, again = run_demo(data_dir, env), run_demo(data_dir, env)
    with serving(data_dir, env) as server:
        yield Sample(first, again, server)


@slow_on_mongo
def test_the_sample_has_all_that_a_page_shows(sample: Sample) -> None:
    run, url = sample.first, sample.server.url
    assert run.returncode == 0, run.stderr
    assert "\x1b" not in run.stderr, "no terminal, no bar"
    amara = logged_in(url, HERO, run.stdout)
    rooms = {room["name"]: room for room in amara.call("GET", "/rooms", mine="true", limit=100).json["rooms"]}
    of_ada = [plan for plan in ROOMS if HERO in plan.people]
    assert {plan.name for plan in of_ada if not plan.is_direct} <= rooms.keys()
    assert rooms["Spring regatta"]["archivedAt"] is not None
    assert rooms["Lunch 🍲"]["slowModeS"] == 30
    assert rooms["Hiring"]["isPrivate"]
    assert rooms["General"]["unreadCount"] == 5
    assert rooms["General"]["mentionCount"] == 2
    assert sum(room["kind"] == "direct" for room in amara.call("GET", "/rooms", mine="true").json["rooms"]) == 2
    feed = messages_of(amara, rooms["Builds"]["id"])
    assert len(feed) > FEED_MESSAGES_MIN
    general = messages_of(amara, rooms["General"]["id"])
    for said in (feed, general):
        assert [one["seq"] for one in said] == list(range(1, len(said) + 1))
        times = [one["createdAt"] for one in said]
        assert times == sorted(times)
    assert general[0]["createdAt"][:10] < general[-1]["createdAt"][:10]
    assert any(one["reactions"] for one in general)
    assert any(one["editedAt"] for one in general)
    assert any(one["deletedAt"] for one in general)
    assert any(one["replyToId"] for one in general)
    assert any(one["threadId"] for one in general)
    help_desk = rooms["Help desk"]["id"]
    acts = {entry["action"] for entry in amara.call("GET", f"/rooms/{help_desk}/audit").json["entries"]}
    assert {"ban", "message_deleted", "role"} <= acts
    assert len(amara.call("GET", f"/rooms/{help_desk}/bans").json["bans"]) == 1
    assert len(amara.call("GET", f"/rooms/{help_desk}/reports").json["reports"]) == 2
    assert len(amara.call("GET", f"/rooms/{rooms['Hiring']['id']}/invites").json["invites"]) == 1
    names = {
        one["displayName"] for one in amara.call("GET", f"/rooms/{rooms['General']['id']}/members").json["members"]
    }
    assert {"فريد حداد", "佐藤 花", "Дмитрий Волков"} <= names
    attached = {file["name"]: file for one in general for file in one["attachments"]}
    assert {name: file["mimeType"] for name, file in attached.items()} == {
        "dock-at-low-tide.png": "image/png",
        "west-coast-tides.txt": "text/plain",
    }
    picture = amara.call("GET", amara.call("GET", "/users/me").json["user"]["avatarUrl"])
    thumbnail = amara.call("GET", attached["dock-at-low-tide.png"]["thumbnailUrl"])
    assert (picture.status, thumbnail.status) == (200, 200)
    for name in TEAM:
        logged_in(url, name, run.stdout)


@slow_on_mongo
def test_a_second_run_says_that_it_is_there_and_changes_nothing(sample: Sample) -> None:
    assert (sample.again.returncode, sample.again.stderr) == (0, "")
    assert "already" in sample.again.stdout
    amara = logged_in(sample.server.url, HERO, sample.first.stdout)
    people = amara.call("GET", "/users", q="", limit=100).json["users"]
    assert len(people) == len(TEAM) + 1


@slow_on_mongo
def test_the_bots_file_is_private_and_has_what_the_bot_needs(sample: Sample) -> None:
    file = sample.server.data_dir / BOT_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    values = dict(line.removeprefix("export ").split("=", 1) for line in file.read_text().splitlines())
    token, room_id = values["CHAT_TOKEN"], values["CHAT_ROOM"]
    reply = call(sample.server.url, "POST", "/messages", {"roomId": room_id, "content": "beep"}, token=token)
    assert reply.status == 201, reply.body
    shown = re.search(r"answers to !echo: \. (\S+) && (\S+) (\S+)$", sample.first.stdout, re.MULTILINE)
    assert shown is not None, sample.first.stdout
    assert all((ROOT / path).is_file() for path in shown.groups()), shown[0]


def test_it_refuses_a_store_with_accounts_of_others_in_one_line(
    tmp_path: Path, start: Start, store_env: StoreEnv
) -> None:
    data_dir = tmp_path / "data"
    server = start(data_dir)
    register(server.url)
    server.terminate()
    run = run_demo(data_dir, store_env(data_dir))
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (1, "", 1), run.stderr
    assert "accounts already" in run.stderr
    assert not (data_dir / BOT_FILE).exists()


@embedded
def test_it_refuses_a_directory_on_which_a_server_runs(tmp_path: Path, start: Start) -> None:
    data_dir = tmp_path / "data"
    start(data_dir)
    run = run_demo(data_dir, {})
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (1, "", 1), run.stderr
    assert str(data_dir) in run.stderr


@pytest.mark.parametrize("order", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_one_that_was_cut_off_says_so_and_is_not_taken_for_a_whole_one(tmp_path: Path, order: signal.Signals) -> None:
    data_dir = tmp_path / "data"
    env = {"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir)}
    with subprocess.Popen([*PROGRAM, "demo"], env=env, stderr=subprocess.PIPE, text=True, cwd=ROOT) as running:
        poll(lambda: running.poll() is not None or list((data_dir / "files").rglob("f*")))  # the first picture
        assert running.poll() is None, "it ended before it was interrupted"
        running.send_signal(order)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 1
    assert said.splitlines()[-1] == "demo: interrupted"
    assert "Traceback" not in said
    assert not (data_dir / BOT_FILE).exists()
    run = run_demo(data_dir, {})
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (1, "", 1), run.stderr
    assert "cut off" in run.stderr


def test_where_the_settings_take_no_such_files_the_sample_is_made_without_them(tmp_path: Path) -> None:
    env = {"DATA_DIR": str(tmp_path / "data"), "ALLOWED_FILE_TYPES": "application/pdf"}
    run = command("demo", env=env)
    assert run.returncode == 0, run.stderr
    assert not list((tmp_path / "data" / "files").rglob("f*"))
