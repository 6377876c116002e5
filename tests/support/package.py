"""The files that a wheel must hold, by the checkout's folders, and those that setup.cfg lists."""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from tests.support.coverage import inherited_coverage_variables
from tests.support.server import ROOT

CHECKOUT_ONLY = {"bench", "deploy", "docs", "examples", "tests"}  # for development, and to be read
GENERATED = {"build", "data", "dist"}  # by tools and by a server; in .gitignore
NOT_PACKED = {"__pycache__"}
BACKEND = Path("package/build_backend.py")  # builds a wheel, and is not in it


class PackageList(Struct, frozen=True):
    """The packages of setup.cfg's [options], and by package the patterns of its data files."""

    packages: set[str]
    patterns: Mapping[str, list[str]]

    def data_files(self, root: Path) -> set[Path]:
        """The files that the patterns match below `root`, relative to it."""
        found: set[Path] = set()
        for package, patterns in self.patterns.items():
            folder = root.joinpath(*package.split(".")[1:])
            found.update(
                path.relative_to(root) for pattern in patterns for path in _glob(folder, pattern) if path.is_file()
            )
        return found


def _glob(folder: Path, pattern: str) -> Iterable[Path]:
    """Match as setuptools does: `**` is everything below; names that begin with a dot do not match."""
    found = folder.glob(f"{pattern}/*" if pattern.endswith("**") else pattern)
    return (path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def read_package_list() -> PackageList:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.read_string((ROOT / "setup.cfg").read_text())
    patterns = {name: text.split() for name, text in parsed["options.package_data"].items()}
    return PackageList(set(parsed["options"]["packages"].split()), patterns)


def product_folders(root: Path = ROOT) -> list[Path]:
    """The folders at the top that a server needs: all but those for development."""
    excluded = CHECKOUT_ONLY | GENERATED | NOT_PACKED
    return sorted(
        path
        for path in root.iterdir()
        if path.is_dir()
        and path.name not in excluded
        and not path.name.startswith(".")
        and not path.name.endswith(".egg-info")
    )


def product_files(root: Path = ROOT) -> set[Path]:
    """The files that a wheel must hold, relative to the root: all in the product's folders whose names do not begin
    with a dot.
    """
    inside = (path for folder in product_folders(root) for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(root) for path in inside} - {BACKEND}
    return {
        path
        for path in found
        if not NOT_PACKED.intersection(path.parts) and not any(part.startswith(".") for part in path.parts)
    }


def in_wheel(path: Path) -> Path:
    """Where a product's file, relative to the root, lies in a wheel: all others beside package/'s."""
    return path.relative_to("package") if path.parts[0] == "package" else "chat_rooms" / path


def environ_without_coverage() -> dict[str, str]:
    """This process's environment without coverage's variables, to build and install copies of the product: these must
    not be measured.
    """
    return {name: value for name, value in os.environ.items() if name not in inherited_coverage_variables()}
