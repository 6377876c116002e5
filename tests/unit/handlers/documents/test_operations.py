"""What handlers declare for the API documents is what they do: which methods there are, and what decodes."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from tornado.routing import URLSpec

from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder
from handlers.documents.examples import PATH_EXAMPLES
from handlers.documents.openapi import openapi_document
from handlers.not_found import NotFound
from handlers.request_methods import implemented_methods
from handlers.routes import documented_routes
from handlers.websocket_handshake import HandshakeHandler
from tests.support.authorization.served_operations import route_table

UNDOCUMENTED = (NotFound, HandshakeHandler)  # what has no route; the WebSocket, which docs/asyncapi.yaml describes
SPECS: list[URLSpec] = route_table()
HANDLERS = sorted({spec.target for spec in SPECS}, key=lambda one: (one.__module__, one.__name__))
DOCUMENT = openapi_document(documented_routes(SPECS), version="1")
# Methods of handlers that are given the decoder of a body, or of a query
DECODES = re.compile(r"\.(body|countable_body|query|counted_query)\(([A-Z_]+)\)|\b([A-Z_]+)\.(decode|from_query)\(")


def decoders_in(handler: type[Handler[Any]]) -> set[InputDecoder[Any]]:
    """The decoders that the methods of a class name."""
    names = {found[2] or found[3] for found in DECODES.finditer(inspect.getsource(handler))}
    return {getattr(sys.modules[handler.__module__], name) for name in names}


@pytest.mark.parametrize("handler", [one for one in HANDLERS if not issubclass(one, UNDOCUMENTED)])
def test_a_handler_declares_each_method_that_it_has(handler: type[Handler[Any]]) -> None:
    assert set(handler.operations) == {*implemented_methods(handler)} - {"HEAD", "OPTIONS"}


@pytest.mark.parametrize("handler", [one for one in HANDLERS if one.operations])
def test_what_decodes_is_what_is_declared(handler: type[Handler[Any]]) -> None:
    declared = {
        decoder
        for operation in handler.operations.values()
        for decoder in (operation.body, operation.query, *operation.path.values())
        if decoder is not None
    }
    assert decoders_in(handler) == declared


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


@pytest.mark.parametrize("operation", [pytest.param(one, id=f"{method} {path}") for method, path, one in operations()])
def test_the_example_of_each_operation_is_valid_by_its_schema(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        if "example" in parameter:
            assert_valid(parameter["example"], parameter["schema"])
        else:
            assert not parameter["required"], f"{parameter['name']} has no example"
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is not None:
        assert_valid(content["example"], content["schema"])


def assert_valid(value: object, schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


def test_every_part_of_a_path_has_an_example_and_every_example_is_of_one() -> None:
    parts = {
        part
        for spec in SPECS
        for method in spec.target.operations
        for part in list(inspect.signature(getattr(spec.target, method.lower())).parameters)[1:]
    }
    assert set(PATH_EXAMPLES) == parts


def test_each_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)


def test_each_record_has_a_name_of_its_own() -> None:
    assert [name for name in DOCUMENT["components"]["schemas"] if not name.isidentifier()] == []
