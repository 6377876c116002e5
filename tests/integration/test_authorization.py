"""Who may do what: every operation by everybody, in a public and in a private room, over REST and WebSocket, on each
store. The table is tests/support/authorization/operations.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.conftest import StoreEnv
from tests.support.authorization.operation import Operation
from tests.support.authorization.operations import OPERATIONS
from tests.support.authorization.outcomes import Who
from tests.support.authorization.scene import ADMINISTRATOR, World
from tests.support.authorization.served_operations import served_operations
from tests.support.server import serving

ELSEWHERE = "192.0.2.0/24"  # addresses that no test comes from


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, store_env: StoreEnv) -> Iterator[World]:
    data_dir = tmp_path_factory.mktemp("authorization") / "data"
    env = {"RATE_LIMIT_ENABLED": "false", "ADMIN_USERS": ADMINISTRATOR, "METRICS_ALLOW": ELSEWHERE}
    with serving(data_dir, {**store_env(data_dir), **env}) as server:
        yield World(server)


def test_every_operation_that_is_served_has_a_row_and_every_row_is_served() -> None:
    rows = {row.served for row in OPERATIONS}
    assert served_operations() - rows == set(), "add a row to tests/support/authorization/operations.py"
    assert rows - served_operations() == set()


def test_no_row_stands_twice() -> None:
    assert len({row.name for row in OPERATIONS}) == len(OPERATIONS)


@pytest.mark.parametrize("operation", [pytest.param(row, id=row.name) for row in OPERATIONS])
def test_who_may_do_it(world: World, operation: Operation) -> None:
    wrong = []
    for is_private in (False, True)[: 1 + operation.concerns_a_room]:
        for who in operation.people:
            expected = operation.expected(who, is_private=is_private)
            outcome = world.outcome(operation, who, is_private=is_private)
            if outcome != expected:
                wrong.append(f"{who} in a {'private' if is_private else 'public'} room: {outcome}, not {expected}")
    assert not wrong, "\n".join([operation.name, *wrong])


def test_everybody_stands_in_the_table() -> None:
    assert {who for row in OPERATIONS for who in row.outcomes} == set(Who)
