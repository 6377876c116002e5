"""A pool of connections for tests of admissions."""

from __future__ import annotations

import asyncio

from app.composition.presence import build_presence
from chat.connections.connection_pool import Pool
from chat.delivery.room_hub import Hub
from cluster.contract import ConnectionSlots
from cluster.memory_bus import MemoryBus
from common.paced_callbacks import PacedCallbacks
from common.serial_task_queue import SerialTaskQueue
from handlers.codec.json_codec import JsonCodec
from monitor.observer import Observer


def pool_with(
    slots: ConnectionSlots, *, bus: MemoryBus | None = None, task_queue: SerialTaskQueue | None = None
) -> Pool:
    """A pool of ten connections without a store."""
    bus, task_queue, loop = bus or MemoryBus(), task_queue or SerialTaskQueue(), asyncio.get_running_loop()
    return Pool(
        hub=Hub(
            store=None,  # type: ignore[arg-type]
            bus=bus,
            codec=JsonCodec(),
            frame=bytes,
            observer=Observer(),
            coalesce=False,
            hold_max_bytes=1,
        ),
        bus=bus,
        connection_slots=slots,
        presence=build_presence(
            codec=JsonCodec(),
            bus=bus,
            task_queue=task_queue,
            paced_callbacks=PacedCallbacks(loop=loop),
            process_id="p",
            grace_s=0.0,
            loop=loop,
        ).presence,
        task_queue=task_queue,
        observer=Observer(),
        max_connections=10,
        max_per_user=10,
    )
