"""Packages of the peers, installed on demand into a folder of the bench's own: never into the product's environment."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from bench.errors import BenchError
from bench.server_process import ROOT

FOLDER = ROOT / "bench" / "peers" / ".installed"
_WITHIN_S = 120
_NPM_OPTIONS = ("--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error")
_PIP_OPTIONS = ("--quiet", "--disable-pip-version-check", "--only-binary=:all:")


class NotThere(BenchError):
    """A peer cannot be measured on this machine; the text says what is missing."""


def node_packages(*packages: str, folder: Path = FOLDER) -> tuple[str, Path]:
    """The path of node, and the folder with these packages, such as `ws@8.23.0`. Raises NotThere."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NotThere("node and npm are not both on PATH (Debian: apt-get install nodejs npm)")
    place = folder / "-".join(["node", *(package.replace("@", "-") for package in packages)])
    _install_once(
        place,
        [npm, "install", *_NPM_OPTIONS, "--prefix", str(place), *packages],
    )
    return node, place / "node_modules"


def python_packages(*packages: str, folder: Path = FOLDER) -> Path:
    """The folder with these packages, such as `websockets==17.4`. Raises NotThere."""
    place = folder / "-".join(["python", *(package.replace("==", "-") for package in packages)])
    _install_once(
        place,
        [sys.executable, "-m", "pip", "install", *_PIP_OPTIONS, "--target", str(place), *packages],
    )
    return place


def _install_once(place: Path, command: list[str]) -> None:
    """Run the command, unless a run of it has ended well before: then it left a mark in its folder."""
    mark = place / ".complete"
    if mark.exists():
        return
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    try:
        done = subprocess.run(
            command, cwd=place, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotThere(f"{Path(command[0]).name} could not install: {error}") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"exit {done.returncode}"]
        raise NotThere(f"{Path(command[0]).name} could not install {command[-1]}: {lines[0][:200]}")
    mark.touch()
