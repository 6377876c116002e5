"""The one package that imports the Redis driver: a client for commands, a listener for published messages.

Both reconnect by themselves, because redis-py may come back from a lost connection without its subscriptions, or hang
half-open. Knows no key, no value and no event of the product.
"""

from cluster.redis_connection.client import RedisClient, Script
from cluster.redis_connection.errors import RedisGone, RedisRefused
from cluster.redis_connection.listener import RedisListener
from cluster.redis_connection.options import RedisOptions
from cluster.redis_connection.probe import probe_redis

__all__ = ["RedisClient", "RedisGone", "RedisListener", "RedisOptions", "RedisRefused", "Script", "probe_redis"]
