"""Whether a reply is one that /openapi.json describes: its status, its type, and each of its fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import jsonschema
from jsonschema.protocols import Validator

from tests.support.api_documents.strict_schemas import strict
from tests.support.client import Reply

PLACE = re.compile(r"\{\w+\}")


class DocumentedReplies:
    """Compares replies with a document. Stricter than a client may be: a field that is not in the document is wrong."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._paths = {PLACE.sub("{}", path): path for path in document["paths"]}
        self._components = {**document["components"], "schemas": strict(document["components"]["schemas"])}
        self._validators: dict[tuple[str, str, int], Validator] = {}

    def require(self, method: str, path: str, reply: Reply) -> None:
        """`path` has a placeholder for each id, by whatever name. Raises AssertionError with what is wrong."""
        shown = self._paths[PLACE.sub("{}", path)]
        described = self._described(method, shown, reply.status)
        kind = reply.headers.get("content-type", "").partition(";")[0]
        content = described.get("content")
        if content is None:
            assert reply.body == b"", (method, path, reply)
            return
        assert any(fnmatchcase(kind, one) for one in content), (method, path, reply.status, kind)
        if kind != "application/json":
            return
        key = (method, shown, reply.status)
        if key not in self._validators:
            schema = {**content[kind]["schema"], "components": self._components}
            self._validators[key] = jsonschema.Draft202012Validator(schema)
        wrong = [
            f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
            for error in self._validators[key].iter_errors(reply.json)
        ]
        assert not wrong, (method, path, reply.status, reply.json, wrong)

    def _described(self, method: str, path: str, status: int) -> Mapping[str, Any]:
        replies = self._document["paths"][path][method.lower()]["responses"]
        assert str(status) in replies, f"{method} {path} answers {status}, which the document does not have"
        described: Mapping[str, Any] = replies[str(status)]
        if "$ref" in described:
            described = self._document["components"]["responses"][described["$ref"].rpartition("/")[2]]
        return described
