"""The names in Redis of what processes share besides cached values (cache/keys.py) and limits; and their schema."""

from __future__ import annotations

# Part of every key: raise it when the shape of any value changes, so that old and new processes do not share values.
SCHEMA = 1

# Beside the values: the generation that they are of, without a TTL (see cache/redis_cache.py), and the slots of a user,
# which are the connections that they have.
GENERATION = f"chat:{SCHEMA}:generation"
SLOTS_TTL_S = 3600


def slots_key(user_id: str) -> str:
    return f"chat:{SCHEMA}:seats:{user_id}"  # the word of older processes, which may still run


# Who told the others its numbers lately; what each told is beside it, for a few seconds.
TELLERS = f"chat:{SCHEMA}:tellers"
TELLERS_TTL_S = 7200


def teller(process_id: str) -> str:
    return f"chat:{SCHEMA}:teller:{process_id}"


def channel(database: int, topic: str) -> str:
    """Where a topic of the bus is published: Redis does not tell databases apart there."""
    return f"chat:{SCHEMA}:{database}:{topic}"
