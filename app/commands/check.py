"""`server.py check`: checks the configuration, and with --url a running server, before a deployment."""

from __future__ import annotations

import asyncio

from app import deployment_check, descriptor_limit, file_permissions
from app import settings as settings_module
from app.commands import users
from app.commands.flags import Flag
from app.composition import cluster, monitoring, storage
from app.deployment_check import CheckItem
from app.settings import Settings

URL = Flag("--url", settings_module.url_kind("http", "https"), "where a server runs, perhaps behind a proxy")


def check(settings: Settings, *, url: str | None = None) -> int:
    """Print a line for each check; returns 0 if all passed, else 1."""
    cluster.load_whitelist(settings)  # its file also stops a start
    items = [
        CheckItem("settings", lambda: _check_settings(settings)),
        *storage.check_items(settings),
        *cluster.check_items(settings),
        *monitoring.check_items(settings),
        *users.check_items(settings),
        *descriptor_limit.check_items(settings),
        *_check_items_of(url),
    ]
    return 0 if asyncio.run(deployment_check.run(items, print)) else 1


def _check_items_of(url: str | None) -> list[CheckItem]:
    """The checks of a running server."""
    if url is None:
        return []
    return [
        CheckItem("proxy", lambda: deployment_check.check_ready(url)),
        CheckItem("websocket", lambda: deployment_check.check_websocket(url)),
    ]


async def _check_settings(settings: Settings) -> str:
    """How many settings there are. Raises RuntimeError where other users may read a file or folder that they name."""
    if found := file_permissions.exposed(storage.private_paths(settings)):
        raise RuntimeError("; ".join(map(str, found)))
    return f"{len(settings_module.redacted(settings))} values parsed"
