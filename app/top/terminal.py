"""A terminal that shows one screen after the other, and is left as it was found. ANSI sequences and termios alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from typing import TextIO

_ENTER = "\x1b[?1049h\x1b[?25l"  # the alternate screen, no cursor
_LEAVE = "\x1b[?25h\x1b[?1049l"
_ENDS = b"qQ\x03"


class Terminal:
    """Draws on `output`. `ended` is set by q and by the signals to stop, `resized` when its size changes."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self.ended = asyncio.Event()
        self.resized = asyncio.Event()

    @property
    def width(self) -> int:
        return self._size().columns

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Take the terminal until the end of the block, however that comes."""
        loop = asyncio.get_running_loop()
        signals = {
            signal.SIGINT: self.ended.set,
            signal.SIGTERM: self.ended.set,
            signal.SIGHUP: self.ended.set,
            signal.SIGWINCH: self.resized.set,
        }
        for number, act in signals.items():
            loop.add_signal_handler(number, act)
        with contextlib.ExitStack() as closing:
            closing.callback(lambda: [loop.remove_signal_handler(number) for number in signals])
            if sys.stdin.isatty():
                closing.enter_context(self._keys())
            self._write(_ENTER)
            closing.callback(self._write, _LEAVE)
            yield

    @contextlib.contextmanager
    def _keys(self) -> Iterator[None]:
        """Read single keys, unseen."""
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
        loop = asyncio.get_running_loop()
        tty.setcbreak(descriptor)
        loop.add_reader(descriptor, self._read_key, descriptor)
        try:
            yield
        finally:
            loop.remove_reader(descriptor)
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

    def _read_key(self, descriptor: int) -> None:
        keys = os.read(descriptor, 64)
        if not keys or set(keys) & set(_ENDS):
            self.ended.set()

    def draw(self, lines: Sequence[str], footer: str) -> None:
        """Show these lines in place of those before, as many as there is room for above the footer."""
        fitting = [*lines[: max(0, self._size().lines - 3)], "", footer]
        self._write("\x1b[H" + "".join(f"{line}\x1b[K\n" for line in fitting) + "\x1b[J")

    def _size(self) -> os.terminal_size:
        return shutil.get_terminal_size()

    def _write(self, text: str) -> None:
        self._output.write(text)
        self._output.flush()
