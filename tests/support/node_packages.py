"""Packages of Node.js that tests use: as clients, and to check the types of the pages' modules."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

NPM = shutil.which("npm")
NPM_MISSING = "needs npm: apt-get install npm"
WS = "ws@8.18.0"
TYPESCRIPT = "typescript@5.9.3"


def install_ws(folder: Path) -> Path:
    """Install the WebSocket package `ws` into a folder; returns it. Needs NPM."""
    return _install(WS, folder)


def install_typescript(folder: Path) -> Path:
    """Install TypeScript into a folder; returns the path of its compiler, `tsc`. Needs NPM."""
    return _install(TYPESCRIPT, folder) / "node_modules" / ".bin" / "tsc"


def _install(package: str, folder: Path) -> Path:
    assert NPM is not None
    run = subprocess.run(
        [NPM, "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(folder), package],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return folder
