"""docs/protocol.md and what the product serves name the same: routes, commands, events, codes, fields and variables.

The product's side is /openapi.json and docs/asyncapi.yaml, which are made of what decodes and what is returned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from app import settings
from chat.connections.command_forms import COMMAND_FORMS
from chat.errors import CLOSE_KINDS, ERROR_KINDS
from handlers.documents.asyncapi import asyncapi_document, events
from handlers.documents.openapi import openapi_document
from handlers.routes import documented_routes
from tests.support.authorization.served_operations import route_table
from tests.support.protocol_document import ROOT, TEXT, Call, Row, calls_of, fields_of, names_in, table

REST = openapi_document(documented_routes(route_table()), version="1")
SOCKET = asyncapi_document(version="1")
CONTRACT = table("REST", "method and path")
SILENT = table("Where the page is silent", "what")
ERRORS = table("REST", "error code")
COMMANDS, EVENTS = table("WebSocket", "client sends"), table("WebSocket", "server sends")
CLOSES = table("WebSocket", "close code")

# The shapes of the page, by the record that has all fields of each.
SHAPES = {"user": "OwnUser", "room": "OwnRoomView", "message": "Message", "file": "File"}
# Records that the page calls by a shape's name: their fields are compared once, with the shape.
SHOWN_AS_SHAPES = {*SHAPES.values(), "User", "RoomView", "RoomViewAlone", "MessageWithAuthor", "FoundMessage"}

# In the braces of a row, what is no field: it stands for a key, for a value or for what is meant.
NO_FIELDS: Mapping[str, set[str]] = {
    "GET, PATCH /users/me/settings": {"roomId"},  # the keys of `notifications`
    "POST /messages": {"fileId"},
    "GET /messages?roomId=&limit=&before=&after=": {"ascending"},
    "GET /messages/{id}/thread?limit=&after=": {"replies", "the"},
    "GET /health/performance, /health/database, /health/cache": {"name"},  # the keys of `checks`
    "GET /metrics/history?metric=&minutes=": {"time", "value"},
    "GET /metrics/snapshot?scope=&process=&minutes=&since=": {"metric"},  # a key
}
# Variables of operators that the page leaves to docs/operations.md.
OPERATORS_ONLY = {"FILE_QUOTA_PER_USER", "OTEL_EXPORTER_OTLP_ENDPOINT"}
# In the table of variables, what is in capitals and none.
NO_VARIABLES = {"NAME"}


def documented() -> dict[tuple[str, str], Mapping[str, Any]]:
    """Each operation by method and path, whose ids are `{}`."""
    return {
        (method.upper(), re.sub(r"\{\w+\}", "{}", path)): operation
        for path, methods in REST["paths"].items()
        for method, operation in methods.items()
    }


def properties_of(schema: Any, schemas: Mapping[str, Any], *, into_shapes: bool) -> Iterator[str]:
    """The names of all fields of a schema, at whatever depth; those of shapes too with `into_shapes`."""
    if isinstance(schema, list):
        for one in schema:
            yield from properties_of(one, schemas, into_shapes=into_shapes)
    elif isinstance(schema, Mapping):
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            if name != "ErrorReply" and (into_shapes or name not in SHOWN_AS_SHAPES):
                yield from properties_of(schemas[name], schemas, into_shapes=into_shapes)
            return
        if {"$ref": "#/components/schemas/ErrorReply"} in schema.get("allOf", ()):
            return
        yield from schema.get("properties", ())
        for key in ("properties", "items", "anyOf", "allOf", "oneOf", "additionalProperties"):
            inner = schema.get(key, ())
            yield from properties_of(
                list(inner.values()) if key == "properties" and inner else inner, schemas, into_shapes=into_shapes
            )


def fields_in(operation: Mapping[str, Any], *, into_shapes: bool) -> set[str]:
    """The fields of an operation's body, of its replies that are no refusals, and of its query."""
    schemas = REST["components"]["schemas"]
    contents = [operation.get("requestBody", {}).get("content", {})]
    contents += [reply.get("content", {}) for reply in operation["responses"].values()]
    found = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
    for content in contents:
        for media in content.values():
            found |= set(properties_of(media.get("schema", {}), schemas, into_shapes=into_shapes))
    return found


def rows_of_calls() -> dict[tuple[str, str], list[Row]]:
    """For each call that the page names, the rows that name it. Where a row says `same`, also the one before."""
    found: dict[tuple[str, str], list[Row]] = {}
    for rows in (CONTRACT, SILENT):
        same: list[Row] = []
        for row in rows:
            same = [*same, row] if "same" in row.text.split("→")[-1].split(".")[0] else [row]
            for call in calls_of(row.first):
                found.setdefault(call.key, []).extend(same)
    return found


def calls_in(rows: Iterable[Row]) -> list[Call]:
    return [call for row in rows for call in calls_of(row.first)]


def not_served() -> set[str]:
    """What the block at the head of the page says is not built yet: paths, some with their method."""
    block = [line for line in TEXT.splitlines() if line.startswith("> - REST:")]
    return {code for line in block for code in re.findall(r"`([^`]*)`", line)}


