"""`server.py serve`: runs one process from its settings until a signal stops it."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from contextlib import AsyncExitStack

from app import descriptor_limit, event_loop, file_permissions, tracing
from app import settings as settings_module
from app.composition.cluster import build_cluster, load_whitelist
from app.composition.server import build_server
from app.composition.storage import build_storage, private_paths
from app.greeting import greeting
from app.lifecycle import Process
from app.settings import Settings
from app.stop_signals import hang_ups, until_stopped
from app.stopping import Stopping
from app.version import VERSION
from common.callback_tasks import CallbackTasks
from monitor import log_setup
from monitor.counting_observer import CountingObserver
from monitor.observer import Observer

log = logging.getLogger("server")


def serve(settings: Settings, *, program: str) -> int:
    """Run one process on a new event loop; returns the exit code."""
    with asyncio.Runner(loop_factory=event_loop.new_event_loop) as runner:
        return runner.run(run_process(settings, program=program))


async def run_process(settings: Settings, *, program: str) -> int:
    """Run one process until SIGTERM, SIGINT or the loss of the store's lease; returns the exit code.

    `program` is the name by which this was called.
    """
    output = log_setup.set_up_queued(log_format=settings.log.format, level=settings.log.level)
    descriptor_limit.prepare(settings)
    whitelist = load_whitelist(settings)
    hung_up = hang_ups()
    process_id = f"p{secrets.token_hex(4)}"
    counting_observer = (
        CountingObserver(slow_s=settings.monitor.alert_slow_query_ms / 1000, now=time.time)
        if settings.monitor.enabled
        else None
    )
    async with AsyncExitStack() as opened:  # closes what was opened, also when a later step fails
        spans = tracing.open_spans(settings, process_id=process_id, version=VERSION)
        opened.push_async_callback(asyncio.to_thread, spans.close)
        storage = await opened.enter_async_context(
            build_storage(settings, Observer() if counting_observer is None else counting_observer)
        )
        shared = await opened.enter_async_context(
            build_cluster(settings, process_id=process_id, counts=counting_observer)
        )
        traced_calls = CallbackTasks()
        opened.push_async_callback(traced_calls.close)
        store = tracing.trace_store(storage.store, spans, traced_calls)
        shared = tracing.trace_cluster(shared, spans)
        server = build_server(
            settings,
            store=store,
            secret=storage.secret,
            shared=shared,
            whitelist=whitelist,
            process_id=process_id,
            counting_observer=counting_observer,
            spans=spans,
            log_output=output,
        )
        # Before anybody connects: nothing is to wait for the store between the start and the watch for signals
        greeted = await greeting(settings, storage.store, program=program)
        process = Process(settings, store=store, shared=shared, whitelist=whitelist, server=server)
        opened.push_async_callback(process.stop)
        await process.start()
        for found in file_permissions.exposed(private_paths(settings)):
            log.warning("exposed", extra={"fields": found.fields})
        log.info(
            "started",
            extra={
                "fields": {
                    "store": storage.store.name,
                    "loop": event_loop.loop_name(),
                    **settings_module.changed(settings),
                }
            },
        )
        if greeted:
            log.info("%s", greeted)
        await until_stopped(storage.lost, hung_up, process.reload, before_exit=output.close)
        stopping = Stopping(drain=server.chat.drain, observer=counting_observer, now=time.monotonic)
        log.info("stopping", extra={"fields": stopping.begun(server.chat.pool)})
    log.info("stopped", extra={"fields": stopping.done()})
    return 1 if storage.lost.is_set() else 0
