"""The OpenAPI document (3.1) of the REST interface, made of the route table and what its handlers declare.

Knows no server: made once, of classes alone.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from chat.errors import ERROR_KINDS
from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder
from handlers.documents.examples import PATH_EXAMPLES
from handlers.documents.operation import BEARER, FILE_COOKIE, Media, Operation
from handlers.documents.schemas import Schema, input_schemas, reference, result_schemas
from handlers.error_reply import ErrorReply
from handlers.file_cookie import NAME as FILE_COOKIE_NAME

JSON = "application/json"
RATE_LIMIT_HEADERS: Mapping[str, str] = {
    "RateLimit-Limit": "Requests that the limit allows; of several limits that which is nearest to refusing.",
    "RateLimit-Remaining": "Requests that are left of it.",
    "RateLimit-Reset": "Seconds until it is full again.",
}
ABOUT = """Rooms, messages and people. Events arrive over the WebSocket (/asyncapi.json). Unknown fields are ignored; in
a listing `cursor` takes the `nextCursor` of the page before."""
# What operations are about, in the order in which a reader meets them; everything else is a page.
NOUNS = ("auth", "users", "rooms", "invites", "messages", "files", "hooks", "health", "metrics")
PAGES = "pages"

_PLACE = re.compile(r"\{(?:id|name)\}")  # where the route table has a part of the path


class Route(Struct, frozen=True):
    """One row of the route table: its path, as logs show it, and its handler."""

    path: str
    handler: type[Handler[Any]]


class _Served(Struct, frozen=True):
    """One operation with its place."""

    path: str
    method: str
    handler: type[Handler[Any]]
    operation: Operation
    parts: tuple[str, ...]  # names of the parts of the path, as the method calls them

    @property
    def is_open(self) -> bool:
        return self.handler.is_public

    @property
    def codes(self) -> list[str]:
        """The error codes that it may answer."""
        handler, operation = self.handler, self.operation
        follow = {
            "malformed": bool(
                self.parts or operation.body or operation.other_bodies or self.method in handler.counts_itself
            ),
            "validation_failed": bool(operation.body or operation.other_bodies or operation.query or operation.path),
            "payload_too_large": self.method != "GET",
            "unauthorized": not self.is_open and not handler.is_for_operators,
            "token_expired": not self.is_open and not handler.is_for_operators,
            "forbidden": handler.is_for_operators or (not self.is_open and self.method not in handler.for_bots),
            "rate_limited": handler.is_limited,
            "unavailable": handler.is_limited,
            "timeout": handler.is_limited,
            "internal": True,
        }
        wanted = {*operation.errors, *(code for code, does in follow.items() if does)}
        return [code for code in ERROR_KINDS if code in wanted]


def served_operations(routes: Iterable[Route]) -> Iterator[_Served]:
    for route in routes:
        for method, operation in route.handler.operations.items():
            signature = inspect.signature(getattr(route.handler, method.lower()))
            names = list(signature.parameters)[1 : 1 + len(_PLACE.findall(route.path))]
            path = route.path
            for name in names:
                path = _PLACE.sub(f"{{{_camel(name)}}}", path, count=1)
            yield _Served(path, method, route.handler, operation, tuple(names))


def openapi_document(routes: Iterable[Route], *, version: str) -> Schema:
    """Return the document."""
    served = list(served_operations(routes))
    received = [one for each in served for one in each.operation.replies.values() if _is_json(one)]
    shown, schemas = result_schemas([*received, ErrorReply])
    schema_of = iter(shown)
    sent = input_schemas(decoder.type for each in served for decoder in _decoders(each.operation))
    clash = {name for name in set(sent) & set(schemas) if sent[name] != schemas[name]}
    assert not clash, f"two types have one name: {clash}"
    schemas |= sent
    responses: dict[str, Schema] = {}
    paths: dict[str, Schema] = {}
    for each in served:
        replies = {
            str(status): _reply(each, status, reply, next(schema_of) if _is_json(reply) else None)
            for status, reply in each.operation.replies.items()
        }
        for status, codes in _by_status(each.codes).items():
            refusal = _refusal(codes, is_limited=each.handler.is_limited)
            if status in replies:
                replies[status]["content"][JSON]["schema"] = {
                    "anyOf": [replies[status]["content"][JSON]["schema"], refusal["content"][JSON]["schema"]]
                }
            else:
                name = ".".join((*codes, *(() if each.handler.is_limited else ("unlimited",))))
                responses[name] = refusal
                replies[status] = {"$ref": f"#/components/responses/{name}"}
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, schemas, replies)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Chat Rooms", "version": version, "description": ABOUT},
        "servers": [{"url": "."}],
        "tags": [{"name": noun} for noun in (*NOUNS, PAGES)],
        "paths": paths,
        "components": _components(schemas, responses),
    }


def _components(schemas: Mapping[str, Schema], responses: Mapping[str, Schema]) -> Schema:
    return {
        "schemas": dict(sorted(schemas.items())),
        "responses": dict(sorted(responses.items())),
        "headers": {
            name: {"description": about, "schema": {"type": "integer"}}
            for name, about in (*RATE_LIMIT_HEADERS.items(), ("Retry-After", "Seconds to wait."))
        },
        "securitySchemes": {
            BEARER: {"type": "http", "scheme": "bearer"},
            FILE_COOKIE: {"type": "apiKey", "in": "cookie", "name": FILE_COOKIE_NAME},
        },
    }


def _operation(each: _Served, schemas: Mapping[str, Schema], replies: Schema) -> Schema:
    operation = each.operation
    parameters = [*_path_parameters(each, schemas), *_query_parameters(operation, schemas)]
    shown: Schema = {
        "operationId": re.sub(r"[^A-Za-z]+", "_", f"{each.method.lower()}{each.path}").strip("_"),
        "tags": [noun if (noun := each.path.split("/")[1]) in NOUNS else PAGES],
        "summary": operation.summary,
    }
    if parameters:
        shown["parameters"] = parameters
    if operation.body is not None or operation.other_bodies:
        shown["requestBody"] = _body(operation)
    shown["responses"] = dict(sorted(replies.items()))
    shown["security"] = [] if each.is_open else [{one: []} for one in operation.security]
    if each.handler.is_for_operators:
        shown["security"] = [{}, {BEARER: []}]
        shown["description"] = "For operators: by address (METRICS_ALLOW), or by the token of an administrator."
    return shown


def _body(operation: Operation) -> Schema:
    content: Schema = {}
    if operation.body is not None:
        schema = reference(operation.body.type.__name__)
        content[JSON] = {"schema": {"allOf": [schema, operation.rules]} if operation.rules else schema}
        if operation.example is not None:
            content[JSON]["example"] = dict(operation.example)
    content |= {kind: {"schema": one} for kind, one in operation.other_bodies.items()}
    return {"required": not operation.is_body_optional, "content": content}


def _path_parameters(each: _Served, schemas: Mapping[str, Schema]) -> Iterator[Schema]:
    for name in each.parts:
        schema: Schema = {"type": "string", "minLength": 1}
        if name in each.operation.path:
            schema = schemas[each.operation.path[name].type.__name__]["properties"][name]
        yield {
            "name": _camel(name),
            "in": "path",
            "required": True,
            "schema": schema,
            "example": PATH_EXAMPLES[name],
        }


def _query_parameters(operation: Operation, schemas: Mapping[str, Schema]) -> Iterator[Schema]:
    if operation.query is None:
        return
    whole = schemas[operation.query.type.__name__]
    examples = operation.example or {}
    for name, schema in whole["properties"].items():
        schema = {key: value for key, value in schema.items() if value is not None}  # a query has no null
        if "anyOf" in schema:
            schema = next(one for one in schema["anyOf"] if one != {"type": "null"})
        parameter: Schema = {"name": name, "in": "query", "required": name in whole["required"], "schema": schema}
        if not parameter["required"]:
            parameter["allowEmptyValue"] = True  # handlers/request_input.py leaves it out then
        if name in examples:
            parameter["example"] = examples[name]
        yield parameter


def _reply(each: _Served, status: int, reply: Any, schema: Schema | None) -> Schema:
    shown: Schema = {"description": {200: "Done.", 201: "Made.", 204: "Done; no body."}.get(status, "See the body.")}
    if each.handler.is_limited:
        shown["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in RATE_LIMIT_HEADERS}
    if isinstance(reply, Media):
        shown["content"] = {reply.content_type: {}}
    elif schema is not None:
        shown["content"] = {JSON: {"schema": schema}}
    return shown


def _refusal(codes: Sequence[str], *, is_limited: bool) -> Schema:
    lines = [f"- `{code}`: {ERROR_KINDS[code].message}" for code in codes]
    shown: Schema = {
        "description": "\n".join(lines),
        "content": {
            JSON: {
                "schema": {
                    "allOf": [
                        reference(ErrorReply.__name__),
                        {"properties": {"error": {"properties": {"code": {"enum": list(codes)}}}}},
                    ]
                }
            }
        },
    }
    headers = [*(RATE_LIMIT_HEADERS if is_limited else ()), *(["Retry-After"] if "rate_limited" in codes else [])]
    if headers:
        shown["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    return shown


def _by_status(codes: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for code in codes:
        found.setdefault(str(ERROR_KINDS[code].status), []).append(code)
    return found


def _decoders(operation: Operation) -> Iterator[InputDecoder[Any]]:
    yield from (one for one in (operation.body, operation.query, *operation.path.values()) if one is not None)


def _is_json(reply: Any) -> bool:
    return reply is not None and not isinstance(reply, Media)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)
