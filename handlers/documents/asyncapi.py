"""The AsyncAPI document (3.0) of the WebSocket, made of the table of commands, the events and the close codes.

The application that it describes is the server: it receives commands and sends events. Knows no server: made once, of
classes alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chat.connections.command_forms import COMMAND_FORMS, CommandForm
from chat.errors import CLOSE_KINDS, ERROR_KINDS
from chat.events import Event
from handlers.codec.json_codec import CommandError
from handlers.documents.schemas import Schema, input_schemas, reference, result_schemas

CHANNEL = "#/channels/socket"
ABOUT = """Text frames hold one JSON object each. A command with an `id` is answered by exactly one `ack` or `error`
with that id; without one only errors are answered. Unknown fields are ignored."""


def events() -> list[type[Event]]:
    """All events that connections receive, in the order of chat/events.py."""
    return [one for one in _below(Event) if "name" in vars(one)]


def asyncapi_document(*, version: str) -> Schema:
    """Return the document."""
    forms, told = COMMAND_FORMS, events()
    results = [form.result for form in forms.values() if form.result is not None]
    _, schemas = result_schemas([*results, *told, CommandError])
    schemas |= input_schemas(form.input for form in forms.values())
    messages = {
        **{name: _command(name, form) for name, form in forms.items()},
        **{f"{name}.ack": _ack(form) for name, form in forms.items()},
        **{one.name: _event(one, schemas) for one in told},
        "error": _error(),
    }
    used = _referred(messages, schemas)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Chat Rooms", "version": version, "description": ABOUT},
        "channels": {
            "socket": {
                "address": "/ws",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
                "x-close-codes": [
                    {"code": int(code), "means": kind.means, "clientShould": kind.client_should}
                    for code, kind in CLOSE_KINDS.items()
                ],
            }
        },
        "operations": {
            **{name: _receive(name, form) for name, form in forms.items()},
            **{one.name: {"action": "send", **_on(one.name)} for one in told},
        },
        "components": {"messages": messages, "schemas": {name: schemas[name] for name in sorted(used)}},
    }


def _below(kind: type[Event]) -> Iterator[type[Event]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


def _on(*messages: str) -> Schema:
    return {"channel": {"$ref": CHANNEL}, "messages": [{"$ref": f"{CHANNEL}/messages/{name}"} for name in messages]}


def _receive(name: str, form: CommandForm) -> Schema:
    return {"action": "receive", "summary": form.summary, **_on(name), "reply": _on(f"{name}.ack", "error")}


def _frame(event: str, data: Schema, *, id_: Sequence[str] = (), needs: Sequence[str] = ("data",)) -> Schema:
    fields: Schema = {"event": {"const": event}, **{name: {"type": "string"} for name in id_}, "data": data}
    return {"payload": {"type": "object", "required": ["event", *needs], "properties": fields}}


def _command(name: str, form: CommandForm) -> Schema:
    data = reference(form.input.__name__)
    is_needed = any(True for field in form.input.__struct_fields__)
    frame = _frame(name, data, id_=("id",), needs=("data",) if is_needed else ())
    example = {"event": name, "id": "1", "data": dict(form.example)}
    return {"summary": form.summary, **frame, "examples": [{"payload": example}]}


def _ack(form: CommandForm) -> Schema:
    data = {"type": "object"} if form.result is None else reference(form.result.__name__)
    return _frame("ack", data, id_=("id",), needs=("id", "data"))


def _event(event: type[Event], schemas: Mapping[str, Schema]) -> Schema:
    data = reference(event.__name__)
    if event.whole_data:
        data = schemas[event.__name__]["properties"][event.whole_data]
    about = schemas[event.__name__].get("description", "")
    return {"summary": about, **_frame(event.name, data)}


def _error() -> Schema:
    data = {"allOf": [reference(CommandError.__name__), {"properties": {"code": {"enum": list(ERROR_KINDS)}}}]}
    return {
        "summary": "A refusal: of the command with this id, or of a frame without one.",
        **_frame("error", data, id_=("id",)),
    }


def _referred(value: Any, schemas: Mapping[str, Schema]) -> set[str]:
    """The names of the schemas that a part of the document refers to, directly or by others."""
    found: set[str] = set()
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            name = str(one.get("$ref", "")).rpartition("/components/schemas/")[2]
            if name and name not in found:
                found.add(name)
                waiting.append(schemas[name])
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return found
