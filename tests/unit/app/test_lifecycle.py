"""A start that fails half way, in a process that goes on: what was opened until then is closed."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import msgspec
import pytest

from app import settings
from app.composition.cluster import build_cluster, load_whitelist
from app.composition.server import build_server
from app.composition.storage import build_storage
from app.lifecycle import Process
from cluster.memory_bus import MemoryBus
from monitor.counting_observer import CountingObserver
from monitor.observer import Observer
from monitor.spans import Spans
from tests.support.open_descriptors import descriptor_targets
from tests.support.server import free_port


class NoBus(MemoryBus):
    """A bus that fails when the server, which listens by then, subscribes."""

    async def subscribe(self, topic: str) -> None:
        raise OSError("a fault of the test's")


def opened() -> set[str]:
    """The sockets of this process."""
    return {target for _, target in descriptor_targets() if target.startswith("socket:")}


@pytest.mark.gen_test
async def test_it_listens_no_more_and_leaves_no_task(tmp_path: Path) -> None:
    port = free_port()
    chosen = settings.load({}, {"DATA_DIR": str(tmp_path / "data"), "PORT": str(port)})
    tasks, sockets = asyncio.all_tasks(), opened()
    async with (
        build_storage(chosen, Observer()) as storage,
        build_cluster(chosen, process_id="p1") as shared,
    ):
        shared, exempt = msgspec.structs.replace(shared, bus=NoBus()), load_whitelist(chosen)
        parts = build_server(
            chosen,
            store=storage.store,
            secret=storage.secret,
            shared=shared,
            whitelist=exempt,
            process_id="p1",
            counting_observer=CountingObserver(slow_s=1.0, now=lambda: 1_800_000_000.0),
            spans=Spans(),
            log_output=None,
        )
        server = Process(chosen, store=storage.store, shared=shared, whitelist=exempt, server=parts)
        with pytest.raises(OSError, match="a fault of the test's"):
            await server.start()
        await server.stop()
        with socket.create_server(("127.0.0.1", port)):
            pass
    assert asyncio.all_tasks() == tasks
    assert opened() <= sockets
