"""The parts that every HTTP handler is given, whatever it serves."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from chat.accounts import Accounts
from chat.logins import Logins
from chat.profiles import Profiles
from chat.request_limits import RequestLimits
from handlers.client_address import ClientAddresses
from handlers.http.running_handlers import RunningHandlers
from handlers.operator_access import Operators
from monitor.observer import Observer
from monitor.spans import Spans


class SharedServices(Struct, frozen=True):
    """One record for all routes. `cors_origins` are written as str(Origin) writes them."""

    accounts: Accounts
    logins: Logins
    profiles: Profiles
    limits: RequestLimits
    clients: ClientAddresses
    cors_origins: Sequence[str]
    operators: Operators
    observer: Observer
    spans: Spans
    running: RunningHandlers
