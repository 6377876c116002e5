"""How many descriptors this process may open: raised as far as it goes, and held against what the settings promise."""

from __future__ import annotations

import logging
import resource
import sys

from app.checks import Item
from app.settings import Settings
from handlers.http.bounds import Bounds

OTHERS = 344  # of the store, Redis, uploads and the log
# Besides the WebSockets: what is before its upgrade, asks by REST, or lingers.
MARGIN = Bounds().connections_max + Bounds().lingering_max + OTHERS

log = logging.getLogger("server")


def raise_limit(wanted: int) -> int:
    """Raise the soft limit to the hard one, or where the system does not let us to `wanted`; returns what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for target in (hard, wanted):  # macOS calls the hard one unlimited, and takes no such soft one
        if soft == resource.RLIM_INFINITY or (target != resource.RLIM_INFINITY and target <= soft):
            break
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
        except (ValueError, OSError):
            continue
        break
    return limit()


def limit() -> int:
    """The soft limit as it is now."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def needed(settings: Settings) -> int:
    """How many the settings promise room for."""
    return settings.ws.max_connections + MARGIN


def prepare(settings: Settings) -> None:
    """Raise the limit, and warn where that is not enough."""
    wanted = needed(settings)
    allowed = raise_limit(wanted)
    if allowed < wanted:
        log.warning(
            "too few descriptors: connections will wait to be accepted before WS_MAX_CONNECTIONS is reached",
            extra={"fields": {"allowed": allowed, "needed": wanted, "WS_MAX_CONNECTIONS": settings.ws.max_connections}},
        )


def items(settings: Settings) -> list[Item]:
    """What the pre-deployment check asks."""
    return [Item("descriptors", lambda: _look(settings))]


async def _look(settings: Settings) -> str:
    """How many there may be. Raises RuntimeError where they are too few."""
    wanted = needed(settings)
    allowed = raise_limit(wanted)
    if allowed < wanted:
        raise RuntimeError(
            f"{allowed} allowed, {wanted} needed (WS_MAX_CONNECTIONS and {MARGIN} more): raise "
            f"the hard limit (ulimit -Hn, LimitNOFILE=)"
        )
    return "unlimited" if allowed == sys.maxsize else f"{allowed} allowed, {wanted} needed"
