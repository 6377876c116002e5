"""The limit of open descriptors: raises it as far as the system lets, and compares it with what the settings need."""

from __future__ import annotations

import logging
import resource
import sys

from app.deployment_check import CheckItem
from app.settings import Settings
from handlers.http.http_bounds import HttpBounds

OTHERS = 344  # descriptors of the store, Redis, uploads and the log
# Descriptors besides the WebSockets': HTTP connections, before their upgrade or with REST requests, and lingering ones.
MARGIN = HttpBounds().connections_max + HttpBounds().lingering_max + OTHERS

log = logging.getLogger("server")


def raise_limit(wanted: int) -> int:
    """Raise the soft limit to the hard one, or to `wanted` where the system refuses that; returns the soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for target in (hard, wanted):  # macOS reports an unlimited hard limit, and refuses that as a soft one
        if soft == resource.RLIM_INFINITY or (target != resource.RLIM_INFINITY and target <= soft):
            break
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
        except (ValueError, OSError):
            continue
        break
    return limit()


def limit() -> int:
    """The soft limit; `sys.maxsize` where there is none."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def needed(settings: Settings) -> int:
    """How many descriptors the settings need."""
    return settings.ws.max_connections + MARGIN


def prepare(settings: Settings) -> None:
    """Raise the limit; log a warning where it stays below what the settings need."""
    wanted = needed(settings)
    allowed = raise_limit(wanted)
    if allowed < wanted:
        log.warning(
            "too few descriptors: connections will wait to be accepted before WS_MAX_CONNECTIONS is reached",
            extra={
                "fields": {
                    "allowed": allowed,
                    "needed": wanted,
                    "WS_MAX_CONNECTIONS": settings.ws.max_connections,
                    "do": "raise the hard limit (ulimit -Hn, LimitNOFILE=), or lower WS_MAX_CONNECTIONS",
                }
            },
        )


def check_items(settings: Settings) -> list[CheckItem]:
    """What the pre-deployment check runs."""
    return [CheckItem("descriptors", lambda: _check(settings))]


async def _check(settings: Settings) -> str:
    """The limit and the need. Raises RuntimeError where the limit is too low."""
    wanted = needed(settings)
    allowed = raise_limit(wanted)
    if allowed < wanted:
        raise RuntimeError(
            f"{allowed} allowed, {wanted} needed (WS_MAX_CONNECTIONS and {MARGIN} more): raise "
            f"the hard limit (ulimit -Hn, LimitNOFILE=)"
        )
    return "unlimited" if allowed == sys.maxsize else f"{allowed} allowed, {wanted} needed"
