"""Time limits, in seconds, and queue bounds of the connections to Redis."""

CONNECT_WITHIN_S = 1.0
FLUSH_WITHIN_S = 1.0  # for the commands that wait when a connection is closed
RETRY_MIN_S = 0.05
RETRY_MAX_S = 0.5
BATCH_MAX = 1_000  # commands in one write
WAITING_MAX = 20_000  # commands that wait for the next write
WAITING_MAX_BYTES = 32 * 1024 * 1024
LOOP_LATE_S = 0.05  # a timer of ours that fires later than this shows that our own loop was blocked, not Redis
PULSE_EVERY_S = 1.0
SILENT_MAX_S = 3.0  # a listening connection that receives nothing for this long counts as dead
# A pulse that takes longer than this shows that received messages are late, although some arrive
LATE_MAX_S = SILENT_MAX_S + PULSE_EVERY_S
