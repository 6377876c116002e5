"""docs/asyncapi.yaml is what the product sends and takes now; every part of it that is named is there."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, get_type_hints

import jsonschema
import pytest

from chat.connections.command_forms import COMMAND_FORMS
from chat.errors import CLOSE_KINDS, CloseCode
from handlers.documents.asyncapi import asyncapi_document
from tests.support.api_documents.asyncapi_yaml import PLACE, asyncapi_yaml
from tests.support.api_documents.frames import described_frames
from tests.support.authorization.served_operations import commands_of_nothing

DOCUMENT = asyncapi_document(version="1")


def test_the_committed_document_is_the_present_one() -> None:
    assert PLACE.read_text(encoding="utf-8") == asyncapi_yaml(), "run the command in its first line"


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_every_reference_leads_somewhere() -> None:
    for reference in set(references(DOCUMENT)):
        place: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


@pytest.mark.parametrize("name", COMMAND_FORMS)
def test_a_commands_method_takes_and_returns_what_its_form_says(name: str) -> None:
    method = commands_of_nothing()._table[name].run
    hints = get_type_hints(method)
    body = list(inspect.signature(method).parameters)[1]
    assert issubclass(COMMAND_FORMS[name].input, hints[body])
    if name == "joinRoom":  # it sends its ack itself: tests/integration/test_api_documents.py
        return
    assert hints["return"] in (COMMAND_FORMS[name].result, type(COMMAND_FORMS[name].result))


@pytest.mark.parametrize("name", COMMAND_FORMS)
def test_the_example_of_each_command_is_valid_by_its_schema(name: str) -> None:
    message = DOCUMENT["components"]["messages"][name]
    validator = jsonschema.Draft202012Validator({**message["payload"], "components": DOCUMENT["components"]})
    for example in message["examples"]:
        validator.validate(example["payload"])


def test_every_close_code_is_explained() -> None:
    assert set(CloseCode) <= set(CLOSE_KINDS)


def test_a_frame_with_a_field_more_or_less_is_not_as_described() -> None:
    frames = described_frames()
    good = {"event": "roomPresence", "data": {"roomId": "r", "onlineCount": 201}}
    assert frames.wrong("roomPresence", good) == []
    for bad in ({"roomId": "r"}, {"roomId": "r", "onlineCount": 1, "more": 1}, {"roomId": "r", "onlineCount": "1"}):
        assert frames.wrong("roomPresence", {**good, "data": bad})
    assert frames.wrong("unheardOf", good)
