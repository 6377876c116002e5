"""Each way in which a start fails, from outside: one line with what is wrong and what to do, and no traceback."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from msgspec import Struct

from store.sqlite.connection import DATABASE_NAME
from tests.integration.conftest import JWT, Start, embedded
from tests.support.server import ROOT, ServerProcess, command, free_port
from tests.support.small_disk import small_disk

Env = dict[str, str]


class Way(Struct, frozen=True):
    """A way in which a start fails: what makes it so, and what the line must say besides what is wrong."""

    make: Callable[[Path], Env]
    does: str  # what to do
    code: int = 1


def a_file(folder: Path) -> Env:
    folder.write_text("a file stands here")
    return {}


def a_damaged_database(folder: Path) -> Env:
    folder.mkdir()
    (folder / DATABASE_NAME).write_bytes(b"no database, and long enough to be looked at" * 200)
    return {}


def a_database_of_another_program(folder: Path) -> Env:
    folder.mkdir()
    connection = apsw.Connection(str(folder / DATABASE_NAME))
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    return {}


def a_newer_database(folder: Path) -> Env:
    assert command("user", "create", "ada", "a@example.com", env={"DATA_DIR": str(folder)}, stdin="a long password\n")
    connection = apsw.Connection(str(folder / DATABASE_NAME))
    connection.pragma("user_version", 999)
    connection.execute("UPDATE schema_version SET version = 999")
    connection.close()
    return {}


def half_a_restore(folder: Path) -> Env:
    folder.mkdir()
    (folder / ".restoring").mkdir()
    return {}


def no_database_server(folder: Path) -> Env:
    return {
        "MONGO_URI": f"mongodb://ada:hunter2@127.0.0.1:{free_port()}/",
        "MONGO_SERVER_SELECTION_TIMEOUT": "300",
        **JWT,
    }


def no_secret_file(folder: Path) -> Env:
    return {"JWT_SECRET_FILE": str(folder.parent / "none")}


WAYS = {
    "DATA_DIR is a file": Way(a_file, "--data-dir"),
    "DATA_DIR cannot be made": Way(lambda folder: {"DATA_DIR": "/proc/data"}, "--data-dir"),
    "the database is damaged": Way(a_damaged_database, "restore a backup"),
    "the database is another program's": Way(a_database_of_another_program, "--data-dir"),
    "the database is newer": Way(a_newer_database, "upgrade it"),
    "a restore was cut off": Way(half_a_restore, "restore again"),
    "MongoDB is away": Way(no_database_server, "start it, or mend MONGO_URI"),
    "an address of another machine": Way(lambda folder: {"HOST": "192.0.2.1"}, "`ip address`"),
    "MongoDB wants a secret": Way(lambda folder: {"MONGO_URI": "mongodb://127.0.0.1:1"}, "openssl rand", code=2),
    "the secret is short": Way(lambda folder: {"JWT_SECRET": "hunter2"}, "at least 32 bytes", code=2),
    "the secret's file is away": Way(no_secret_file, "a readable file", code=2),
    "a port that is none": Way(lambda folder: {"PORT": "eighty"}, "from 1 to 65535", code=2),
    "a limit is misspelt": Way(lambda folder: {"RATE_LIMIT_MESAGES": "1/1"}, "RATE_LIMIT_MESSAGES?", code=2),
}


def refused(run: subprocess.CompletedProcess[str], *, does: str, code: int = 1) -> None:
    assert (run.returncode, run.stdout) == (code, ""), run.stderr
    last = run.stderr.splitlines()[-1]
    assert does in last, run.stderr
    for word in ("Traceback", "hunter2"):
        assert word not in run.stderr
    assert all(re.search(" (INFO|WARNING) ", line) for line in run.stderr.splitlines()[:-1]), run.stderr


@pytest.mark.parametrize("name", WAYS)
def test_a_start_that_fails_says_what_to_do(tmp_path: Path, name: str) -> None:
    way = WAYS[name]
    env = {"DATA_DIR": str(tmp_path / "data"), "PORT": str(free_port()), **way.make(tmp_path / "data")}
    refused(command("serve", env=env), does=way.does, code=way.code)


def test_a_port_in_use_is_named_with_another(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listening:
        port = listening.getsockname()[1]
        run = command("serve", env={"DATA_DIR": str(tmp_path / "data"), "PORT": str(port)})
    refused(run, does=f"--port {port + 1}")
    assert f"127.0.0.1:{port}" in run.stderr


@embedded
def test_a_directory_in_use_names_the_ways_out(server: ServerProcess) -> None:
    env = {"DATA_DIR": str(server.data_dir), "PORT": str(free_port())}
    refused(command("serve", env=env), does="REDIS_HOST")
    refused(command("serve", env={**env, "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(free_port())}), does="stop that")


@embedded
def test_a_database_whose_lease_another_process_holds_names_the_ways_out(
    tmp_path: Path, start: Start, mongo_uri: str
) -> None:
    env = {"MONGO_URI": mongo_uri, "MONGO_DB_NAME": "lease-of-two", **JWT}
    start(tmp_path / "data", **env)
    refused(command("serve", env={**env, "PORT": str(free_port())}), does="REDIS_HOST")


def test_a_full_disk_is_said_with_what_to_do(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=1) as disk:
        with (disk / "ballast").open("wb") as ballast, pytest.raises(OSError, match="No space"):
            while True:
                os.write(ballast.fileno(), bytes(4096))
        run = command("serve", env={"DATA_DIR": str(disk / "data"), "PORT": str(free_port())})
        refused(run, does="free some space")


def test_a_python_without_the_packages_says_how_they_are_installed(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-S", str(ROOT / "server.py"), "serve"],
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        check=False,
    )
    refused(run, does=".venv")
    assert "lacks packages (PIL, apsw" in run.stderr
