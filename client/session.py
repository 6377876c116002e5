"""The user's tokens, and their renewal before they expire: by one request for all, since a refresh token works once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ConnectionLost, Refused, SessionEnded, Unauthorized
from .rest import Rest

_MARGIN = 0.25  # of the lifetime, before its end, a token is renewed
_MARGIN_MIN_S = 2.0  # but of a lifetime of seconds, half: the server counts in whole ones


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login brings. `expires_in_s` counts from when the tokens were given; None: not known, renewed at once.

    Without a refresh token the access token is used as long as it is good: so it is with a bot's.
    """

    access_token: str
    refresh_token: str | None = None
    expires_in_s: float | None = None

    def __repr__(self) -> str:
        return "Tokens(…)"  # it may come into a log


def tokens_of(reply: Mapping[str, Any]) -> Tokens:
    """The tokens in a reply of register, login or refresh."""
    return Tokens(reply["accessToken"], reply["refreshToken"], float(reply["expiresIn"]))


class Session:
    """Gives an access token that is good. `on_renewed` gets each new pair, to be kept where it outlives the program."""

    def __init__(
        self,
        tokens: Tokens,
        *,
        rest: Rest,
        on_renewed: Callable[[Tokens], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rest = rest
        self._on_renewed = on_renewed
        self._clock = clock
        self._renewal: asyncio.Task[str] | None = None
        self._ended: SessionEnded | None = None
        self._adopt(tokens)

    @property
    def renewal_due_in_s(self) -> float | None:
        """Seconds until the token is to be renewed; None for one that cannot be."""
        if self._tokens.refresh_token is None:
            return None
        return max(0.0, self._due_at_s - self._clock())

    async def access_token(self, *, refused: str | None = None) -> str:
        """A good token, renewed where that is due. `refused`: one that the server has refused.

        Raises SessionEnded where the user must log in again; Refused and ConnectionLost where it is worth trying again.
        """
        if self._ended is not None:
            raise self._ended
        held = self._tokens.access_token
        if self._renewal is None:
            if held != refused and self.renewal_due_in_s != 0.0:
                return held
            self._renewal = asyncio.create_task(self._renew())
            self._renewal.add_done_callback(self._on_renewal_done)
        try:
            return await asyncio.shield(self._renewal)  # its reply must not be lost: a refresh token works once
        except (ConnectionLost, Refused):
            if held == refused or self._clock() >= self._expires_at_s:
                raise
            return held  # still good; the next call tries again

    async def close(self) -> None:
        """Wait for a renewal that is under way, so that `on_renewed` gets what it brings."""
        if self._renewal is not None:
            await asyncio.gather(self._renewal, return_exceptions=True)

    async def _renew(self) -> str:
        if self._tokens.refresh_token is None:
            raise SessionEnded("unauthorized", "the server refuses the token")
        try:
            reply = await self._rest.call("POST", "/auth/refresh", {"refreshToken": self._tokens.refresh_token})
        except Unauthorized as error:
            self._ended = SessionEnded("unauthorized", "the session has ended: log in again")
            raise self._ended from error
        self._adopt(tokens_of(reply))
        if self._on_renewed is not None:
            self._on_renewed(self._tokens)
        return self._tokens.access_token

    def _on_renewal_done(self, renewal: asyncio.Task[str]) -> None:
        self._renewal = None
        if not renewal.cancelled():
            renewal.exception()  # not reported where nobody waits any more

    def _adopt(self, tokens: Tokens) -> None:
        self._tokens = tokens
        lifetime_s = tokens.expires_in_s or 0.0
        self._due_at_s = self._clock() + lifetime_s - max(lifetime_s * _MARGIN, min(_MARGIN_MIN_S, lifetime_s / 2))
        self._expires_at_s = self._clock() + lifetime_s
