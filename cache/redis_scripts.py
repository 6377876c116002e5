"""The Lua scripts of the cache in Redis, in one table."""

from __future__ import annotations

from pathlib import Path

from cluster.redis_connection import Script

_LUA = Path(__file__).parent / "lua"

# A connection loads them before its first command: they are called by their digests.
SCRIPTS = READ_VALUE, FILL_VALUE, RAISE_FENCE, LOWER_FENCE = tuple(
    Script(_LUA / f"{name}.lua") for name in ("read_value", "fill_value", "raise_fence", "lower_fence")
)
