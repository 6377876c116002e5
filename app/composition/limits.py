"""Builds the limits of requests: the limiter, the whitelist and load shedding."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from app.settings import Settings
from chat.request_limits import RequestLimits
from limits.contract import Limiter
from limits.load_measurement import LoadMeasurement
from limits.load_shedding import LoadShedder, NullLoadShedder
from limits.whitelist import Whitelist
from monitor.loop_lag import LoopLag
from monitor.observer import Observer


class Limits(msgspec.Struct, frozen=True):
    """The finished parts."""

    request_limits: RequestLimits
    shedding: LoadShedder | NullLoadShedder


def build_limits(
    settings: Settings,
    *,
    limiter: Limiter,
    whitelist: Whitelist,
    lag: LoopLag,
    queue_share: Callable[[], float],
    observer: Observer,
) -> Limits:
    """Build the parts. `queue_share()` is the fill level of the fullest queue of writes, from 0 to 1."""
    shedding: LoadShedder | NullLoadShedder = NullLoadShedder()
    if settings.limits.enabled and settings.limits.adaptive:
        load_measurement = LoadMeasurement(lag=lag, queue=queue_share, now=time.monotonic)
        shedding = LoadShedder(load=load_measurement.load, observer=observer, now=time.monotonic)
    return Limits(RequestLimits(limiter=limiter, whitelist=whitelist, shedding=shedding), shedding)
