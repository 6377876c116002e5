"""Validates Redis URLs: the form of each part and of each option, so that a wrong one stops the start.

The driver itself ignores some wrong parts and fails late on others. Knows no driver.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

_ANY = re.compile(r".+")
_NUMBER = re.compile(r"[0-9]{1,9}")
_BOOLEAN = re.compile(r"(?i:true|false|yes|no|on|off|y|n|t|f|0|1)")

# The driver accepts any option name, and ignores some invalid values. Options that are missing here are set by
# options.py, or change the form of replies.
_OPTIONS: Mapping[str, re.Pattern[str]] = {
    "db": _NUMBER,
    "username": _ANY,
    "password": _ANY,
    "client_name": re.compile(r"[!-~]+"),
    "socket_keepalive": _BOOLEAN,
}
_TLS_OPTIONS: Mapping[str, re.Pattern[str]] = {
    "ssl_ca_certs": _ANY,
    "ssl_ca_path": _ANY,
    "ssl_ca_data": _ANY,
    "ssl_certfile": _ANY,
    "ssl_keyfile": _ANY,
    "ssl_password": _ANY,
    "ssl_ciphers": _ANY,
    "ssl_cert_reqs": re.compile(r"none|optional|required"),
    "ssl_check_hostname": _BOOLEAN,
    "ssl_min_version": re.compile(r"77[12]"),
}
TAKES = (
    "a URL like redis://host:6379/0 or rediss://user:password@host:6379/0, percent-encoded, perhaps with options: "
    f"{', '.join(_OPTIONS)}, and with rediss {', '.join(_TLS_OPTIONS)}"
)


def require_form(url: str) -> None:
    """Raises ValueError for a path that is not the number of a database, and for an option that is unknown, repeated or
    has a wrong value.
    """
    parts = urlsplit(url)
    database = parts.path.removeprefix("/")
    if database and not _NUMBER.fullmatch(database):
        raise ValueError("the path is not the number of a database")
    known = {**_OPTIONS, **_TLS_OPTIONS} if parts.scheme == "rediss" else _OPTIONS
    given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    for name, value in given:
        if name not in known or not known[name].fullmatch(value):
            raise ValueError(f"option {name}")
    if len(dict(given)) < len(given) or (database and "db" in dict(given)):
        raise ValueError("an option is there twice")
