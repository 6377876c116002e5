"""One way down: server → app → handlers → chat → cache → cluster, store, limits; and every driver behind its door."""

from __future__ import annotations

import ast
import configparser
import functools
import sys
from collections.abc import Container, Iterator
from pathlib import Path

import pytest

from tests.support import package

ROOT = Path(__file__).parent.parent.parent
STARTED = {"__init__.py", "__main__.py", "server.py", "build_backend.py"}  # by the interpreter or pip, imported by none
OUTSIDE = ("package", "server", "client")  # what starts the server, and what talks with it
PRODUCT = (
    "server.py",
    *("package", "app", "handlers", "chat", "cache", "cluster", "store", "limits", "monitor", "images", "common"),
    "client",
)
IMAGE_PROCESS = ("images.worker", "images.worker_messages", "images.worker_process", "images.worker_queue")

# What a part may never import, by the prefix of its path.
UPHILL = {
    "app/": OUTSIDE,
    "handlers/": ("app", *OUTSIDE),
    "chat/": ("handlers", "app", *OUTSIDE, "tornado", "json", "msgspec.json", *IMAGE_PROCESS),
    "cache/": ("chat", "handlers", "app", *OUTSIDE, "limits", "images"),
    "cluster/": ("cache", "chat", "handlers", "app", *OUTSIDE, "limits", "images"),
    "store/": ("cache", "cluster", "limits", "chat", "handlers", "app", *OUTSIDE, "images"),
    "limits/": ("cache", "cluster", "store", "chat", "handlers", "app", *OUTSIDE, "images"),
    "monitor/": ("cache", "cluster", "store", "limits", "chat", "handlers", "app", *OUTSIDE, "images"),
    "images/": ("monitor", "cache", "cluster", "store", "limits", "chat", "handlers", "app", *OUTSIDE),
    "common/": ("images", "monitor", "cache", "cluster", "store", "limits", "chat", "handlers", "app", *OUTSIDE),
}
# Who alone may import a driver.
DOORS = {
    "motor": "store/mongo/",
    "pymongo": "store/mongo/",
    "bson": "store/mongo/",
    "gridfs": "store/mongo/",
    "apsw": "store/sqlite/",
    "sqlite3": "nowhere",
    "redis": "cluster/redis_connection/",
    "hiredis": "cluster/redis_connection/",
    "opentelemetry": "monitor/otel.py",
    "prometheus_client": "monitor/prometheus.py",
    "ujson": "handlers/codec/json_encoding.py",
    "PIL": "images/worker/",  # a process of its own: decoding hostile bytes in the server would be the server's risk
}


@functools.cache
def imports_in(path: Path) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """All of a file, also those within functions and for types only. An expression has none, and is not looked into."""
    found: list[ast.Import | ast.ImportFrom] = []
    inside: list[ast.AST] = [ast.parse(path.read_text())]
    while inside:
        for node in ast.iter_child_nodes(inside.pop()):
            if isinstance(node, ast.Import | ast.ImportFrom):
                found.append(node)
            elif not isinstance(node, ast.expr):
                inside.append(node)
    return tuple(found)


