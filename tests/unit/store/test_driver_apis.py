"""The private names of Motor, PyMongo and apsw that the store reads, and the undocumented ones.

The table is complete: a private name that is read and not listed fails, and so does a listed one that the driver no
longer has. A newer Motor must pass this before its bound in setup.cfg is raised.
"""

from __future__ import annotations

import ast
import configparser
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import motor
import pytest
from motor.frameworks import asyncio as motor_threads
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import MongoClient

from store.mongo.driver_monitoring import waiting_for_a_thread

ROOT = Path(__file__).parent.parent.parent.parent

# By file, the private names that are read from anything but the store's own objects.
PRIVATE = {"store/mongo/driver_monitoring.py": {"motor_threads._EXECUTOR", "motor_threads._EXECUTOR._work_queue"}}

# What holds the store's own objects in its modules.
OWN = {"self", "cls", "database"}


def foreign_private_names(path: Path) -> set[str]:
    """Every attribute with a leading underscore that a file reads, unless from the store's own objects."""
    return {
        ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and not (isinstance(node.value, ast.Name) and node.value.id in OWN)
    }


def test_the_store_reads_only_the_private_names_in_the_table() -> None:
    found = {path.relative_to(ROOT).as_posix(): foreign_private_names(path) for path in (ROOT / "store").rglob("*.py")}
    assert {file: names for file, names in found.items() if names} == PRIVATE


def test_motors_threads_are_an_executor_whose_queue_has_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(motor_threads._EXECUTOR, ThreadPoolExecutor)
    release = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        monkeypatch.setattr(motor_threads, "_EXECUTOR", executor)
        begun = threading.Event()
        executor.submit(lambda: (begun.set(), release.wait(30)))
        assert begun.wait(30)
        for _ in range(3):
            executor.submit(int)
        assert waiting_for_a_thread() == 3
        release.set()


def test_motors_framework_runs_operations_on_that_executor() -> None:
    assert "_EXECUTOR" in motor_threads.run_on_executor.__code__.co_names


@pytest.mark.gen_test
async def test_motors_client_has_pymongos_as_its_delegate() -> None:
    client: AsyncIOMotorClient[dict[str, object]] = AsyncIOMotorClient("mongodb://127.0.0.1:1", connect=False)
    try:
        assert isinstance(client.delegate, MongoClient)
        assert client.delegate.topology_description.topology_type_name == "Unknown"
    finally:
        client.delegate.close()


def test_setup_cfg_bounds_motor_from_above() -> None:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.read(ROOT / "setup.cfg")
    (line,) = [one for one in parsed["options"]["install_requires"].split("\n") if one.startswith("motor")]
    major, minor = (int(part) for part in motor.version.split(".")[:2])
    assert line.endswith(f"<{major}.{minor + 1}"), "the version that is tested here is the newest that is allowed"
