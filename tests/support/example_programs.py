"""The programs of examples/, run as those who install the product run them: in processes of their own, where
`chat_rooms.client` is the checkout's and nothing of the server can be imported.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.coverage import inherited_coverage_variables
from tests.support.server import ROOT
from tests.support.waiting import poll

EXAMPLES = ROOT / "examples"


def as_installed(folder: Path) -> Path:
    """A folder in which `chat_rooms` has the client alone, by a link; for PYTHONPATH."""
    package = folder / "importable" / "chat_rooms"
    if not package.exists():
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "client").symlink_to(ROOT / "client")
    return package.parent


class ExampleProcess:
    """A running example, whose output goes to a file."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self._output = output

    def output(self) -> str:
        return self._output.read_text(errors="replace")

    def until_printed(self, text: str) -> None:
        """Wait until it has printed this. Raises AssertionError where it ended before."""

        def printed() -> bool:
            found = text in self.output()
            assert found or self.process.poll() is None, self.output()
            return found

        poll(printed, describe=self.output)


@contextmanager
def running(
    folder: Path, source: Path | str, env: Mapping[str, str], *, arguments: Sequence[str] = ()
) -> Iterator[ExampleProcess]:
    """Run an example by its path, or a program by its text. It is stopped at the end, if it has not ended."""
    output = folder / "output"
    program = ["-c", source] if isinstance(source, str) else [str(source)]
    with output.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", *program, *arguments],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(as_installed(folder)),
                **inherited_coverage_variables(),
                **env,
            },
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    try:
        yield ExampleProcess(process, output)
    finally:
        process.terminate()
        process.wait()
