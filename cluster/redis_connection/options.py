"""Where Redis is, and how a connection to it is made."""

from __future__ import annotations

from msgspec import Struct
from redis.asyncio import Connection
from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cluster.redis_connection import redis_bounds


class RedisOptions(Struct, frozen=True):
    """Where Redis is. `url` (redis:// or rediss://) stands for all but the timeout, which is in seconds."""

    host: str | None
    port: int
    password: str | None
    db: int
    url: str | None
    timeout_s: float

    def connection(self) -> AbstractConnection:
        """A connection that is not connected yet. Raises ValueError for a URL that cannot be one."""
        if self.url is not None:
            try:
                where = dict(parse_url(self.url))
            except ValueError:
                raise ValueError(
                    "it is no redis://, rediss:// or unix:// URL; a password in it must be percent-encoded"
                ) from None
        else:
            where = {"host": self.host, "port": self.port, "password": self.password, "db": self.db}
        kind = where.pop("connection_class", Connection)
        retry = Retry(NoBackoff(), 0)
        connection: AbstractConnection = kind(  # type: ignore[operator]
            **where,
            protocol=2,
            retry=retry,
            socket_connect_timeout=redis_bounds.CONNECT_WITHIN_S,
            socket_timeout=None,
            health_check_interval=0,
        )
        return connection

    @property
    def database(self) -> int:
        """Its number: Redis's publishing does not tell databases apart, so channels carry it."""
        return self.db if self.url is None else int(parse_url(self.url).get("db", 0))
