"""The address of Redis, and how a connection to it is made."""

from __future__ import annotations

from msgspec import Struct
from redis.asyncio import Connection
from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cluster.redis_connection import redis_bounds


class RedisOptions(Struct, frozen=True):
    """The address of Redis. `url` (redis:// or rediss://), if set, replaces all fields except `timeout_s` (seconds)."""

    host: str | None
    port: int
    password: str | None
    db: int
    url: str | None
    timeout_s: float

    def connection(self) -> AbstractConnection:
        """Return a connection that is not connected yet. Raises ValueError for an invalid URL."""
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
        """The number of the database; channels carry it, because all databases of a Redis share their channels."""
        return self.db if self.url is None else int(parse_url(self.url).get("db", 0))
