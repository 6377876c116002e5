"""Fixtures of the integration tests: a real process, shared by a module or of a test's own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.server import ServerProcess, serving

Start = Callable[..., ServerProcess]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that the module's tests share."""
    with serving(tmp_path_factory.mktemp("shared") / "data") as process:
        yield process


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers of a test's own: `start(VARIABLE="value", …)`."""
    numbers = itertools.count()
    with ExitStack() as processes:

        def begin(data_dir: Path | None = None, /, **env: str) -> ServerProcess:
            return processes.enter_context(serving(data_dir or tmp_path / f"data{next(numbers)}", env))

        yield begin
