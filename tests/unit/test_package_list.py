"""What is installed is what there is: no folder, module or file of the product is forgotten in setup.cfg, nor in
.dockerignore.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support import package
from tests.support.dockerfile import build_context
from tests.support.server import ROOT

# What a wheel is made from, besides what it holds.
RECIPE = {package.BACKEND, *(Path(name) for name in ("README.md", "constraints.txt", "pyproject.toml", "setup.cfg"))}


def forgotten(root: Path, found: package.PackageList) -> list[str]:
    """What lies in the product's folders, and would not be in a wheel, by name."""
    files = package.product_files(root)
    data = found.data_files(root)
    packages = {".".join(package.in_wheel(path).parent.parts) for path in files if path.suffix == ".py"}
    return [
        *(f"{name}: a folder with modules, not in setup.cfg's packages" for name in sorted(packages - found.packages)),
        *(
            f"{name}: in setup.cfg's packages, and no folder with modules"
            for name in sorted(found.packages - packages - found.patterns.keys())
        ),
        *(
            f"{path}: matches nothing in setup.cfg's package_data"
            for path in sorted(files - data)
            if path.suffix != ".py"
        ),
    ]


def test_the_packages_and_files_in_setup_cfg_are_those_that_there_are() -> None:
    assert len(package.product_files()) > 200
    lines = forgotten(ROOT, package.read_package_list())
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("calls/ring.py", "chat_rooms.calls: a folder with modules"),
        ("store/redis/keys.py", "chat_rooms.store.redis: a folder with modules"),
        ("store/mongo/schema.json", "store/mongo/schema.json: matches nothing"),
        ("cache/lua/deep/x.lua", "cache/lua/deep/x.lua: matches nothing"),
        ("sounds/ping.ogg", "sounds/ping.ogg: matches nothing"),
    ],
)
def test_what_is_forgotten_is_said_by_name(tmp_path: Path, added: str, said: str) -> None:
    known = (
        "package/chat_rooms/__main__.py",
        "store/group_commit.py",
        "web/ui/deep/app.js",
        "web/chat/index.html",
        "cache/lua/fill_value.lua",
    )
    no_part = ("tests/test_x.py", "build/lib/old.py", "store/__pycache__/writer.pyc", "chat_rooms.egg-info/PKG-INFO")
    for name in (*known, *no_part, added):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (line,) = forgotten(tmp_path, replace(package.read_package_list(), packages={"chat_rooms", "chat_rooms.store"}))
    assert line.startswith(said)


def test_an_image_is_built_from_what_a_wheel_is_made_of_and_from_nothing_else() -> None:
    assert {path.relative_to(ROOT) for path in build_context(ROOT)} == package.product_files() | RECIPE
