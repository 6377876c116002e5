"""What a wheel is to hold, as the checkout's folders say it, and what setup.cfg says it does."""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.support.coverage import passed_on
from tests.support.server import ROOT

OF_THE_CHECKOUT = {"bench", "deploy", "docs", "tests"}  # for who works on it
MADE = {"build", "data", "dist"}  # by tools and by a server; in .gitignore
UNPACKED = {"__pycache__"}
RECIPE = {"setup.py"}  # modules at the top that a wheel is made by, and does not hold


class PackageList(NamedTuple):
    """setup.cfg's [options]: the packages, and by package the patterns of those of its files that are no Python."""

    packages: set[str]
    patterns: Mapping[str, list[str]]

    def data_files(self, root: Path) -> set[Path]:
        """The files, relative to the root, that its patterns find there."""
        found: set[Path] = set()
        for package, patterns in self.patterns.items():
            folder = root.joinpath(*package.split(".")[1:])
            found.update(
                path.relative_to(root) for pattern in patterns for path in _glob(folder, pattern) if path.is_file()
            )
        return found


def _glob(folder: Path, pattern: str) -> Iterable[Path]:
    """As setuptools does: `**` is all that lies below, and what begins with a dot is not meant."""
    found = folder.glob(f"{pattern}/*" if pattern.endswith("**") else pattern)
    return (path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def listed() -> PackageList:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.read_string((ROOT / "setup.cfg").read_text())
    patterns = {name: text.split() for name, text in parsed["options.package_data"].items()}
    return PackageList(set(parsed["options"]["packages"].split()), patterns)


def folders(root: Path = ROOT) -> list[Path]:
    """The folders at the top that a server needs: all but those for who works on it."""
    no_part = OF_THE_CHECKOUT | MADE | UNPACKED
    return sorted(
        path
        for path in root.iterdir()
        if path.is_dir()
        and path.name not in no_part
        and not path.name.startswith(".")
        and not path.name.endswith(".egg-info")
    )


def product_files(root: Path = ROOT) -> set[Path]:
    """What a wheel is to hold, relative to the root: the modules at the top, and all in the product's folders that
    begins with no dot.
    """
    inside = (path for folder in folders(root) for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(root) for path in (*root.glob("*.py"), *inside) if path.name not in RECIPE}
    return {
        path
        for path in found
        if not UNPACKED.intersection(path.parts) and not any(part.startswith(".") for part in path.parts)
    }


def unmeasured() -> dict[str, str]:
    """This process's variables but coverage's: for who builds and installs copies of the product, which are not what is
    measured.
    """
    return {name: value for name, value in os.environ.items() if name not in passed_on()}
