"""schemathesis drives REST by /openapi.json: no fault of the server's, every reply as documented, on each store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import StoreEnv, embedded
from tests.support.accounts import create_account
from tests.support.api_documents.scene import make_scene
from tests.support.api_documents.schemathesis_run import run_schemathesis
from tests.support.client import Person
from tests.support.server import serving

EXAMPLES, EXAMPLES_SLOW = 8, 40
# Operations that end the caller's session or the scene: they are driven after the others, by themselves.
ENDINGS = (
    "post_auth_logout",
    "delete_users_me",
    "delete_rooms_roomId",
    "post_rooms_roomId_leave",
)


@pytest.fixture
def caller(tmp_path: Path, store_env: StoreEnv) -> Iterator[Person]:
    """Of a server of this test alone, since the endings end the account."""
    data_dir = tmp_path / "data"
    env = {"RATE_LIMIT_ENABLED": "false", "ADMIN_USERS": "root"}
    with serving(data_dir, {**store_env(data_dir), **env}) as server:
        yield create_account(server, "root")


def drive(caller: Person, folder: Path, *, examples: int, seed: int) -> None:
    scene = make_scene(caller)
    excluded = [argument for one in ENDINGS for argument in ("--exclude-operation-id", one)]
    run = run_schemathesis(scene, folder, examples=examples, seed=seed, more=excluded)
    assert run.returncode == 0, run.stdout + run.stderr
    included = [argument for one in ENDINGS for argument in ("--include-operation-id", one)]
    run = run_schemathesis(scene, folder, examples=examples, seed=seed, more=included)
    assert run.returncode == 0, run.stdout + run.stderr


@embedded
def test_every_operation_answers_as_documented(caller: Person, tmp_path: Path) -> None:
    drive(caller, tmp_path, examples=EXAMPLES, seed=1)


@pytest.mark.slow
def test_every_operation_answers_as_documented_to_many_requests(caller: Person, tmp_path: Path) -> None:
    drive(caller, tmp_path, examples=EXAMPLES_SLOW, seed=2)
