"""Whether a frame is one that docs/asyncapi.yaml describes: its event, and each field of its data."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jsonschema
import yaml
from jsonschema.protocols import Validator

from tests.support.api_documents.strict_schemas import strict
from tests.support.server import ROOT


class DescribedFrames:
    """Compares frames with the document. Stricter than a client may be: a field that is not described is wrong."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        components = {**document["components"], "schemas": strict(document["components"]["schemas"])}
        self._validators: dict[str, Validator] = {
            name: jsonschema.Draft202012Validator(
                {"additionalProperties": False, **message["payload"], "components": components}
            )
            for name, message in document["components"]["messages"].items()
        }

    @property
    def messages(self) -> set[str]:
        """The names of all messages, commands and their acks (`joinRoom.ack`) among them."""
        return set(self._validators)

    def wrong(self, name: str, frame: object) -> list[str]:
        """What is wrong with a frame as the message of that name; nothing if it is as described."""
        if name not in self._validators:
            return [f"{name} is not described"]
        return [
            f"{name}: {'.'.join(map(str, error.absolute_path))}: {error.message}"
            for error in self._validators[name].iter_errors(frame)
        ]


@functools.cache
def described_frames() -> DescribedFrames:
    """By the document as it is committed."""
    text = (ROOT / "docs" / "asyncapi.yaml").read_text(encoding="utf-8")
    return DescribedFrames(yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
