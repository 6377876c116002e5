"""Redis keys and channels that processes share, and their schema; cache/keys_and_ttls.py has those of the cache."""

from __future__ import annotations

# Part of every key. Raise it when the shape of any value changes, so that old and new processes do not share values.
SCHEMA = 1

# The generation of the cached values, without a TTL: see cache/redis_cache.py
GENERATION = f"chat:{SCHEMA}:generation"
SLOTS_TTL_S = 3600


def slots_key(user_id: str) -> str:
    """The connections of a user."""
    return f"chat:{SCHEMA}:seats:{user_id}"  # the word of older processes, which may still run


# The processes that have published a snapshot, by the time of the newest; the snapshots have keys of their own
SNAPSHOT_PROCESSES = f"chat:{SCHEMA}:tellers"
SNAPSHOT_PROCESSES_TTL_S = 7200


def snapshot_key(process_id: str) -> str:
    """The snapshot of a process, which expires after some seconds."""
    return f"chat:{SCHEMA}:teller:{process_id}"


def channel(database: int, topic: str) -> str:
    """The channel of a bus topic. It names the database, because channels of all databases of a Redis are the same."""
    return f"chat:{SCHEMA}:{database}:{topic}"
