"""Replies to requests that failed: from an exception or a status of Tornado's to error code, headers and body."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from tornado.web import RequestHandler

from chat.errors import ERROR_KINDS, ChatError, as_refusal
from handlers.codec.json_encoding import encode

CODE_OF_STATUS = {
    400: "malformed",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    415: "unsupported_type",
}
assert set(CODE_OF_STATUS.values()) <= set(ERROR_KINDS)


class ErrorBody(Struct, frozen=True, rename="camel"):
    """What a refusal says. `details`: fields or facts by name. `request_id` stands in the log."""

    code: str
    message: str
    details: dict[str, object]
    request_id: str


class ErrorReply(Struct, frozen=True):
    """The JSON body of every refusal."""

    error: ErrorBody


def chat_error_of(status: int, cause: BaseException | None) -> ChatError:
    """Return the error that a client is sent: that of `cause` if it is a refusal, else the one of the status."""
    return as_refusal(cause) or ChatError(CODE_OF_STATUS.get(status, "internal" if status >= 500 else "malformed"))


def set_error_headers(reply: RequestHandler, error: ChatError, *, methods: Sequence[str]) -> None:
    """Set Allow, WWW-Authenticate and Retry-After where the error needs them; `methods` are those of the route."""
    if error.code == "method_not_allowed":
        reply.set_header("Allow", ", ".join(methods))
    if error.code == "unauthorized" or error.code == "token_expired":
        reply.set_header("WWW-Authenticate", "Bearer")
    if error.retry_after_s is not None:
        reply.set_header("Retry-After", str(error.retry_after_s))
    elif error.code == "unavailable":
        reply.set_header("Retry-After", "1")


def error_document(error: ChatError, *, request_id: str) -> bytes:
    """Return the JSON body of the reply."""
    return encode(ErrorReply(ErrorBody(error.code, error.message, error.details, request_id)))
