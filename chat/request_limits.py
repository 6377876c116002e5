"""Counts requests against limits and sheds them under load, for REST and WebSocket alike.

The adapters (handlers and the command table) call this. Use cases know no limits.
"""

from __future__ import annotations

from chat.errors import limit_refusal, overloaded
from chat.request_context import RequestContext
from limits.contract import Check, Decision, Limiter
from limits.load_shedding import LoadShedder, NullLoadShedder, ShedClass
from limits.whitelist import Whitelist


class RequestLimits:
    """Joins the limiter, the whitelist that exempts from limits, and the load shedder, which exempts nobody."""

    def __init__(self, *, limiter: Limiter, whitelist: Whitelist, shedding: LoadShedder | NullLoadShedder) -> None:
        self._limiter = limiter
        self._whitelist = whitelist
        self._shedding = shedding

    async def check(self, context: RequestContext, *checks: Check) -> Decision:
        """Count a request against all `checks`, or against none if one refuses. Returns the limiter's decision."""
        return await self._limiter.check(checks, exempt=self.is_exempt(context))

    async def count(self, context: RequestContext, *checks: Check) -> None:
        """As `check`, but raises ChatError for a refusal: rate_limited, or unavailable if the limiter has no answer."""
        decision = await self._limiter.check(checks, exempt=self.is_exempt(context))
        if not decision.allowed:
            raise limit_refusal(decision)

    def admits_at_once(self, context: RequestContext, check: Check, shed_class: ShedClass | None) -> bool:
        """Count a request that is admitted without waiting for anything. False: nothing was counted, `shed` and `count`
        decide.
        """
        if shed_class is not None and self._shedding.sheds(shed_class):
            return False
        return self._limiter.take_at_once(check, exempt=self.is_exempt(context))

    def shed(self, shed_class: ShedClass | None) -> None:
        """Raise ChatError unavailable if requests of this class are shed at the present load. None is never shed."""
        if shed_class is not None and not self._shedding.admits(shed_class):
            raise overloaded()

    def is_exempt(self, context: RequestContext) -> bool:
        """Whether the whitelist holds the user or the address. Before authentication only the address counts."""
        return self._whitelist.covers(context.username, context.address)
