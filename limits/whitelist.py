"""Who is not limited: user names and networks, from a setting and from a file that can be read again.

Knows no limit.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from limits.ip_addresses import Network, is_within, parse_network

log = logging.getLogger(__name__)

FILE_MAX_BYTES = 1_000_000
ANSWERS_MAX = 10_000
SHOWN_MAX = 20
USERNAME = re.compile(r"[A-Za-z0-9_.-]{3,32}")
_BROKEN_ADDRESS = re.compile(r"[0-9]+(\.[0-9]*){2,}")


class Entries(Struct, frozen=True):
    """Names as case-folded, networks by version."""

    usernames: frozenset[str]
    networks: tuple[Network, ...]


def parse(entries: Iterable[str]) -> Entries:
    """Read user names, addresses and CIDRs; what can be an address is one.

    Raises ValueError with the entry that is none of them.
    """
    usernames = set()
    networks = []
    for entry in entries:
        try:
            networks.append(parse_network(entry))
        except ValueError:
            # Of digits and dots: nobody's name, but an address that lacks a part or has one too great.
            if not USERNAME.fullmatch(entry) or _BROKEN_ADDRESS.fullmatch(entry):
                # It may be of a file that is none of ours
                shown = entry if len(entry) <= SHOWN_MAX else entry[:SHOWN_MAX] + "…"
                raise ValueError(f"{shown!r} is neither a user name nor a CIDR") from None
            usernames.add(entry.casefold())
    return Entries(frozenset(usernames), tuple(networks))


class Whitelist:
    """`entries` and what is in `file`, one a line, with comments after #.

    Raises ValueError for what is neither name nor CIDR, OSError.
    """

    def __init__(self, *, entries: Sequence[str] = (), file: Path | None = None) -> None:
        self._entries = tuple(entries)
        self._file = file
        self._now = self._read()
        self._by_address: dict[str, bool] = {}

    def covers(self, username: str | None, address: str) -> bool:
        """Whether this user, or whoever is at this address, is not limited."""
        now = self._now
        if username is not None and now.usernames and username.casefold() in now.usernames:
            return True
        if not now.networks:
            return False
        known = self._by_address.get(address)
        if known is None:
            if len(self._by_address) >= ANSWERS_MAX:
                self._by_address.clear()
            known = self._by_address[address] = is_within(address, now.networks)
        return known

    @property
    def usernames(self) -> frozenset[str]:
        """Those that are listed now, case-folded."""
        return self._now.usernames

    async def read_again(self) -> None:
        """Read the file once more. One that is broken, or gone, changes nothing."""
        if self._file is None:
            return
        try:
            self._now = await asyncio.to_thread(self._read)
        except (ValueError, OSError) as error:
            log.warning("whitelist", extra={"fields": {"kept": "the old one", "reason": str(error)}})
            return
        self._by_address.clear()
        fields = {"usernames": len(self._now.usernames), "networks": len(self._now.networks)}
        log.info("whitelist", extra={"fields": fields})

    def _read(self) -> Entries:
        return parse((*self._entries, *([] if self._file is None else _lines(self._file))))


def _lines(file: Path) -> list[str]:
    with file.open("rb") as opened:
        data = opened.read(FILE_MAX_BYTES + 1)
    if len(data) > FILE_MAX_BYTES:
        raise ValueError(f"{file} has more than {FILE_MAX_BYTES} bytes")
    lines = (line.partition("#")[0].strip() for line in data.decode().splitlines())
    return [line for line in lines if line]
