"""JSON Schemas (2020-12) of what clients send and receive, as msgspec makes them of the types, put into the form in
which clients see them.

What clients send is read as it is. Of what they receive every field is there, unless store/models/encoding_marks.py
marks it; and a record that is encoded already is shown as that record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from chat.request_results.messages import ChangeView, MessageWithAuthor
from chat.request_results.rooms import OwnRoomView, RoomView
from store.models import Message

REF = "#/components/schemas/"

# A record that is declared, and what may stand in its place: with more fields for those who may see them.
ALTERNATIVES: Mapping[str, Sequence[type]] = {"RoomView": (OwnRoomView, RoomView)}
ENCODED = (Message, MessageWithAuthor, ChangeView)  # what the marks `encoded` name

Schema = dict[str, Any]

_NAME = re.compile(r"(?<=[a-z])_([a-z])")


def input_schemas(types: Iterable[Any]) -> dict[str, Schema]:
    """The schemas of what clients send, by name."""
    _, components = msgspec.json.schema_components(_unique(types), ref_template=REF + "{name}")
    return {name: _as_sent(schema) for name, schema in components.items()}


def result_schemas(types: Sequence[Any]) -> tuple[list[Schema], dict[str, Schema]]:
    """The schemas of what clients receive: one for each of the types, and those that they refer to, by name."""
    several = [one for group in ALTERNATIVES.values() for one in group]
    shown, components = msgspec.json.schema_components(
        [*types, *several, *ENCODED], ref_template=REF + "{name}", schema_hook=_anything
    )
    named: dict[str, Schema] = {name: _as_received(schema) for name, schema in components.items()}
    for name, group in ALTERNATIVES.items():
        named[f"{name}Alone"] = named.pop(name)
        named[name] = {"anyOf": [reference(f"{name}Alone" if one.__name__ == name else one.__name__) for one in group]}
    return [_as_received(schema) for schema in shown[: len(types)]], named


def _anything(type_: type) -> Schema:
    if type_ is object:
        return {"title": "any value"}  # msgspec takes an empty schema for none
    raise NotImplementedError


def reference(name: str) -> Schema:
    return {"$ref": REF + name}


def _unique(types: Iterable[Any]) -> list[Any]:
    return list({id(one): one for one in types}.values())


def _as_sent(schema: Any) -> Any:
    """Put patterns, which are Python's, into ECMA's form."""
    if isinstance(schema, list):
        return [_as_sent(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    shown = {name: _as_sent(value) for name, value in schema.items()}
    _shorten_description(shown)
    if "pattern" in shown:
        shown["pattern"] = shown["pattern"].replace(r"\A", "^").replace(r"\Z", "$")
    return shown


def _has_default(field: Schema) -> bool:
    """Whether the field is always there, as one with a default is; without one it is absent where it is UNSET."""
    return "default" in field and "x-optional" not in field


def _shorten_description(schema: Schema) -> None:
    """Leave the first paragraph of a docstring, with the fields' names as clients know them."""
    if isinstance(about := schema.get("description"), str):
        first = " ".join(about.split("\n\n")[0].split())
        schema["description"] = _NAME.sub(lambda name: name[1].upper(), first).replace(" None ", " null ")


def _as_received(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_as_received(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "x-encoded" in schema:
        shown = [reference(name) for name in schema["x-encoded"]]
        return shown[0] if len(shown) == 1 else {"anyOf": shown}
    received: Schema = {name: _as_received(value) for name, value in schema.items() if name != "default"}
    _shorten_description(received)
    if "properties" in received:
        fields = schema["properties"]
        received["properties"] = {
            name: {key: value for key, value in field.items() if key != "x-optional"}
            for name, field in received["properties"].items()
            if "x-server-only" not in fields[name]
        }
        needed = schema["required"]
        received["required"] = [name for name in received["properties"] if name in needed or _has_default(fields[name])]
    return received
