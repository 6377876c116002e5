"""No setting is parsed and then ignored: each is read somewhere in the product, and each limit counts something."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from app.settings import TABLE
from tests.support.server import ROOT

FOLDERS = ("app", "cache", "chat", "cluster", "handlers", "limits", "monitor", "store")
SETTINGS = ROOT / "app" / "settings.py"
# The calls whose arguments name the limit that something counts against
COUNTING = {"Check", "address_check", "Command", "count_as"}
# A class that is made of a whole group (app/composition/storage.py), whose fields are the group's
MADE_OF = {"MongoOptions": "mongo"}


@cache
def modules() -> tuple[ast.Module, ...]:
    """The product's modules, parsed, but settings.py."""
    paths = (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))
    return tuple(ast.parse(path.read_text(), str(path)) for path in paths if path != SETTINGS)


def groups_by_type() -> dict[str, str]:
    """The group of each class that has its fields, by the name of the class: `AuthSettings` is `auth`."""
    settings = ast.parse(SETTINGS.read_text())
    (table,) = (
        node.value
        for node in settings.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "_GROUPS"
    )
    assert isinstance(table, ast.Dict)
    own = {
        value.id: key.value
        for key, value in zip(table.keys, table.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(value, ast.Name)
    }
    return own | MADE_OF


def names_of_groups(module: ast.Module, types: dict[str, str]) -> dict[str, set[str]]:
    """The local names that a module gives to groups: `auth = settings.auth`, or a parameter `auth: AuthSettings`."""
    found: dict[str, set[str]] = defaultdict(set)

    def bind(target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, other in zip(target.elts, value.elts, strict=True):
                bind(one, other)
        elif isinstance(target, ast.Name) and isinstance(value, ast.Attribute) and value.attr in types.values():
            found[target.id].add(value.attr)

    for node in ast.walk(module):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                bind(target, node.value)
        elif isinstance(node, ast.arg) and isinstance(node.annotation, ast.Name) and node.annotation.id in types:
            found[node.arg].add(types[node.annotation.id])
        elif isinstance(node, ast.ClassDef) and node.name in types:
            found["self"].add(types[node.name])
    return found


@cache
def settings_read() -> set[str]:
    """`group.field` of each field that is read outside settings.py."""
    types = groups_by_type()
    read = set()
    for module in modules():
        names = names_of_groups(module, types)
        for node in ast.walk(module):
            if not isinstance(node, ast.Attribute):
                continue
            if isinstance(node.value, ast.Attribute):
                read.add(f"{node.value.attr}.{node.attr}")
            elif isinstance(node.value, ast.Name):
                read |= {f"{group}.{node.attr}" for group in names.get(node.value.id, ())}
    return read


@cache
def limits_counted() -> set[str]:
    """`policies.operation` of each limit that a call counts against."""
    counted = set()
    for module in modules():
        for node in ast.walk(module):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called in COUNTING:
                    counted |= {f"policies.{one.value}" for one in strings_in(node.args)}
            elif isinstance(node, ast.Assign) and any(getattr(one, "id", "") == "operation" for one in node.targets):
                counted |= {f"policies.{one.value}" for one in strings_in([node.value])}
            elif isinstance(node, ast.FunctionDef) and node.name == "counted_as":
                returned = [one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value]
                counted |= {f"policies.{one.value}" for one in strings_in(returned)}
    return counted


def strings_in(expressions: list[ast.expr]) -> Iterator[ast.Constant]:
    for expression in expressions:
        for node in ast.walk(expression):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node


def test_every_setting_that_is_parsed_has_an_effect() -> None:
    places = {variable.place for variable in TABLE}
    assert places - settings_read() - limits_counted() == set()


def test_this_test_would_find_a_setting_that_nobody_reads() -> None:
    assert Path(SETTINGS).is_file()
    assert {"auth", "limits", "ws"} <= set(groups_by_type().values())
    assert {"server.port", "auth.jwt_expires_in_s", "ws.ping_interval_s", "mongo.uri"} <= settings_read()
    assert {"policies.messages", "policies.connects", "policies.typing", "policies.resumes"} <= limits_counted()
    assert not {"server.ports", "policies.nothing"} & (settings_read() | limits_counted())
