"""Wheel and sdist: they hold the product under one name, whatever lies about in the checkout, and each way to a wheel
leads to the same.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import package
from tests.support.dockerfile import build_context
from tests.support.server import ROOT, command

pytestmark = pytest.mark.slow

# What lies about where somebody works: none of it may be handed out.
DIRT = (
    *(
        "data/chat.sqlite3",
        "data/secret",
        "jwt_secret",
        "scratch.txt",
        "bench/report.json",
        "tests/new.py",
        "dist/old.whl",
    ),
    *("build/lib/settings.py", "build/lib/chat_rooms/old.py", "store/.writer.py.swp"),
    *("store/__pycache__/writer.cpython-311.pyc", "web/.DS_Store", "web/.cache/app.js", "cache/.dump.rdb", ".env"),
)
NOT_COPIED = (
    *(".git", ".venv", ".coverage*", ".*_cache", ".hypothesis", "__pycache__"),
    *("build", "data", "dist", "*.egg-info", "node_modules", "target"),
)


class Built(NamedTuple):
    """The sdist, and a wheel by where it was built from."""

    sdist: Path
    wheels: dict[str, Path]


def build(kind: str, source: Path, into: Path) -> Path:
    """What pip and `python -m build` call, with the setuptools that the tests have."""
    script = f"import build_backend; print(build_backend.build_{kind}({str(into)!r}))"
    env = {
        **package.environ_without_coverage(),
        "PYTHONWARNINGS": "error",
        "PYTHONPATH": str(source / package.BACKEND.parent),
    }
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=source, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return into / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("built")
    shutil.copytree(ROOT, folder / "checkout", ignore=shutil.ignore_patterns(*NOT_COPIED))
    for name in DIRT:
        path = folder / "checkout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a secret")
    sdist = build("sdist", folder / "checkout", folder)
    (folder / "unpacked").mkdir()
    subprocess.run(["tar", "-xf", sdist, "-C", folder / "unpacked"], check=True)
    for path in build_context():
        copy = folder / "context" / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    (unpacked,) = (folder / "unpacked").iterdir()
    sources = {"checkout": folder / "checkout", "sdist": unpacked, "image": folder / "context"}
    for name in sources:
        (folder / f"of-{name}").mkdir()
    return Built(sdist, {name: build("wheel", source, folder / f"of-{name}") for name, source in sources.items()})


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_wheel_holds_the_product_under_one_name_and_nothing_else(built: Built) -> None:
    found = contents(built.wheels["checkout"])
    info = {name: text for name, text in found.items() if ".dist-info/" in name}
    expected = {package.in_wheel(path).as_posix(): (ROOT / path).read_bytes() for path in package.product_files()}
    assert sorted(found.keys() - info.keys()) == sorted(expected)
    assert {name for name, text in expected.items() if found[name] != text} == set()
    assert {name.partition("/")[0] for name in info} == {f"{built.sdist.name.removesuffix('.tar.gz')}.dist-info"}
    assert {name.partition("/")[2]: text for name, text in info.items()}["top_level.txt"] == b"chat_rooms\n"


@pytest.mark.parametrize("source", ["sdist", "image"])
def test_a_wheel_is_the_same_from_wherever_it_is_built(built: Built, source: str) -> None:
    assert contents(built.wheels[source]) == contents(built.wheels["checkout"])


def test_an_sdist_holds_what_a_wheel_is_made_of_and_nothing_that_lay_about(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames() if archive.getmember(name).isfile()}
    made = {name for name in names if name == "PKG-INFO" or name.startswith("chat_rooms.egg-info/")}
    recipe = {"MANIFEST.in", "README.md", "constraints.txt", "pyproject.toml", "setup.cfg", package.BACKEND.as_posix()}
    assert names - made == recipe | {path.as_posix() for path in package.product_files()}


def test_an_editable_installation_runs_the_checkout(built: Built, tmp_path: Path) -> None:
    """With what the product depends on from the tests' environment, by a path of its own, so that nothing of that one
    is changed.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    python = tmp_path / "env" / "bin" / "python"
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    (site / "tests.pth").write_text(sysconfig.get_path("purelib"))
    checkout = built.sdist.parent / "checkout"
    how = ("--quiet", "--disable-pip-version-check", "--ignore-installed", "--no-deps", "--no-build-isolation")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", *how, "--editable", checkout], check=True
    )
    (checkout / "common" / "number_parsing.py").write_text("raise SystemExit('edited')")
    for program in (
        [python.with_name("chat-rooms")],
        [python, "-m", "chat_rooms"],
        [python, checkout / "server.py"],
    ):
        assert command("check", program=list(map(str, program)), cwd=tmp_path).stderr == "edited\n", program
