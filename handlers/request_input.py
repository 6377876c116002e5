"""What is read from a request besides its body: the bearer token and the query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tornado.httputil import HTTPHeaders

from chat.errors import ChatError


def bearer_token(headers: HTTPHeaders) -> str:
    """Return the token of the Authorization header (RFC 6750 section 2.1). Raises ChatError unauthorized."""
    kind, _, token = headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise ChatError("unauthorized")
    return token.strip()


def query_values(arguments: Mapping[str, Sequence[bytes]]) -> dict[str, str]:
    """Return the query's values by name: of a repeated name the last one; an empty value is left out.

    Raises ChatError validation_failed for what is not UTF-8.
    """
    try:
        return {name: values[-1].decode() for name, values in arguments.items() if values[-1]}
    except UnicodeDecodeError as error:
        raise ChatError("validation_failed", details={"query": "takes UTF-8"}) from error
