"""The operations that the product serves, read from its two tables: the routes with their methods, and the commands."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from chat.connections.command_table import Commands
from handlers.base import Handler
from handlers.request_methods import implemented_methods
from handlers.routes import Services, make_application

WEBSOCKET = "ws"


class Unused:
    """What the tables are given to be built and never call."""

    def __getattr__(self, name: str) -> Unused:
        return self

    def __call__(self, *arguments: Any, **named: Any) -> Unused:
        return self


def served_operations() -> set[str]:
    """`PATCH /rooms/{id}` for each method of each route, `ws sendMessage` for each command.

    HEAD answers as GET does, and OPTIONS asks for nothing: both are left out.
    """
    return {*_rest(), *_commands()}


def compressed_operations() -> set[str]:
    """Those of REST whose replies may be compressed: their handlers say so."""
    return {f"{method} {route}" for method, route, handler in _rest_methods() if method in handler.compresses}


def _rest() -> Iterator[str]:
    return (f"{method} {route}" for method, route, _ in _rest_methods())


def route_table() -> list[Any]:
    """The rows of the route table."""
    services = Services(**dict.fromkeys(Services.__struct_fields__, Unused()))
    rows: list[Any] = make_application(services).wildcard_router.rules
    return rows


def _rest_methods() -> Iterator[tuple[str, str, type[Handler[Any]]]]:
    for rule in route_table():
        for method in implemented_methods(rule.target):
            if method not in ("HEAD", "OPTIONS"):
                yield method, rule.target_kwargs["route"], rule.target


def commands_of_nothing() -> Commands:
    """The table of commands, whose methods have nothing to work with."""
    needs = [name for name in inspect.signature(Commands.__init__).parameters if name != "self"]
    return Commands(**dict.fromkeys(needs, Unused()))


def _commands() -> Iterator[str]:
    for name in commands_of_nothing()._table:
        yield f"{WEBSOCKET} {name}"
