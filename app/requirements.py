"""What must be there before anything of the product is imported: a new enough Python, and the packages it needs.

Imports nothing but the standard library, and has nothing that an older Python does not parse.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

PYTHON = (3, 11)
# What setup.cfg requires, by the names under which it is imported.
PACKAGES = (
    "PIL",
    "apsw",
    "argon2",
    "jwt",
    "motor",
    "msgspec",
    "multipart",
    "prometheus_client",
    "psutil",
    "redis",
    "tornado",
    "ujson",
)
NAMED_MAX = 3
CHECKOUT = Path(__file__).parent.parent


def refusal() -> str | None:
    """One line of what is missing and what to do; None if all is there."""
    if sys.version_info[:2] < PYTHON:
        return "Python {}.{} is too old: {}".format(*sys.version_info[:2], _instead(newer=True))
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        named = ", ".join(missing[:NAMED_MAX]) + (", …" if len(missing) > NAMED_MAX else "")
        return f"{sys.executable} lacks packages ({named}): {_instead(newer=False)}"
    return None


def _instead(*, newer: bool) -> str:
    python = CHECKOUT / ".venv" / "bin" / "python"
    if python.exists():
        return f"run it with {python}"
    if newer:
        return "it takes {}.{} or newer; with that, `make install` makes .venv with all it needs".format(*PYTHON)
    return "`make install` makes .venv with them, and `make run` starts it there"
