"""The families of metrics: names, help and names of labels, in one table. Prometheus shows them with the prefix chat_.

Knows neither what counts them nor what shows them.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

Labels = tuple[str, ...]
Number = int | float  # not `float` alone: msgspec would decode every number as a float


class Family(Struct, frozen=True):
    """The help text, and the names of the labels."""

    help: str
    labels: tuple[str, ...] = ()


COUNTERS: Mapping[str, Family] = {
    "connections_opened_total": Family("WebSocket connections that were opened."),
    "connections_closed_total": Family(
        "WebSocket connections that ended, by close code; 1006 is without a Close.", ("code",)
    ),
    "messages_received_total": Family("Messages that were accepted and stored, by transport.", ("transport",)),
    "messages_duplicate_total": Family("Messages that an earlier send had stored.", ("transport",)),
    "messages_delivered_total": Family(
        "Messages that were handed to connections: one message to ten of them counts ten."
    ),
    "frames_dropped_total": Family(
        "Sends that were dropped: ephemeral events under pressure, or the outbox of a slow reader.", ("reason",)
    ),
    "websocket_received_bytes_total": Family("Bytes read from WebSocket connections."),
    "websocket_sent_bytes_total": Family("Bytes of WebSocket connections that the kernel took."),
    "upload_bytes_total": Family("Bytes of uploads that were received, those of refused ones included."),
    "commands_refused_total": Family("WebSocket commands that were answered with an error.", ("command", "code")),
    "limit_checks_total": Family("Checks of rate limits, by outcome.", ("operation", "outcome")),
    "shed_total": Family("Operations that were refused because the process was overloaded, by class.", ("class",)),
    "http_requests_total": Family(
        "HTTP requests that were answered, by the route table's pattern.", ("route", "method", "status")
    ),
    "store_failures_total": Family("Store operations that failed.", ("operation", "reason")),
    "store_slow_operations_total": Family("Store operations over ALERT_SLOW_QUERY_MS.", ("operation",)),
    "store_committed_operations_total": Family("Writes within the group commits."),
    "database_command_failures_total": Family("Commands to the database server that failed.", ("collection", "kind")),
    "database_checkout_failures_total": Family("Requests for a connection of the database's pool that failed."),
    "database_server_changes_total": Family("Changes of a database server's state.", ("state",)),
    "log_lines_dropped_total": Family("Lines of the log that were dropped because nobody read them in time."),
    "event_loop_blocks_total": Family("Times that the event loop was blocked for over a quarter of a second."),
    "cache_reads_total": Family("Reads of the cache.", ("kind", "outcome")),
    "cache_read_seconds_total": Family("Time that reads of the cache took.", ("kind",)),
    "process_cpu_seconds_total": Family("CPU time of the process, user and system."),
}
HISTOGRAMS: Mapping[str, Family] = {
    "handshake_seconds": Family("From the request for a WebSocket to its 101."),
    "command_seconds": Family("From a WebSocket command's arrival to its ack; sendMessage: send to ack.", ("command",)),
    "message_delivery_seconds": Family(
        "From the acceptance of a send, the first of its batch, to the hand-over to the last "
        "connection; one observation a delivery."
    ),
    "http_request_seconds": Family("HTTP requests.", ("route",)),
    "store_operation_seconds": Family("Store operations, with the wait for their turn.", ("operation",)),
    "store_commit_seconds": Family("Group commits."),
    "database_command_seconds": Family("Commands to the database server.", ("collection", "kind")),
    "database_checkout_seconds": Family("Waits for a connection of the database's pool."),
    "event_loop_lag_seconds": Family("How late the event loop came to a timer, forty times a second."),
    "gc_pause_seconds": Family("Passes of the garbage collector.", ("generation",)),
}
# Prometheus is shown only every nth bound of these histograms, because they have many label values or many bounds. The
# buckets are cumulative, so the values below a bound that is left out are in the next one.
THINNED = {
    "http_request_seconds": 3,
    "store_operation_seconds": 3,
    "database_command_seconds": 3,
    "event_loop_lag_seconds": 4,
}


class Gauge(Struct, frozen=True):
    """The name and help for Prometheus, and the factor that converts the value to base units."""

    name: str
    help: str
    scale: float = 1.0


GAUGES: Mapping[str, Gauge] = {
    "connections": Gauge("connections", "WebSocket connections now."),
    "connections_peak": Gauge("connections_peak", "The most WebSocket connections at once since the start."),
    "connections_max": Gauge("connections_limit", "WS_MAX_CONNECTIONS."),
    "rooms": Gauge("rooms_open", "Rooms with a connection here."),
    "outbox_bytes": Gauge("outbox_bytes", "Bytes that wait for connections that read slowly."),
    "outboxes": Gauge("outboxes", "Connections for which something waits."),
    "uploads": Gauge("uploads_under_way", "Uploads that are coming in, or being stored."),
    "store_queue": Gauge("store_queue_messages", "Messages that wait to be stored."),
    "store_queue_max": Gauge("store_queue_limit", "Messages that may wait to be stored."),
    "store_pending_writes": Gauge("store_pending_writes", "Writes that the store has accepted and not settled."),
    "store_pending_writes_max": Gauge("store_pending_writes_limit", "Writes that the store may have pending."),
    "database_pool_in_use": Gauge(
        "database_pool_in_use", "Connections to the database that are in use; SQLite: readers."
    ),
    "database_pool_waiting": Gauge("database_pool_waiting", "Operations that wait for one of them."),
    "database_pool_max": Gauge("database_pool_limit", "Connections to the database that there may be."),
    "disk_free_bytes": Gauge("disk_free_bytes", "What may still be written where DATA_DIR is."),
    "disk_size_bytes": Gauge("disk_size_bytes", "That, and all that is written there."),
    "forecast_connections_s": Gauge(
        "forecast_connections_seconds",
        "Until WS_MAX_CONNECTIONS at the present trend; +Inf: not in sight, or not known.",
    ),
    "forecast_memory_s": Gauge(
        "forecast_memory_seconds",
        "Until ALERT_MEMORY_THRESHOLD at the present trend; +Inf: not in sight, or not known.",
    ),
    "forecast_disk_s": Gauge(
        "forecast_disk_seconds", "Until the disk is full at the present trend; +Inf: not in sight, or not known."
    ),
    "forecast_store_queue_s": Gauge(
        "forecast_store_queue_seconds",
        "Until its queue is full at the present trend; +Inf: not in sight, or not known.",
    ),
    "shed_level": Gauge(
        "shed_level", "What is shed: 0 nothing, 1 typing and presence, 2 reads, 3 arrivals, 4 a share of messages."
    ),
    "message_share": Gauge("message_share_ratio", "The share of messages that is let in."),
    "bus_lost": Gauge("bus_lost", "1 while events of other processes may be missing."),
    "cpu_percent": Gauge("process_cpu_ratio", "CPU of the process in the last interval, 1 is one core.", 0.01),
    "machine_cpu_percent": Gauge("machine_cpu_ratio", "CPU of the machine in the last interval, 1 is all cores.", 0.01),
    "resident_memory_bytes": Gauge("process_resident_memory_bytes", "Resident memory."),
    "memory_limit_bytes": Gauge(
        "process_memory_limit_bytes", "The limit that applies: the cgroup's, or the machine's memory."
    ),
    "memory_percent": Gauge("process_memory_used_ratio", "Resident memory as a share of that limit.", 0.01),
    "open_fds": Gauge("process_open_fds", "Open descriptors."),
    "max_fds": Gauge("process_max_fds", "Descriptors that may be open."),
    "threads": Gauge("process_threads", "Threads."),
    "heap_blocks": Gauge("python_allocated_blocks", "Blocks that Python's allocator has given out."),
    "heap_young": Gauge("python_young_objects", "Tracked objects that no pass of the garbage collector has seen yet."),
}
