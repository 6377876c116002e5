"""Counts requests against limits and sheds them under load: the one way in which REST and WebSocket both do it.

The adapters call this; use cases know no limit.
"""

from __future__ import annotations

from chat.errors import limit_refusal, overloaded
from chat.request_context import RequestContext
from limits.contract import Check, Decision, Limiter
from limits.load_shedder import LoadShedder, NullLoadShedder
from limits.shedding_policy import ShedClass
from limits.whitelist import Whitelist


class RequestLimits:
    """The limiter, the whitelist that exempts from it, and the load shedder, which exempts nobody."""

    def __init__(self, *, limiter: Limiter, whitelist: Whitelist, shedding: LoadShedder | NullLoadShedder) -> None:
        self._limiter = limiter
        self._whitelist = whitelist
        self._shedding = shedding

    async def check(self, context: RequestContext, *checks: Check) -> Decision:
        """Count a request against all `checks` or, if one refuses, against none; returns the limiter's decision."""
        return await self._limiter.check(checks, exempt=self.is_exempt(context))

    async def count(self, context: RequestContext, *checks: Check) -> None:
        """As `check`. Raises ChatError: rate_limited, unavailable (the limiter does not know)."""
        decision = await self._limiter.check(checks, exempt=self.is_exempt(context))
        if not decision.allowed:
            raise limit_refusal(decision)

    def shed(self, shed_class: ShedClass | None) -> None:
        """Refuse what is shed at the present load; None is never shed. Raises ChatError unavailable."""
        if shed_class is not None and not self._shedding.admits(shed_class):
            raise overloaded()

    def is_exempt(self, context: RequestContext) -> bool:
        """Whether the whitelist has the user or the address. Before authentication the address alone decides."""
        return self._whitelist.covers(context.username, context.address)
