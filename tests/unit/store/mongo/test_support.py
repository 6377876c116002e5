"""How tests are chosen by backend: whether the server at MONGO_URI is a real MongoDB, and what a run's last lines say
was skipped.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pymongo
import pytest
from pymongo.errors import PyMongoError

from tests.conftest import left_out
from tests.support.mongo import find_real_mongod, is_real
from tests.support.server import free_port


def test_what_only_speaks_like_mongodb_is_none(mongo_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    was = find_real_mongod()
    monkeypatch.setenv("MONGO_URI", mongo_uri)
    assert find_real_mongod() is was, "what MONGO_URI says is no proof"


def test_where_nothing_answers_there_is_none() -> None:
    assert not is_real(f"mongodb://127.0.0.1:{free_port()}", within_ms=300)


@pytest.mark.parametrize(("engines", "real"), [({"storageEngines": ["devnull", "wiredTiger"]}, True), ({}, False)])
def test_mongodb_is_known_by_its_storage_engine(
    monkeypatch: pytest.MonkeyPatch, engines: dict[str, Any], real: bool
) -> None:
    monkeypatch.setattr(pymongo.database.Database, "command", lambda *_: {"version": "8.0.0", **engines})
    monkeypatch.setenv("MONGO_URI", f"mongodb://127.0.0.1:{free_port()}")
    assert find_real_mongod() is real


def test_a_server_that_refuses_to_say_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PyMongoError

    monkeypatch.setattr(pymongo.database.Database, "command", refuse)
    monkeypatch.setenv("MONGO_URI", f"mongodb://127.0.0.1:{free_port()}")
    assert not find_real_mongod()


def test_each_test_that_was_left_out_is_named_once_by_reason_and_file() -> None:
    def skipped(nodeid: str, reason: str) -> Any:
        return SimpleNamespace(nodeid=nodeid, longrepr=("file", 1, f"Skipped: {reason}"))

    reports = [
        skipped("tests/a.py::test_one[x]", "need this"),
        skipped("tests/a.py::test_one[y]", "need this"),
        skipped("tests/a.py::test_two", "need that"),
        skipped("tests/b.py", "need this"),
    ]
    assert left_out(reports) == [
        "1 tests: need that",
        "  tests/a.py: test_two",
        "3 tests: need this",
        "  tests/a.py: test_one ×2",
        "  tests/b.py: the whole file",
    ]
    assert left_out([]) == []
