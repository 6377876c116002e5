"""Accounts that an operator creates and repairs by command beside a running server, and reserved names with rights,
which nobody else may register.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.conftest import Processes, Start, embedded
from tests.support import accounts
from tests.support.client import PASSWORD, Reply, call, chat, person_at, register
from tests.support.in_process_commands import run_in_process
from tests.support.server import ROOT, ServerProcess, command, serving
from tests.support.waiting import poll

OTHER_PASSWORD = "another long password"


def user(server: ServerProcess, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return run_in_process("user", *arguments, env=server.env, stdin=stdin)


def run_user_command_as_process(
    server: ServerProcess, *arguments: str, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    return command("user", *arguments, env=server.env, stdin=stdin)


def log_in(url: str, name: str, password: str = PASSWORD) -> Reply:
    return call(url, "POST", "/auth/login", {"username": name, "password": password})


def is_login_refused(url: str, name: str) -> bool:
    body = {"username": name, "email": f"{name}@elsewhere.example", "password": PASSWORD}
    reply = call(url, "POST", "/auth/register", body)
    assert reply.status in (201, 409), reply.body
    return reply.status == 409 and reply.code == "username_taken"


# ---- listed names ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server_with_admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    env = {"ADMIN_USERS": "boss", "METRICS_ALLOW": "203.0.113.1", "LOG_FORMAT": "json"}
    with serving(tmp_path_factory.mktemp("with_boss") / "data", env) as process:
        yield process


@embedded
def test_a_name_that_gives_rights_cannot_be_registered_however_it_is_written(start: Start, tmp_path: Path) -> None:
    listed = tmp_path / "whitelist"
    listed.write_text("robot\n192.0.2.0/24\n")
    server = start(
        ADMIN_USERS="Boss,second", RATE_LIMIT_WHITELIST="tester,198.51.100.0/24", RATE_LIMIT_WHITELIST_FILE=str(listed)
    )
    for name in ("boss", "BOSS", "Boss", "SECOND", "tester", "Tester", "robot", "ROBOT"):
        assert is_login_refused(server.url, name), name
        assert log_in(server.url, name).status == 401
    assert not is_login_refused(server.url, "boss2")
    listed.write_text("later\n")
    os.kill(server.pid, signal.SIGHUP)
    poll(lambda: is_login_refused(server.url, "LATER"))
    assert not is_login_refused(server.url, "robot"), "it is not listed any more"
    poll(
        lambda: [
            line for line in server.log().splitlines() if "registration refused" in line and "username=BOSS" in line
        ]
    )
    assert PASSWORD not in server.log()
    assert "elsewhere.example" not in server.log()


def test_a_listed_name_is_made_by_command_and_has_its_rights(server_with_admin: ServerProcess) -> None:
    server = server_with_admin
    ann = register(server.url)
    run = run_user_command_as_process(server, "create", "Boss", "boss@example.com", stdin=f"{PASSWORD}\n")
    assert (run.returncode, run.stderr) == (0, ""), run.stderr
    boss = accounts.log_in(server.url, "boss")
    assert boss.username == "Boss"
    assert boss.call("GET", "/metrics/alerts").status == 200
    assert ann.call("GET", "/metrics/alerts").status == 403
    by_email = call(server.url, "POST", "/auth/login", {"email": "boss@example.com", "password": PASSWORD})
    assert by_email.json["user"] == boss.user
    assert set(boss.user) == set(ann.user), "the profile shows nothing of it"
    assert ann.call("GET", "/users", q="boss").json["users"][0]["id"] == boss.id


def test_check_names_the_listed_who_do_not_exist(server: ServerProcess, tmp_path: Path) -> None:
    register(server.url, "Boss")
    (tmp_path / "whitelist").write_text("ghost\n")
    env = {**server.env, "ADMIN_USERS": "boss", "RATE_LIMIT_WHITELIST_FILE": str(tmp_path / "whitelist")}
    run = run_in_process("check", env=env)
    line = next(line for line in run.stdout.splitlines() if "listed names" in line)
    assert "ghost" in line
    assert "boss" not in line
    user(server, "create", "Ghost", "ghost@example.com", stdin=f"{PASSWORD}\n")
    assert accounts.log_in(server.url, "ghost").username == "Ghost"
    line = next(line for line in run_in_process("check", env=env).stdout.splitlines() if "listed names" in line)
    assert "ghost" not in line


def test_check_of_listed_names_leaves_nothing_behind(tmp_path: Path) -> None:
    run = run_in_process("check", env={"DATA_DIR": str(tmp_path / "fresh"), "ADMIN_USERS": "boss"})
    assert "boss" in run.stdout
    assert run.returncode == 0
    assert not (tmp_path / "fresh").exists()


@embedded
def test_where_registration_is_closed_accounts_are_made_by_command_alone(start: Start) -> None:
    server = start(REGISTRATION="closed")
    body = {"username": "ann", "email": "ann@example.com", "password": PASSWORD}
    for one in (body, {**body, "invite": "no-such-code"}):
        reply = call(server.url, "POST", "/auth/register", one)
        assert (reply.status, reply.code) == (403, "forbidden")
    assert user(server, "create", "ann", "ann@example.com", stdin=f"{PASSWORD}\n").returncode == 0
    accounts.log_in(server.url, "ann")


# ---- the commands ------------------------------------------------------------------------------------------------


@embedded
def test_an_account_can_be_made_before_the_first_start(start: Start, tmp_path: Path) -> None:
    env = {"DATA_DIR": str(tmp_path / "new")}
    assert command("user", "create", "first", "first@example.com", env=env, stdin=f"{PASSWORD}\n").returncode == 0
    accounts.log_in(start(tmp_path / "new").url, "first")


def test_what_needs_an_account_makes_no_database(tmp_path: Path) -> None:
    run = run_in_process("user", "disable", "nobody", env={"DATA_DIR": str(tmp_path / "new")})
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert not (tmp_path / "new").exists()


def test_what_is_wrong_with_a_user_command_is_one_line_without_the_password(server: ServerProcess) -> None:
    register(server.url, "taken")
    for arguments, stdin, code, says in (
        (("create", "Taken", "new@example.com"), PASSWORD, 1, "taken"),
        (("create", "fresh", "TAKEN@example.com"), PASSWORD, 1, "taken"),
        (("create", "fresh", "fresh@example.com"), "", 1, "password"),
        (("create", "fresh", "fresh@example.com"), "secret7\n", 1, "password"),
        (("create", "fresh", "fresh@example.com"), "Password123\n", 1, "commonest"),
        (("create", "no spaces", "fresh@example.com"), PASSWORD, 2, "username"),
        (("create", "fresh", "nowhere"), PASSWORD, 2, "email"),
        (("create", "fresh"), PASSWORD, 2, "EMAIL"),
        (("password", "nobody"), PASSWORD, 1, "nobody"),
        (("disable", "nobody"), "", 1, "nobody"),
        (("enable", "nobody"), "", 1, "nobody"),
        (("enable",), "", 2, "NAME"),
        (("destroy", "taken"), "", 2, "user"),
        ((), "", 2, "user"),
    ):
        run = user(server, *arguments, stdin=stdin)
        assert (run.returncode, run.stderr.count("\n")) == (code, 1), (arguments, run.stderr)
        assert says in run.stderr, run.stderr
        assert PASSWORD not in run.stderr + run.stdout
        assert "secret7" not in run.stderr + run.stdout
    assert log_in(server.url, "fresh").status == 401


@embedded
def test_from_outside_a_refusal_is_an_exit_code_and_one_line(server: ServerProcess) -> None:
    register(server.url, "held")
    tried = {("create", "Held", "new@example.com"): 1, ("create", "fresh", "nowhere"): 2, ("disable", "nobody"): 1}
    with ThreadPoolExecutor(len(tried)) as pool:
        runs = list(pool.map(lambda arguments: run_user_command_as_process(server, *arguments, stdin=PASSWORD), tried))
    for (arguments, code), run in zip(tried.items(), runs, strict=True):
        assert (run.returncode, run.stderr.count("\n"), run.stdout) == (code, 1, ""), (arguments, run.stderr)
        assert PASSWORD not in run.stderr


@embedded
@pytest.mark.parametrize("second", [OTHER_PASSWORD, "not the same as before"])
def test_on_a_terminal_the_password_is_asked_for_twice_and_not_shown(server: ServerProcess, second: str) -> None:
    ada = register(server.url)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "server.py"), "user", "password", ada.username],
        env=dict(server.env),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    for prompt, answer in ((b"Password", OTHER_PASSWORD), (b"Once more", second)):
        while prompt not in shown:
            shown += os.read(ours, 1000)
        os.write(ours, f"{answer}\n".encode())
    code = process.wait(60)
    os.set_blocking(ours, False)
    with contextlib.suppress(OSError):  # the terminal closes with its last process
        shown += os.read(ours, 10_000)
    os.close(ours)
    assert OTHER_PASSWORD.encode() not in shown
    assert code == (0 if second == OTHER_PASSWORD else 1), shown
    assert log_in(server.url, ada.username, OTHER_PASSWORD).status == (200 if second == OTHER_PASSWORD else 401)


@pytest.mark.gen_test
async def test_disabling_shuts_somebody_out_of_a_running_server_until_they_are_enabled(server: ServerProcess) -> None:
    ada, eve = register(server.url), register(server.url)
    async with chat(server.ws_url, ada) as a, chat(server.ws_url, eve) as e:
        await a.one("welcome")
        run = await asyncio.to_thread(user, server, "disable", ada.username.upper())
        assert run.returncode == 0, run.stderr
        assert await a.closed() == 4403
        poll(lambda: ada.call("GET", "/auth/profile").status == 401)
        assert await e.command("heartbeat")
    assert log_in(server.url, ada.username).status == 401
    assert (
        log_in(server.url, ada.username).json["error"]["message"]
        == log_in(server.url, "nobody").json["error"]["message"]
    )
    assert call(server.url, "POST", "/auth/refresh", {"refreshToken": ada.refresh_token}).status == 401
    assert eve.call("GET", "/users", q=ada.username).json["users"] == []
    assert eve.call("GET", "/auth/profile").status == 200
    assert user(server, "enable", ada.username).returncode == 0
    accounts.log_in(server.url, ada.username)
    assert ada.call("GET", "/auth/profile").status == 401, "what was revoked stays so"


@pytest.mark.gen_test
async def test_a_password_that_an_operator_sets_ends_all_sessions(server: ServerProcess) -> None:
    ada = register(server.url)
    again = accounts.log_in(server.url, ada.username)
    async with chat(server.ws_url, ada) as a, chat(server.ws_url, again) as b:
        run = await asyncio.to_thread(user, server, "password", ada.username, stdin=f"{OTHER_PASSWORD}\r\n")
        assert run.returncode == 0, run.stderr
        assert [await a.closed(), await b.closed()] == [4403, 4403]
    assert log_in(server.url, ada.username).status == 401
    accounts.log_in(server.url, ada.username, OTHER_PASSWORD)


@embedded
@pytest.mark.gen_test
async def test_commands_find_their_turn_while_the_server_writes_without_pause(start: Start) -> None:
    server = start(RATE_LIMIT_ENABLED="false")
    ada = register(server.url)
    room = ada.make_room()["id"]
    done = asyncio.Event()

    async def keep_sending(number: int) -> int:
        sent = 0
        async with chat(server.ws_url, ada) as one:
            while not done.is_set():
                await one.command("sendMessage", roomId=room, content=f"{number} {sent}")
                sent += 1
        return sent

    senders = [asyncio.ensure_future(keep_sending(number)) for number in range(4)]
    runs = [
        await asyncio.to_thread(run_user_command_as_process, server, "create", f"made{n}", f"made{n}@b", stdin=PASSWORD)
        for n in range(2)
    ]
    done.set()
    assert min(await asyncio.gather(*senders)) > 0
    assert [run.returncode for run in runs] == [0, 0], [run.stderr for run in runs]
    assert {log_in(server.url, f"made{n}").status for n in range(2)} == {200}


@pytest.mark.gen_test
async def test_with_several_processes_a_command_acts_on_all(start_two_servers: Callable[..., Processes]) -> None:
    p, q = start_two_servers()
    ada = register(p.url)
    again = accounts.log_in(q.url, ada.username)
    async with chat(p.ws_url, ada) as a, chat(q.ws_url, again) as b:
        run = await asyncio.to_thread(user, p, "disable", ada.username)
        assert run.returncode == 0, run.stderr
        assert [await a.closed(), await b.closed()] == [4403, 4403]
    for who, server in ((ada, q), (again, p), (ada, p), (again, q)):
        poll(lambda who=who, server=server: person_at(who, server).call("GET", "/auth/profile").status == 401)
    assert log_in(q.url, ada.username).status == 401


def test_the_log_of_a_refusal_is_one_object_in_json(server_with_admin: ServerProcess) -> None:
    assert is_login_refused(server_with_admin.url, "bOSS")
    lines = poll(lambda: [line for line in server_with_admin.log().splitlines() if "registration refused" in line])
    assert [json.loads(line)["username"] for line in lines] == ["bOSS"]