def test_every_route_of_the_page_is_served_and_every_route_is_on_the_page() -> None:
    on_page, served = {call.key for call in calls_in([*CONTRACT, *SILENT])}, set(documented())
    unbuilt = {key for key in on_page - served if key[1] in not_served() or " ".join(key) in not_served()}
    assert on_page - served == unbuilt, "on the page, and not served"
    assert served - on_page == set(), "served, and not on the page"


def test_what_the_page_calls_unbuilt_is_not_served() -> None:
    assert not {" ".join(key) for key in documented()} & not_served()


@pytest.mark.parametrize("row", [pytest.param(row, id=row.first) for row in CONTRACT])
def test_every_field_of_a_row_is_in_the_document(row: Row) -> None:
    served = documented()
    known = set().union(
        *(fields_in(served[call.key], into_shapes=True) for call in calls_of(row.first) if call.key in served)
    )
    assert fields_of(row.text, nested=True) - known == NO_FIELDS.get(row.first, set())


@pytest.mark.parametrize("key", sorted(documented()), ids=" ".join)
def test_every_field_of_an_operation_is_on_the_page(key: tuple[str, str]) -> None:
    rows = rows_of_calls()[key]
    named = set().union(*(fields_of(row.text, nested=True) | names_in(row.text) for row in rows))
    named |= {name for row in rows for call in calls_of(row.first) if call.key == key for name in call.query}
    assert fields_in(documented()[key], into_shapes=False) - named == set()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_has_the_fields_of_its_record(shape: str) -> None:
    line = next(line for line in TEXT.splitlines() if line.startswith(f"- {shape} `"))
    on_page = fields_of(line) | ({"email"} if shape == "user" else set())
    on_page |= {name for row in SILENT if row.first == shape for name in names_in(row.text)}
    assert on_page == set(REST["components"]["schemas"][SHAPES[shape]]["properties"])


def names_of(cell: str) -> list[str]:
    """The names of a cell: words before brackets, with commas or dots between them."""
    return [word for part in re.split(r"[,·]", re.sub(r"\([^)]*\)", "", cell)) if (word := part.strip())]


def test_the_commands_are_those_of_the_page() -> None:
    assert {name for row in COMMANDS for name in names_of(row.first)} == set(COMMAND_FORMS)


def test_the_events_are_those_of_the_page() -> None:
    on_page = {name for row in EVENTS for name in names_of(row.first)}
    on_page |= {found for row in EVENTS for found in re.findall(r"`([a-z]\w+) \{", row.text)}
    assert on_page == {event.name for event in events()}


def test_the_error_codes_and_their_statuses_are_those_of_the_page() -> None:
    on_page = {}
    for row in ERRORS:
        codes = names_of(row.first.replace("`details` names each field", ""))
        statuses = [int(one) for one in row.cells[1].split("·")]
        # of fewer statuses than codes the first is that of the first codes
        padded = [statuses[0]] * (len(codes) - len(statuses)) + statuses
        on_page |= dict(zip(codes, padded, strict=True))
    assert on_page == {code: kind.status for code, kind in ERROR_KINDS.items()}


def test_the_close_codes_are_those_of_the_page() -> None:
    prose = re.search(r"Broken framing closes as RFC 6455 says \(([^)]*)\)", TEXT)
    assert prose is not None
    on_page = {int(code) for text in (*(row.first for row in CLOSES), prose[1]) for code in re.findall(r"\d{4}", text)}
    assert on_page == set(CLOSE_KINDS)


def test_every_row_with_words_that_are_no_fields_is_on_the_page() -> None:
    assert set(NO_FIELDS) <= {row.first for row in CONTRACT}


VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*\b")


def test_the_variables_are_those_of_the_page() -> None:
    rows = table("Environment", "variable")
    limits = next(row for row in rows if "RATE_LIMIT_<OPERATION>" in row.first)
    on_page = {f"RATE_LIMIT_{name}" for name in VARIABLE.findall(limits.text)}
    on_page |= {name for row in rows for name in VARIABLE.findall(row.text)}
    known = {name for variable in settings.TABLE for name in variable.variables}
    assert {variable.name for variable in settings.TABLE} - on_page == OPERATORS_ONLY
    named = {
        name
        for row in rows
        if row is not limits
        for code in re.findall(r"`([^`]*)`", row.text)
        for name in VARIABLE.findall(code)
    }
    assert named - known == NO_VARIABLES


# In backticks in the papers of operators, and no setting: a word in a usage line, a limit by its short name, the
# driver's own variable, Python's, and that of a command which talks with a server.
OTHER_WORDS = {"FILE", "CONNECTS", "MOTOR_MAX_WORKERS", "TMPDIR", "CHAT_TOKEN"}


def test_the_papers_of_operators_name_variables_that_there_are() -> None:
    papers = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/operations.md"))
    named = {name for name in re.findall(r"`([A-Z][A-Z0-9_]*)`", papers) if name not in ("GET", "POST", "PATCH")}
    known = {name for variable in settings.TABLE for name in variable.variables}
    assert named - known == OTHER_WORDS
    assert named >= OPERATORS_ONLY
