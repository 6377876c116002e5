"""Validates the form of host names, ports and URLs. Resolves no names; knows no setting."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qsl, urlsplit

_HOST_MAX = 253  # RFC 1035, 2.3.4, without the last dot
_HOST_AND_PORT = re.compile(r"[^:@]*(:[0-9]*)?")
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def parse_host(text: str) -> str:
    """Return the text without surrounding spaces if it is an IP address without brackets, or a host name.

    Raises ValueError.
    """
    text = text.strip()
    try:
        ip_address(text)
        return text
    except ValueError:
        pass
    labels = text.encode("idna").decode().removesuffix(".").split(".")  # raises UnicodeError, a ValueError
    # A last label of digits was meant as an address (127.0.0.256), and is not a valid name
    if labels[-1].isdigit() or len(".".join(labels)) > _HOST_MAX or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("neither an address nor a host name")
    return text


def local_url(host: str, port: int) -> str:
    """Return the URL by which a browser on the same machine reaches a server that listens there."""
    host = {"::": "127.0.0.1", "0.0.0.0": "127.0.0.1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def require_hosts(text: str) -> None:
    """Raises ValueError unless the text is hosts with or without ports, separated by commas.

    A percent-encoded part is the path of a Unix socket, and is not checked.
    """
    for part in text.split(","):
        if "%" not in part:
            place = urlsplit(f"//{part}")
            parse_host(place.hostname or "")
            if place.port == 0 or place.netloc != part:
                raise ValueError("no such port")


def split_url(text: str, *schemes: str) -> SplitResult:
    """Split a URL that has one of the schemes, a host, and a valid port if any. Raises ValueError."""
    text = text.strip()
    if not text.isprintable() or " " in text:
        raise ValueError("a URL has no such characters")
    parts = urlsplit(text)
    if parts.scheme not in schemes or not parts.hostname or parts.port == 0 or parts.fragment:
        raise ValueError("no such URL")
    parse_host(parts.hostname)
    return parts


def has_password(text: str) -> bool:
    """Whether a valid or malformed URL contains a password: before the host, or as an option."""
    _, scheme, rest = text.partition("://")
    if not scheme:
        return False
    rest, _, query = rest.partition("?")
    user, at, _ = rest.rpartition("@")
    # In `host:80/a@b` the @ is part of the path; in `user:p/w@host` the slash of a password was not encoded
    is_path = "/" in user and _HOST_AND_PORT.fullmatch(user.partition("/")[0])
    return bool(at and ":" in user and not is_path) or any(
        "password" in name.lower() for name, _ in parse_qsl(query, keep_blank_values=True)
    )
