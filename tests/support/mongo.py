"""A server to test the MongoDB store against: MONGO_URI's, else mongod, else a stand-in that speaks the wire protocol.

The stand-in is mongo-java-server (tests/wire_server): `make test` fetches it through Maven. It has no text search, no
explain, no TTL, no transactions, and no speed worth measuring; tests that need those carry the mark `real_mongod`.
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo.errors import PyMongoError

from tests.support.server import free_port

WIRE_SERVER = Path(__file__).parent.parent / "wire_server"
# `make wire-server` compiles them: from its source a start took four times the CPU
CLASSES = WIRE_SERVER / "target" / "classes"
CLASS_PATH = f"{CLASSES}:{WIRE_SERVER / 'target' / 'dependency'}/*"
# The stand-in lives for some tests only: with the quick compiler and the serial collector it starts in half the time.
JAVA_OPTIONS = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
START_WITHIN_S = 60.0
MISSING = "need a MongoDB server: set MONGO_URI, or put mongod, or a JDK and mvn, on PATH and call `make wire-server`"


def find_real_mongod() -> bool:
    """Whether tests run on a real MongoDB: MONGO_URI may also name a server that only speaks its protocol."""
    uri = os.environ.get("MONGO_URI")
    return is_real(uri) if uri else shutil.which("mongod") is not None


@functools.cache
def is_real(uri: str, *, within_ms: int = 20_000) -> bool:
    """Whether the server lists WiredTiger among its storage engines, as MongoDB does. False if it does not answer."""
    with pymongo.MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=within_ms) as client:
        try:
            return "wiredTiger" in client.admin.command("buildInfo").get("storageEngines", ())
        except PyMongoError:
            return False


class MongoServer:
    """A MongoDB server on loopback.

    `durable`: its data outlive a stop (the stand-in is quicker without).
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self._folder = folder
        self._durable = durable
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log_path(self) -> Path:
        return self._folder / "log"

    @property
    def uri(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}"

    def start(self) -> MongoServer:
        """Start it and wait until it answers. Skips the test where there is nothing to start."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log, cwd=WIRE_SERVER)
        until_it_answers(self.uri, self._process, self.log_path)
        return self

    def _command(self) -> list[str]:
        if mongod := shutil.which("mongod"):
            return [
                mongod,
                "--port",
                str(self.port),
                "--bind_ip",
                "127.0.0.1",
                "--dbpath",
                str(self._folder),
                "--quiet",
            ]
        java = shutil.which("java")
        if java is None or not CLASSES.is_dir():
            pytest.skip(MISSING)
        file = [str(self._folder / "data.mv")] if self._durable else []
        return [java, *JAVA_OPTIONS, "-cp", CLASS_PATH, "Launcher", str(self.port), *file]

    def pause(self) -> None:
        """SIGSTOP: it keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it in whatever state it is. Idempotent."""
        if self._process is not None:
            self._signal(signal.SIGCONT)
            terminate(self._process)
            self._process = None

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)


def terminate(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def drop_database(uri: str, database: str) -> None:
    """Drop a database that a test created."""
    with pymongo.MongoClient[dict[str, object]](uri) as client:
        client.drop_database(database)


class TextSearchServer:
    """nx-27017, a server with text search, for the tests of text search where there is no real mongod."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.uri = f"mongodb://127.0.0.1:{free_port()}"

    def start(self) -> TextSearchServer:
        port = self.uri.rpartition(":")[2]
        program = Path(sys.executable).with_name("nx-27017")
        files = ["--log-file", str(self._folder / "nx.log"), "--pid-file", str(self._folder / "nx.pid")]
        arguments = ["--db", "memory", "--port", port, *files]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([str(program), *arguments], stdout=log, stderr=log, cwd=self._folder)
        until_it_answers(self.uri, self._process, self._folder / "log")
        return self

    def stop(self) -> None:
        if self._process is not None:
            terminate(self._process)


def until_it_answers(uri: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers. Raises AssertionError with its log."""
    with pymongo.MongoClient[dict[str, object]](uri, serverSelectionTimeoutMS=250) as client:
        deadline = time.monotonic() + START_WITHIN_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                client.admin.command("ping")
            except PyMongoError:
                continue  # the driver waited already
            return
    raise AssertionError(f"the MongoDB server did not start:\n{log.read_text()}")