def imports_of(path: Path) -> Iterator[str]:
    """The modules that a file imports; those of the client, which alone imports relatively, by their full names."""
    for node in imports_in(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            yield _module(path, node)


def _module(path: Path, node: ast.ImportFrom) -> str:
    """What an import takes names from."""
    if node.level == 0:
        return node.module or ""
    assert (path.parent.name, node.level) == ("client", 1), f"{path}: a relative import"
    return f"client.{node.module}" if node.module else "client"


def absolute_imports_of(path: Path) -> Iterator[str]:
    """What a file imports by its full name, by the first part of it."""
    for node in imports_in(path):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif node.level == 0:
            yield str(node.module).split(".")[0]


def violations(root: Path) -> tuple[int, list[str]]:
    """How many files were read, and every import that breaks a rule."""
    files = [
        path
        for name in PRODUCT
        for path in ([root / name] if name.endswith(".py") else sorted((root / name).rglob("*.py")))
    ]
    found = []
    for path in (path for path in files if path.exists()):
        place = path.relative_to(root).as_posix()
        if place.startswith("client/"):  # installed, its own modules are below chat_rooms
            foreign = {*absolute_imports_of(path)} - sys.stdlib_module_names
            found += [f"{place} imports {module}: the client has the standard library alone" for module in foreign]
        for module in imports_of(path):
            barred = [part for prefix, parts in UPHILL.items() if place.startswith(prefix) for part in parts]
            if any(module == part or module.startswith(part + ".") for part in barred):
                found.append(f"{place} imports {module}: that is uphill")
            door = DOORS.get(module.split(".")[0])
            if door is not None and door not in place:
                found.append(f"{place} imports {module}, whose door is {door}")
    return len(files), found


def test_imports_go_one_way_down_and_drivers_stay_behind_their_doors() -> None:
    count, found = violations(ROOT)
    assert count > 50
    assert found == []


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("store/sqlite/users.py", "from chat import rooms"),
        ("chat/delivery/room_hub.py", "import tornado.web"),
        ("chat/delivery/room_hub.py", "def f():\n    import apsw"),
        ("handlers/base.py", "import redis.asyncio"),
        ("cache/memory_cache.py", "import ujson"),
        ("monitor/observer.py", "from store.models import User"),
        ("store/sqlite/users.py", "import sqlite3"),
        ("images/contract.py", "import PIL.Image"),
        ("images/contract.py", "from store.models import File"),
    ],
)
def test_a_wrong_import_is_found(tmp_path: Path, place: str, line: str) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.write_text(line)
    assert len(violations(tmp_path)[1]) == 1


def test_the_rules_and_mypy_know_every_module_and_folder_of_the_product() -> None:
    modules = {path.name for path in ROOT.glob("*.py")}
    folders = {path.name for path in package.product_folders()} - {"web"}
    assert set(PRODUCT) == modules | folders
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.read(ROOT / "setup.cfg")
    assert set(parsed["mypy"]["files"].replace(",", " ").split()) == modules | folders | {"bench", "deploy"}


def test_every_module_is_used_by_another() -> None:
    used = {module for name in (*PRODUCT, "bench", "tests") for path in _files(name) for module in _named(path)}
    unused = [
        path.relative_to(ROOT).as_posix()
        for name in PRODUCT
        for path in _files(name)
        if path.name not in STARTED and path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") not in used
    ]
    assert unused == []


def _files(name: str) -> list[Path]:
    """A module, or those of a folder but what lies in a hidden one: the bench installs its peers there."""
    if name.endswith(".py"):
        return [ROOT / name]
    paths = sorted((ROOT / name).rglob("*.py"))
    return [path for path in paths if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)]


def _named(path: Path) -> Iterator[str]:
    """What a file imports, with the names taken from packages, which may be modules."""
    yield from imports_of(path)
    for node in imports_in(path):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{_module(path, node)}.{alias.name}" for alias in node.names)


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that import each other, directly or by way of others (Tarjan, 1972)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_path: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        open_path.append(module)
        for other in edges.get(module, ()):
            if other not in number:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in open_path:
                lowest[module] = min(lowest[module], number[other])
        if lowest[module] == number[module]:
            start = open_path.index(module)
            group = open_path[start:]
            del open_path[start:]
            if len(group) > 1 or module in edges.get(module, ()):
                found.append(sorted(group))

    for module in edges:
        if module not in number:
            visit(module)
    return found


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = {
        path.relative_to(ROOT).with_suffix("").as_posix().removesuffix("/__init__").replace("/", "."): path
        for name in (*PRODUCT, "bench", "deploy")
        for path in _files(name)
    }
    edges = {name: set(_imported_modules(path, modules)) for name, path in modules.items()}
    assert circles(edges) == []


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"a"}}) == [["a", "b", "c"]]


def _imported_modules(path: Path, modules: Container[str]) -> Iterator[str]:
    """The modules that a file imports, also those that it takes from their package by name."""
    for node in imports_in(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        else:
            for alias in node.names:
                module = _module(path, node)
                name = f"{module}.{alias.name}"
                if name in modules:
                    yield name
                elif module in modules:
                    yield module
