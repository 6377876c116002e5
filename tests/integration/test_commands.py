"""The command line from outside: help, check, backup and restore of a live server, and refused starts."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app import settings
from common.startup_error import StartupError
from store.sqlite import restore
from store.sqlite.backup_archive import MANIFEST_NAME
from store.sqlite.connection import DATABASE_NAME
from tests.integration.conftest import Start, embedded
from tests.support.client import ChatConnection, Person, call, chat, register
from tests.support.in_process_commands import run_in_process
from tests.support.server import ROOT, ServerProcess, command, free_port
from tests.support.waiting import poll

Wrong = tuple[tuple[str, ...], dict[str, str], str]

GREAT_BYTES = 4 * 1024**3  # a sparse file of that size: the command is interrupted long before it has copied it


def test_help_lists_every_flag_beside_its_variable(tmp_path: Path) -> None:
    run = run_in_process("--help", env={"DATA_DIR": str(tmp_path / "none")})
    assert run.returncode == 0
    assert not (tmp_path / "none").exists()
    for flag, variable in (
        ("--port", "PORT"),
        ("--data-dir", "DATA_DIR"),
        ("--ws-max-connections", "WS_MAX_CONNECTIONS"),
    ):
        assert re.search(rf"^ *{flag}\b.*\b{variable}\b", run.stdout, re.MULTILINE), flag
    for name in ("serve", "check", "backup FILE", "restore FILE"):
        assert name in run.stdout
    assert run.stdout == run_in_process("serve", "-h", env={}).stdout
    for variable in settings.load({}, {}).limits.policies:
        assert f"RATE_LIMIT_{variable.upper()}" in run.stdout


# Wrong arguments, wrong variables, and the text that the error must have.
WRONG: list[Wrong] = [
    (("--prot", "8001"), {}, "--prot"),
    (("--port",), {}, "--port"),
    (("--port", "eighty"), {}, "eighty"),
    (("--port", "70000"), {}, "70000"),
    (("sevre",), {}, "sevre"),
    (("serve", "extra"), {}, "extra"),
    (("backup",), {}, "FILE"),
    (("restore", "--port=8001"), {}, "FILE"),
    (("restore", "--port"), {}, "--port"),
    (("check", "--url"), {}, "--url"),
    ((), {"WS_PING_INTERVAL": "often"}, "WS_PING_INTERVAL"),
    ((), {"RATE_LIMIT_MESSAGES": "many/60"}, "RATE_LIMIT_MESSAGES"),
    ((), {"LOG_FORMAT": "xml"}, "LOG_FORMAT"),
    ((), {"CACHE_ENABLED": "perhaps"}, "CACHE_ENABLED"),
    ((), {"TRUSTED_PROXIES": "localhost"}, "TRUSTED_PROXIES"),
    ((), {"JWT_SECRET": "short"}, "JWT_SECRET"),
    ((), {"HOST": "127.0.0.256"}, "HOST"),
    ((), {"REDIS_URL": "redis://:hunter2@127.0.0.1:notaport/0"}, "REDIS_URL"),
    (("check",), {"REDIS_URL": "redis://:hunter2@127.0.0.1/0?colour=red"}, "REDIS_URL"),
    (("backup", "x"), {"REDIS_URL": "redis://:hunter2@127.0.0.1/first"}, "REDIS_URL"),
    ((), {"ALERT_WEBHOOK_URL": "https://hooks.example.org:99999/hunter2"}, "ALERT_WEBHOOK_URL"),
    ((), {"RATE_LIMIT_WHITELIST": "robot,10.0.0.0/33"}, "RATE_LIMIT_WHITELIST"),
    (("check",), {"RATE_LIMIT_WHITELIST": "10.0.0.300"}, "RATE_LIMIT_WHITELIST"),
    (("check",), {"RATE_LIMIT_WHITELIST_FILE": "/nonexistent/hunter"}, "RATE_LIMIT_WHITELIST_FILE"),
    (("check",), {"METRICS_ALLOW": "10.0.0.0/33"}, "METRICS_ALLOW"),
    ((), {"JWT_SECRET_FILE": "/nonexistent"}, "JWT_SECRET_FILE"),
    (("--jwt-secret", "hunter2" * 8), {}, "JWT_SECRET_FILE"),
    (("--redis-password=hunter2",), {}, "REDIS_PASSWORD_FILE"),
    (("check", "--redis-url", "redis://:hunter2@127.0.0.1/0"), {}, "REDIS_URL_FILE"),
    (("check", "--url", "http://127.0.0.1:notaport"), {}, "--url"),
    (("backup", "--file=x"), {}, "--file"),
    *(
        (
            (name,),
            {"MONGO_URI": f"mongodb://ada:hunter2@127.0.0.1:1/{options}", "JWT_SECRET": "s" * 32},
            "MONGO_URI: ***",
        )
        for name, options in (
            ("serve", "?colour=red"),
            ("check", "?maxPoolSize=many"),
            ("migrate", "?readPreference=nearby"),
            ("serve", "?w=0&journal=true"),
            ("check", "?replicaSet=a&replicaSet=b"),
            ("serve", "?authMechanism=nonsense"),
            ("serve", "?tls"),
        )
    ),
    *(
        (("check",), {"MONGO_URI": uri, "JWT_SECRET": "s" * 32}, "MONGO_URI: ***")
        for uri in (
            "mongodb+srv://db.example.com/?colour=red",
            "mongodb+srv://db.example.com:27017/",
            "mongodb://ada:hunter2@@db/",
            "mongodb://db1,db2/?directConnection=true",
            "mongodb://db:0/",
            "mongodb://ada:hunter2@db..example/",
        )
    ),
]


@pytest.fixture(scope="module")
def taken_port() -> Iterator[int]:
    """A port that is in use, so that no server can start serving whatever its settings are."""
    with socket.create_server(("127.0.0.1", free_port())) as listening:
        yield int(listening.getsockname()[1])


@pytest.mark.parametrize(("arguments", "env", "says"), WRONG)
def test_a_wrong_command_line_or_setting_is_exit_2_and_one_line(
    tmp_path: Path, taken_port: int, arguments: tuple[str, ...], env: dict[str, str], says: str
) -> None:
    run = run_in_process(*arguments, env={"DATA_DIR": str(tmp_path / "data"), "PORT": str(taken_port), **env})
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert says in run.stderr
    assert "hunter2" not in run.stderr
    assert not (tmp_path / "data").exists()


def test_from_outside_it_is_the_same(tmp_path: Path, taken_port: int) -> None:
    of_each_kind = ("--prot", "WS_PING_INTERVAL", "RATE_LIMIT_WHITELIST_FILE", "MONGO_URI: ***", "REDIS_URL")
    tried = [next(one for one in WRONG if one[2] == says) for says in of_each_kind]
    common = {"DATA_DIR": str(tmp_path / "data"), "PORT": str(taken_port)}
    with ThreadPoolExecutor(len(tried)) as pool:
        runs = list(pool.map(lambda one: command(*one[0], env={**common, **one[1]}), tried))
    for (arguments, _, says), run in zip(tried, runs, strict=True):
        assert (run.returncode, run.stderr.count("\n"), run.stdout) == (2, 1, ""), (arguments, run.stderr)
        assert says in run.stderr
        assert "hunter2" not in run.stderr
    assert not (tmp_path / "data").exists()


def test_a_secret_that_is_too_short_is_not_repeated(tmp_path: Path, taken_port: int) -> None:
    env = {"JWT_SECRET": "hunter2", "DATA_DIR": str(tmp_path / "data"), "PORT": str(taken_port)}
    run = run_in_process(env=env)
    assert run.returncode == 2
    assert "hunter2" not in run.stderr


# ---- a second server ---------------------------------------------------------------------------------------------


@embedded
def test_a_second_server_on_the_same_directory_is_refused(server: ServerProcess) -> None:
    run = command("serve", "--port", str(free_port()), env={"DATA_DIR": str(server.data_dir)})
    assert (run.returncode, run.stderr.count("\n")) == (1, 1), run.stderr
    assert str(server.data_dir) in run.stderr
    assert call(server.url, "GET", "/health/ready").status == 200


@embedded
def test_a_second_server_on_the_same_port_is_refused(server: ServerProcess, tmp_path: Path) -> None:
    run = command("serve", "--port", str(server.port), env={"DATA_DIR": str(tmp_path / "data")})
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1, run.stderr
    assert str(server.port) in run.stderr
    assert call(server.url, "GET", "/health/ready").status == 200


@pytest.mark.parametrize("what", ["a file", "not writable"])
def test_a_data_dir_that_cannot_be_used_is_one_line(tmp_path: Path, what: str) -> None:
    path = tmp_path / "data"
    path.write_text("a file stands here")
    data_dir = path if what == "a file" else Path("/proc/data")
    run = command("serve", "--port", str(free_port()), env={"DATA_DIR": str(data_dir)})
    assert (run.returncode, run.stderr.count("\n")) == (1, 1), run.stderr
    assert "Traceback" not in run.stderr


def test_a_database_that_is_none_is_a_refusal_not_a_traceback(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (data_dir / DATABASE_NAME).write_bytes(b"this is no database at all, and long enough to be looked at" * 100)
    run = command("serve", "--port", str(free_port()), env={"DATA_DIR": str(data_dir)})
    assert (run.returncode, run.stderr.count("\n")) == (1, 1), run.stderr
    assert "Traceback" not in run.stderr


# ---- check -------------------------------------------------------------------------------------------------------


@embedded
def test_check_says_a_line_an_item_also_of_a_running_server(server: ServerProcess) -> None:
    run = command("check", "--url", server.url, env={"DATA_DIR": str(server.data_dir)})
    assert run.returncode == 0, run.stdout
    items = [line.split(":")[0] for line in run.stdout.splitlines()]
    assert items == [
        "ok   settings",
        "ok   store",
        "ok   disk",
        "ok   alerts",
        "ok   descriptors",
        "ok   proxy",
        "ok   websocket",
    ]


def test_check_fails_where_nothing_listens(tmp_path: Path) -> None:
    run = run_in_process("check", "--url", "http://127.0.0.1:1", env={"DATA_DIR": str(tmp_path)})
    assert run.returncode == 1
    failed = [line for line in run.stdout.splitlines() if line.startswith("FAIL")]
    assert [line.split()[1] for line in failed] == ["proxy:", "websocket:"]
    assert run.stderr == ""


def test_check_leaves_nothing_behind(tmp_path: Path) -> None:
    assert run_in_process("check", env={"DATA_DIR": str(tmp_path / "fresh")}).returncode == 0
    assert not (tmp_path / "fresh").exists()


@embedded
def test_what_others_may_read_is_a_warning_at_the_start_and_fails_check(start: Start, tmp_path: Path) -> None:
    server = start()
    poll(lambda: " server: started " in server.log())
    assert " exposed " not in server.log()
    assert {path.stat().st_mode & 0o077 for path in (server.data_dir, *server.data_dir.rglob("*"))} == {0}
    server.terminate()
    secret = tmp_path / "jwt"
    secret.write_text("s" * 40)
    for path, mode in ((server.data_dir, 0o755), (server.data_dir / "secret", 0o640), (secret, 0o644)):
        path.chmod(mode)
    env = {"DATA_DIR": str(server.data_dir), "JWT_SECRET_FILE": str(secret)}
    run = run_in_process("check", env=env)
    assert run.returncode == 1
    (line,) = (line for line in run.stdout.splitlines() if line.startswith("FAIL settings: "))
    for advice in (
        f"chmod 700 {server.data_dir}",
        f"chmod 600 {server.data_dir / 'secret'}",
        f"chmod 600 {secret}",
        "JWT_SECRET_FILE",
    ):
        assert advice in line
    begun = server.log().count(" server: started ")
    again = start(server.data_dir, JWT_SECRET_FILE=str(secret))
    poll(lambda: again.log().count(" server: started ") > begun)
    warnings = [line for line in again.log().splitlines() if " WARNING server: exposed " in line]
    assert [re.search(r"mode=(\d+)", line).group(1) for line in warnings] == ["0755", "0640", "0644"]  # type: ignore[union-attr]
    for path, mode in ((server.data_dir, 0o700), (server.data_dir / "secret", 0o600), (secret, 0o600)):
        path.chmod(mode)
    assert run_in_process("check", env=env).returncode == 0


# ---- backup and restore ------------------------------------------------------------------------------------------


@embedded
@pytest.mark.gen_test
async def test_a_backup_under_load_holds_every_message_that_was_acked_before_it_began(
    start: Start, tmp_path: Path
) -> None:
    server = start(RATE_LIMIT_ENABLED="false")
    ada = register(server.url)
    room = ada.make_room()["id"]
    acked: list[int] = []
    stop = threading.Event()

    async def keep_sending(one: ChatConnection, name: str) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            ack = await one.command("sendMessage", roomId=room, content=f"{name} {number}", clientId=f"{name}{number}")
            acked.append(ack["message"]["seq"])

    file = tmp_path / "chat.backup"
    async with chat(server.ws_url, ada) as a, chat(server.ws_url, ada) as b:
        senders = [asyncio.ensure_future(keep_sending(one, name)) for one, name in ((a, "a"), (b, "b"))]
        while len(acked) < 200:
            await asyncio.sleep(0)
        before = max(acked)
        run = await asyncio.to_thread(command, "backup", str(file), env={"DATA_DIR": str(server.data_dir)})
        after = max(acked)
        stop.set()
        await asyncio.gather(*senders)
    assert run.returncode == 0, run.stderr
    assert after > before, "the server took messages meanwhile"
    restored = tmp_path / "restored"
    assert command("restore", str(file), env={"DATA_DIR": str(restored)}).returncode == 0
    second = start(restored)
    again = Person(second.url, ada.user, ada.access_token, ada.refresh_token)
    held = again.call("GET", f"/rooms/{room}").json["room"]["lastSeq"]
    assert before <= held
    seqs = []
    while len(seqs) < held:
        page = again.call("GET", "/messages", roomId=room, limit=100, after=len(seqs)).json
        seqs += [message["seq"] for message in page["messages"]]
    assert seqs == list(range(1, held + 1)), "and no hole"
    original = {m["seq"]: m for m in ada.call("GET", "/messages", roomId=room, limit=100, after=0).json["messages"]}
    for message in again.call("GET", "/messages", roomId=room, limit=100, after=0).json["messages"]:
        assert message == original[message["seq"]]


@embedded
def test_restore_wants_an_empty_directory_and_a_backup_that_is_one(server: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "chat.backup"
    assert command("backup", str(file), env={"DATA_DIR": str(server.data_dir)}).returncode == 0
    full = tmp_path / "full"
    full.mkdir()
    (full / "something").write_text("of mine")
    nonsense = tmp_path / "nonsense"
    nonsense.write_bytes(b"not a backup")
    for source in (nonsense, tmp_path / "none"):
        with pytest.raises(StartupError) as refused:
            restore(source, tmp_path / "new")
        assert str(refused.value).isprintable(), "one line"
    tried = (("restore", str(file), full), ("backup", str(file), tmp_path / "nothing here"))
    with ThreadPoolExecutor(len(tried)) as pool:
        runs = list(pool.map(lambda one: command(*one[:2], env={"DATA_DIR": str(one[2])}), tried))
    for run in runs:
        assert (run.returncode, run.stderr.count("\n")) == (1, 1), run.stderr
    assert [path.name for path in full.iterdir()] == ["something"]


def test_a_whitelist_that_does_not_parse_stops_the_start(tmp_path: Path, taken_port: int) -> None:
    broken = tmp_path / "whitelist"
    broken.write_text("10.0.0.0/99\n")
    common = {"DATA_DIR": str(tmp_path / "data"), "PORT": str(taken_port)}
    for name, value, run_with in (
        ("RATE_LIMIT_WHITELIST", "ada,10.0.0.0/99", run_in_process),
        ("RATE_LIMIT_WHITELIST_FILE", str(broken), command),  # the file is read once the log is set up
    ):
        run = run_with("serve", env={**common, name: value})
        assert run.returncode == 2
        assert run.stderr.splitlines() == [f"{name}: '10.0.0.0/99' is neither a user name nor a CIDR"]


@embedded
@pytest.mark.parametrize("order", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_backup_or_a_restore_that_is_told_to_end_leaves_nothing(
    server: ServerProcess, tmp_path: Path, order: signal.Signals
) -> None:
    file = tmp_path / "chat.backup"
    upload = server.data_dir / "files" / "ab" / "fgreat"
    upload.parent.mkdir(parents=True, exist_ok=True)
    with upload.open("wb") as content:
        content.truncate(GREAT_BYTES)
    try:
        assert (
            interrupted_command(
                order, "backup", file, server.data_dir, begun=lambda: list(tmp_path.glob(".chat.backup.*/parcel"))
            )
            == "backup"
        )
        assert list(tmp_path.iterdir()) == []
    finally:
        upload.unlink()
    write_slow_backup(file)
    target = tmp_path / "restored"
    assert (
        interrupted_command(order, "restore", file, target, begun=(target / ".restoring" / "files").exists) == "restore"
    )
    assert [path.name for path in target.iterdir()] == ["lock"]
    file.unlink()


def write_slow_backup(file: Path) -> None:
    """Write a sparse backup whose restore takes many seconds before it compares the digests."""
    with file.open("wb") as output:
        for name, size in ((DATABASE_NAME, 512), ("files/ab/fgreat", GREAT_BYTES), (MANIFEST_NAME, 512)):
            info = tarfile.TarInfo(name)
            info.size = size
            output.write(info.tobuf(tarfile.PAX_FORMAT))
            output.seek(size, os.SEEK_CUR)
        output.truncate(output.tell() + tarfile.RECORDSIZE)


def interrupted_command(
    order: signal.Signals, name: str, file: Path, data_dir: Path, *, begun: Callable[[], object]
) -> str:
    """Run a command and send it a signal once it has begun to write. Returns the name with which it reports the
    interruption.
    """
    run = [sys.executable, str(ROOT / "server.py"), name, str(file)]
    env = {"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir)}
    with subprocess.Popen(run, env=env, cwd=ROOT, stderr=subprocess.PIPE, text=True) as running:
        poll(lambda: begun() or running.poll() is not None)
        assert running.poll() is None, "it ended before it was interrupted"
        running.send_signal(order)
        _, error_output = running.communicate(timeout=60)
    assert (running.returncode, error_output.count("\n")) == (1, 1), error_output
    return error_output.removesuffix(": interrupted\n")


def test_help_may_be_cut_off_by_its_reader() -> None:
    script = f"{sys.executable} {ROOT / 'server.py'} --help | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("server.py [COMMAND] [FLAGS]\n0\n", "")
