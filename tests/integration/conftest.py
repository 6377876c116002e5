"""Fixtures of the integration tests: a real process, shared by a module or of a test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.server import ServerProcess

Start = Callable[..., ServerProcess]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that the module's tests share; nothing that they do may put a traceback into its log."""
    process = ServerProcess(tmp_path_factory.mktemp("shared") / "data").start()
    yield process
    process.stop()
    process.assert_log_is_clean()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers of a test's own: `start(VARIABLE="value", …)`."""
    processes: list[ServerProcess] = []

    def begin(data_dir: Path | None = None, /, **env: str) -> ServerProcess:
        variables: Mapping[str, str] = env
        process = ServerProcess(data_dir or tmp_path / f"data{len(processes)}", variables)
        processes.append(process)
        return process.start()

    yield begin
    for process in processes:
        process.stop()
        process.assert_log_is_clean()
