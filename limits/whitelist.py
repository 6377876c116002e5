"""The users and networks that are not limited, from a setting and from a file that can be reloaded. Knows no limit."""

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
ADDRESSES_CACHED_MAX = 10_000
SHOWN_MAX = 20
USERNAME = re.compile(r"[A-Za-z0-9_.-]{3,32}")
_BROKEN_ADDRESS = re.compile(r"[0-9]+(\.[0-9]*){2,}")


class WhitelistEntries(Struct, frozen=True):
    """User names, case-folded, and networks."""

    usernames: frozenset[str]
    networks: tuple[Network, ...]


def parse(entries: Iterable[str]) -> WhitelistEntries:
    """Parse user names, addresses and CIDRs. An entry that can be an address is one.

    Raises ValueError with the entry that is none of these.
    """
    usernames = set()
    networks = []
    for entry in entries:
        try:
            networks.append(parse_network(entry))
        except ValueError:
            # Digits and dots are not a user name, but an address with a part that is missing or too large
            if not USERNAME.fullmatch(entry) or _BROKEN_ADDRESS.fullmatch(entry):
                # Shortened, because the setting may name a file with a secret by mistake
                shown = entry if len(entry) <= SHOWN_MAX else entry[:SHOWN_MAX] + "…"
                raise ValueError(f"{shown!r} is neither a user name nor a CIDR") from None
            usernames.add(entry.casefold())
    return WhitelistEntries(frozenset(usernames), tuple(networks))


class Whitelist:
    """Has `entries` and those in `file`, one on each line, with comments after #.

    Raises OSError, and ValueError for an entry that is neither a name nor a CIDR.
    """

    def __init__(self, *, entries: Sequence[str] = (), file: Path | None = None) -> None:
        self._entries = tuple(entries)
        self._file = file
        self._current = self._read()
        self._by_address: dict[str, bool] = {}

    def covers(self, username: str | None, address: str) -> bool:
        """Return whether this user, or any client at this address, is exempt from limits."""
        now = self._current
        if username is not None and now.usernames and username.casefold() in now.usernames:
            return True
        if not now.networks:
            return False
        known = self._by_address.get(address)
        if known is None:
            if len(self._by_address) >= ADDRESSES_CACHED_MAX:
                self._by_address.clear()
            known = self._by_address[address] = is_within(address, now.networks)
        return known

    @property
    def usernames(self) -> frozenset[str]:
        """The listed user names, case-folded."""
        return self._current.usernames

    async def reload(self) -> None:
        """Reload the file. If it cannot be read or parsed, the old list stays, and the reason is logged."""
        if self._file is None:
            return
        try:
            self._current = await asyncio.to_thread(self._read)
        except (ValueError, OSError) as error:
            log.warning("whitelist", extra={"fields": {"kept": "the old one", "reason": str(error)}})
            return
        self._by_address.clear()
        fields = {"usernames": len(self._current.usernames), "networks": len(self._current.networks)}
        log.info("whitelist", extra={"fields": fields})

    def _read(self) -> WhitelistEntries:
        return parse((*self._entries, *([] if self._file is None else _lines(self._file))))


def _lines(file: Path) -> list[str]:
    with file.open("rb") as opened:
        data = opened.read(FILE_MAX_BYTES + 1)
    if len(data) > FILE_MAX_BYTES:
        raise ValueError(f"{file} has more than {FILE_MAX_BYTES} bytes")
    lines = (line.partition("#")[0].strip() for line in data.decode().splitlines())
    return [line for line in lines if line]
