"""What a process says at its start where nobody has an account yet: what to do next."""

from __future__ import annotations

from app.settings import Settings
from common.hosts_and_urls import local_url
from store.contract import Store
from store.errors import StoreError


async def greeting(settings: Settings, store: Store, *, program: str) -> str | None:
    """One line of what to do next; None where there is an account, or the store does not answer."""
    try:
        if await store.users.has_any():
            return None
    except StoreError:
        return None  # it is logged where it matters; a greeting is no reason to fail
    url = local_url(settings.server.host, settings.server.port)
    create = f"{program} user create NAME EMAIL"
    if settings.auth.registration == "closed":
        return f"welcome: nobody has an account here yet, and registration is closed: make one by `{create}`"
    return (
        f"welcome: nobody has an account here yet: open {url} and make one, or use `{create}`; "
        f"for a sample to look around in, stop this and run `{program} demo`"
    )
