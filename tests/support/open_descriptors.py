"""What a process has open."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


def targets(pid: int | str = "self") -> Iterator[tuple[str, str]]:
    """Each descriptor's number, and what it is of: `socket:[123]`, a path.

    One that is closed while this looks is left out.
    """
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            yield number, os.readlink(f"/proc/{pid}/fd/{number}")
