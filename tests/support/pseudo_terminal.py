"""A program of a test in a terminal: its screen as text, keys, another size; and how it left the terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from types import TracebackType

from tests.support.waiting import poll

ENTERED, LEFT, HOME = "\x1b[?1049h", "\x1b[?1049l", "\x1b[H"
_SEQUENCE = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]")
EXIT_WITHIN_S = 30.0


class ProgramInTerminal:
    """Runs a program whose streams are a terminal of some size; ended with the block."""

    def __init__(self, program: Sequence[str], *, env: Mapping[str, str], columns: int = 100, lines: int = 50) -> None:
        self._controller, self._terminal = os.openpty()
        self._data = b""
        self.resize(columns, lines)
        self.before = termios.tcgetattr(self._terminal)
        self.process = subprocess.Popen(
            program,
            env={"PATH": os.environ["PATH"], "TERM": "xterm", **env},
            stdin=self._terminal,
            stdout=self._terminal,
            stderr=self._terminal,
            start_new_session=True,
            preexec_fn=self._take,
        )

    def _take(self) -> None:
        fcntl.ioctl(self._terminal, termios.TIOCSCTTY, 0)  # so that Ctrl+C and a new size become signals

    def __enter__(self) -> ProgramInTerminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._controller)
        os.close(self._terminal)

    @property
    def output(self) -> str:
        """All that was written up to now."""
        while select.select([self._controller], [], [], 0)[0]:
            with contextlib.suppress(OSError):
                self._data += os.read(self._controller, 65_536)
        return self._data.decode(errors="replace")

    @property
    def screen(self) -> list[str]:
        """The lines of the newest complete screen, without colours."""
        screens = self.output.split(HOME)[1:]
        whole = [screen for screen in screens if "\x1b[J" in screen]
        return (
            _SEQUENCE.sub("", whole[-1].partition("\x1b[J")[0]).replace("\r\n", "\n").removesuffix("\n").split("\n")
            if whole
            else []
        )

    @property
    def settings(self) -> list[object]:
        """How the terminal is set: as `before`, once the program has left it as it was."""
        return list(termios.tcgetattr(self._terminal))

    def until_shown(self, pattern: str) -> list[str]:
        """Wait until a line of a screen matches. Returns that screen."""

        def found() -> list[str]:
            screen = self.screen
            return screen if any(re.search(pattern, line) for line in screen) else []

        return poll(found, describe=lambda: self.output)

    def press(self, keys: str) -> None:
        os.write(self._controller, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._controller, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def wait(self) -> int:
        """Wait for the end. Returns the exit code."""
        poll(lambda: (self.output, self.process.poll() is not None)[1], EXIT_WITHIN_S, describe=lambda: self.output)
        return self.process.wait()
