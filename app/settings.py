"""All settings: one table of variables with flag, unit, default and range; parsed once into frozen, typed groups.

It is the longest module of the product on purpose: a setting is one row of the table and one field of a group, and
`_check_table` compares the two when the module is imported. It knows nothing of what the settings do. A value that does
not parse raises SettingsError with one line: the variable, the value, and what the variable takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar

from msgspec import Struct

from app import secret_files
from cluster import redis_url
from common.hosts_and_urls import parse_host, require_hosts, split_url
from common.number_parsing import decimal_number, whole_number
from handlers import origin_check
from images.signatures import KNOWN_TYPES
from limits.ip_addresses import Network, parse_network
from limits.limit_policy import Policy, parse_policy
from limits.whitelist import USERNAME


class SettingsError(ValueError):
    """A wrong value or flag: a message of one line, after which the process exits with 2."""


class _Group(Struct, frozen=True):
    """A group of settings. Its repr, which may reach a log, leaves out the values of secrets."""

    secrets: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        shown = (name for name in self.__struct_fields__ if name not in self.secrets)
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


class ServerSettings(_Group, frozen=True):
    host: str
    port: int
    data_dir: Path
    cors_origins: tuple[str, ...]
    trusted_proxies: tuple[Network, ...]


class MongoSettings(_Group, frozen=True):
    secrets = frozenset({"uri"})

    uri: str | None
    db_name: str
    max_pool_size: int
    min_pool_size: int
    max_idle_time_ms: int
    socket_timeout_ms: int
    wait_queue_timeout_ms: int
    server_selection_timeout_ms: int
    write_concern: str


class StoreSettings(_Group, frozen=True):
    timeout_ms: int
    group_commit: bool


class RedisSettings(_Group, frozen=True):
    secrets = frozenset({"password", "url"})

    host: str | None
    port: int
    password: str | None
    db: int
    url: str | None
    timeout_ms: int

    @property
    def configured(self) -> bool:
        return self.host is not None or self.url is not None


class CacheSettings(_Group, frozen=True):
    enabled: bool
    ttl_messages_s: int
    ttl_users_s: int
    ttl_stats_s: int


class LimitSettings(_Group, frozen=True):
    enabled: bool
    algorithm: str
    adaptive: bool
    whitelist: tuple[str, ...]
    whitelist_file: Path | None
    fail_closed: bool
    frames: Policy | None
    policies: Mapping[str, Policy | None]


class WebSocketSettings(_Group, frozen=True):
    max_connections: int
    max_connections_per_user: int
    ping_interval_s: float
    ping_timeout_s: float
    cleanup_interval_s: float
    max_message_bytes: int
    outbox_max_bytes: int
    outbox_total_bytes: int
    compression: bool
    coalesce: bool


class MonitorSettings(_Group, frozen=True):
    secrets = frozenset({"alert_webhook_url", "otlp_endpoint"})

    enabled: bool
    interval_s: float
    retention_days: int
    alert_cpu_percent: float
    alert_memory_percent: float
    alert_connections: int
    alert_slow_query_ms: int
    alert_cache_miss_percent: float
    alert_pool_percent: float
    alert_webhook_url: str | None
    metrics_allow: tuple[Network, ...]
    metrics_hosts: tuple[str, ...]
    admin_users: tuple[str, ...]
    otlp_endpoint: str | None


class AuthSettings(_Group, frozen=True):
    secrets = frozenset({"jwt_secret", "jwt_secret_previous"})

    jwt_secret: str | None
    jwt_secret_previous: str | None
    jwt_expires_in_s: int
    jwt_refresh_expires_in_s: int
    jwt_session_max_s: int
    registration: str


class FileSettings(_Group, frozen=True):
    max_file_size_bytes: int
    quota_per_user_bytes: int
    allowed_file_types: tuple[str, ...]


class LogSettings(_Group, frozen=True):
    format: str
    level: str


class Settings(Struct, frozen=True):
    """All groups of settings."""

    server: ServerSettings
    mongo: MongoSettings
    store: StoreSettings
    redis: RedisSettings
    cache: CacheSettings
    limits: LimitSettings
    ws: WebSocketSettings
    monitor: MonitorSettings
    auth: AuthSettings
    files: FileSettings
    log: LogSettings
    secret_files: Mapping[str, Path]  # by the variable that named it, like JWT_SECRET_FILE

    def source_of(self, name: str) -> str:
        """The variable that gave a value: its own, or the one that names its file."""
        return f"{name}_FILE" if f"{name}_FILE" in self.secret_files else name


# ---- kinds of values ---------------------------------------------------------------------------------------------


class ValueKind(Struct, frozen=True):
    """A kind of value: `parse` returns the value that a text stands for, or raises ValueError.

    `takes` completes the sentence "it takes …" of help and refusals.
    """

    takes: str
    parse: Callable[[str], object]


def _between(number: Callable[[str], float], least: float, most: float, what: str) -> ValueKind:
    def parse(text: str) -> float:
        value = number(text)
        if not least <= value <= most:
            raise ValueError(text)
        return value

    return ValueKind(f"{what} from {least} to {most}" if most < 1e15 else f"{what} of at least {least}", parse)


def whole(least: int, most: int = 2**53) -> ValueKind:
    """Whole numbers of a range; both bounds are included."""
    return _between(whole_number, least, most, "a whole number")


def number(least: float, most: float = 1e15) -> ValueKind:
    """Decimal numbers of a range; both bounds are included."""
    return _between(decimal_number, least, most, "a number")


def _parse_boolean(text: str) -> bool:
    return {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}[
        text.strip().lower()
    ]


def one_of(*words: str) -> ValueKind:
    """One of some words, in any case."""

    def parse(text: str) -> str:
        if text.strip().lower() not in words:
            raise ValueError(text)
        return text.strip().lower()

    return ValueKind("one of " + ", ".join(words), parse)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _parse_secret(text: str) -> str:
    if len(text.encode()) < 32:
        raise ValueError
    return text


def _parse_origins(text: str) -> tuple[str, ...]:
    return tuple(
        part if part == origin_check.ANY else str(origin_check.parse_origin(part.removesuffix("/")))
        for part in _parts(text)
    )


def _parse_hosts(text: str) -> tuple[str, ...]:
    return tuple(origin_check.parse_host(part).name for part in _parts(text))


def _parse_types(text: str) -> tuple[str, ...]:
    types = tuple(part.lower() for part in _parts(text))
    if not types or not KNOWN_TYPES.issuperset(types):  # of another, no upload would ever be
        raise ValueError(text)
    return types


def _parse_concern(text: str) -> str:
    text = text.strip()
    if text != "majority" and not 1 <= whole_number(text) <= 50:
        raise ValueError(text)
    return text


def url_kind(*schemes: str) -> ValueKind:
    """URLs with one of some schemes."""

    def parse(text: str) -> str:
        split_url(text, *schemes)
        return text.strip()

    return ValueKind("a URL beginning with " + " or ".join(f"{scheme}://" for scheme in schemes), parse)


def _parse_mongo_uri(text: str) -> str:
    """Checks scheme and hosts; the driver checks the options (app/composition/storage.py)."""
    text = text.strip()
    scheme, _, rest = text.partition("://")
    if scheme not in {"mongodb", "mongodb+srv"} or not text.isprintable() or " " in text:
        raise ValueError
    require_hosts(rest.partition("?")[0].partition("/")[0].rpartition("@")[2])
    return text


def _parse_redis_url(text: str) -> str:
    split_url(text, "redis", "rediss")
    redis_url.require_form(text.strip())
    return text.strip()


def _parse_database(text: str) -> str:
    """MongoDB's rules for the name of a database."""
    text = _parse_text(text)
    if len(text.encode()) > 63 or set(text) & set('/\\. "$*<>:|?'):
        raise ValueError(text)
    return text


def _parse_password(text: str) -> str:
    if not text.isprintable():
        raise ValueError
    return text


def _parse_names(text: str) -> tuple[str, ...]:
    names = _parts(text)
    if not all(map(USERNAME.fullmatch, names)):
        raise ValueError(text)
    return names


def _parse_text(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError(text)
    return text.strip()


BOOLEAN = ValueKind("true or false", _parse_boolean)
TEXT = ValueKind("a text", _parse_text)
PATH = ValueKind("a path", lambda text: Path(_parse_text(text)))
HOST = ValueKind("an address, or a host name", parse_host)
NAMES = ValueKind("user names, separated by commas", _parse_names)
LIST = ValueKind("names or CIDRs, separated by commas", _parts)
WEB_URL = url_kind("http", "https")
MONGO_URI = ValueKind("a URI beginning with mongodb:// or mongodb+srv://", _parse_mongo_uri)
REDIS_URL = ValueKind(redis_url.TAKES, _parse_redis_url)
DATABASE = ValueKind('a name of at most 63 bytes without blanks and any of /\\."$*<>:|?', _parse_database)
PASSWORD = ValueKind("a text of one line", _parse_password)
NETWORKS = ValueKind(
    "addresses or CIDRs, separated by commas", lambda text: tuple(parse_network(part) for part in _parts(text))
)
ORIGINS = ValueKind("origins like https://chat.example.com, separated by commas, or * for any", _parse_origins)
HOSTS = ValueKind("host names, separated by commas", _parse_hosts)
TYPES = ValueKind(f"some of {', '.join(sorted(KNOWN_TYPES))}, separated by commas", _parse_types)
SECRET = ValueKind("at least 32 bytes", _parse_secret)
CONCERN = ValueKind("majority, or a number of servers from 1 to 50", _parse_concern)
POLICY = ValueKind("count/seconds, like 100/60, or off", parse_policy)
PORT = whole(1, 65_535)
BYTES = whole(1)
MILLISECONDS = whole(1, 3_600_000)
SECONDS = whole(0, 315_360_000)
PERCENT = number(0, 100)


class Ways(Struct, frozen=True):
    """How a value may be given, besides by its variable: by a flag, and in a file that <NAME>_FILE names."""

    by_flag: bool
    by_file: bool


FLAG = Ways(by_flag=True, by_file=False)
FLAG_OR_FILE = Ways(by_flag=True, by_file=True)
FILE = Ways(by_flag=False, by_file=True)  # flags are seen in the list of processes


class Variable(Struct, frozen=True):
    """One row of the table. `place` is the group and the field; `default` is a text, and None is unset."""

    name: str
    place: str
    kind: ValueKind
    unit: str
    default: str | None
    about: str
    secret: bool = False
    ways: Ways = FLAG

    @property
    def flag(self) -> str:
        return "--" + self.name.lower().replace("_", "-")

    @property
    def variables(self) -> tuple[str, ...]:
        """The names in the environment that set it."""
        return (self.name, self.file_variable) if self.ways.by_file else (self.name,)

    @property
    def file_variable(self) -> str:
        return f"{self.name}_FILE"


def _limit(operation: str, default: str, about: str) -> Variable:
    return Variable(f"RATE_LIMIT_{operation}", f"policies.{operation.lower()}", POLICY, "count/s", default, about)


TABLE: tuple[Variable, ...] = (
    Variable("HOST", "server.host", HOST, "", "127.0.0.1", "address to listen on; :: is every one"),
    Variable("PORT", "server.port", PORT, "", "8000", "port to listen on"),
    Variable("DATA_DIR", "server.data_dir", PATH, "", "./data", "SQLite file, uploads, generated secret"),
    Variable("CORS_ORIGINS", "server.cors_origins", ORIGINS, "", "", "origins that may call, besides our own"),
    Variable(
        "TRUSTED_PROXIES", "server.trusted_proxies", NETWORKS, "", "127.0.0.1,::1", "whose X-Forwarded-* is believed"
    ),
    Variable("MONGO_URI", "mongo.uri", MONGO_URI, "", None, "store in MongoDB; unset: SQLite", True, FLAG_OR_FILE),
    Variable("MONGO_DB_NAME", "mongo.db_name", DATABASE, "", "chat-rooms", "database"),
    Variable("MONGO_MAX_POOL_SIZE", "mongo.max_pool_size", whole(1, 10_000), "", "10", "connections at most"),
    Variable("MONGO_MIN_POOL_SIZE", "mongo.min_pool_size", whole(0, 10_000), "", "5", "connections kept"),
    Variable("MONGO_MAX_IDLE_TIME", "mongo.max_idle_time_ms", MILLISECONDS, "ms", "30000", "idle connections live"),
    Variable("MONGO_SOCKET_TIMEOUT", "mongo.socket_timeout_ms", MILLISECONDS, "ms", "45000", "one answer may take"),
    Variable(
        "MONGO_WAIT_QUEUE_TIMEOUT", "mongo.wait_queue_timeout_ms", MILLISECONDS, "ms", "5000", "wait for a connection"
    ),
    Variable(
        "MONGO_SERVER_SELECTION_TIMEOUT",
        "mongo.server_selection_timeout_ms",
        MILLISECONDS,
        "ms",
        "5000",
        "wait for a server",
    ),
    Variable("MONGO_WRITE_CONCERN", "mongo.write_concern", CONCERN, "", "majority", "who must have a write"),
    Variable("STORE_TIMEOUT", "store.timeout_ms", MILLISECONDS, "ms", "5000", "deadline of one store operation"),
    Variable("STORE_GROUP_COMMIT", "store.group_commit", BOOLEAN, "", "true", "many writes to a commit"),
    Variable("REDIS_HOST", "redis.host", HOST, "", None, "use Redis there; unset: one process, in memory"),
    Variable("REDIS_PORT", "redis.port", PORT, "", "6379", "its port"),
    Variable("REDIS_PASSWORD", "redis.password", PASSWORD, "", None, "its password", True, FILE),
    Variable("REDIS_DB", "redis.db", whole(0, 1_000_000), "", "0", "its database"),
    Variable("REDIS_URL", "redis.url", REDIS_URL, "", None, "instead of the four above", True, FLAG_OR_FILE),
    Variable("REDIS_TIMEOUT", "redis.timeout_ms", MILLISECONDS, "ms", "250", "longest wait for it"),
    Variable("CACHE_ENABLED", "cache.enabled", BOOLEAN, "", "true", "cache what handlers read"),
    Variable("CACHE_TTL_MESSAGES", "cache.ttl_messages_s", SECONDS, "s", "1800", "pages of messages; 0 keeps none"),
    Variable("CACHE_TTL_USERS", "cache.ttl_users_s", SECONDS, "s", "300", "users, rooms, members; 0 keeps none"),
    Variable("CACHE_TTL_STATS", "cache.ttl_stats_s", SECONDS, "s", "600", "totals; 0 keeps none"),
    Variable("RATE_LIMIT_ENABLED", "limits.enabled", BOOLEAN, "", "true", "all limits below"),
    Variable(
        "RATE_LIMIT_ALGORITHM",
        "limits.algorithm",
        one_of("token_bucket", "sliding_window"),
        "",
        "token_bucket",
        "how it counts",
    ),
    Variable("RATE_LIMIT_ADAPTIVE", "limits.adaptive", BOOLEAN, "", "true", "shed load when the process suffers"),
    Variable("RATE_LIMIT_WHITELIST", "limits.whitelist", LIST, "", "", "user names or CIDRs without limits"),
    Variable(
        "RATE_LIMIT_WHITELIST_FILE", "limits.whitelist_file", PATH, "", None, "the same, one a line; re-read on SIGHUP"
    ),
    Variable("RATE_LIMIT_FAIL_CLOSED", "limits.fail_closed", BOOLEAN, "", "false", "refuse while Redis is gone"),
    _limit("MESSAGES", "100/60", "messages of one user"),
    _limit("API", "1000/3600", "REST requests of one user"),
    _limit("AUTH", "10/300", "logins of one account, and register, login, password of one address"),
    _limit("JOINS", "60/60", "new memberships of one user"),
    _limit("RESUMES", "600/60", "joinRoom of rooms that one user is in"),
    _limit("ROOMS", "20/3600", "rooms made by one user"),
    _limit("REACTIONS", "100/60", "reactions of one user"),
    _limit("TYPING", "60/60", "all other commands of one user"),
    _limit("SEARCH", "60/60", "searches of one user"),
    _limit("UPLOADS", "30/3600", "files of one user"),
    _limit("UPLOAD_BYTES", "104857600/3600", "bytes of one user's files"),
    _limit("FILES", "3000/600", "GET /files of one user, which API does not count"),
    _limit("CONNECTS", "600/60", "WebSocket connects of one address"),
    _limit("ANONYMOUS", "300/60", "requests without a token of one address"),
    Variable(
        "RATE_LIMIT_FRAMES",
        "limits.frames",
        POLICY,
        "count/s",
        "6000/60",
        "frames of one connection; a tenth before its login",
    ),
    Variable(
        "WS_MAX_CONNECTIONS", "ws.max_connections", whole(1, 1_000_000), "", "10000", "connections of this process"
    ),
    Variable("WS_MAX_CONNECTIONS_PER_USER", "ws.max_connections_per_user", whole(1, 1_000_000), "", "5", "of one user"),
    Variable("WS_PING_INTERVAL", "ws.ping_interval_s", number(0.1, 3600), "s", "25", "silence before a ping"),
    Variable("WS_PING_TIMEOUT", "ws.ping_timeout_s", number(0.1, 3600), "s", "20", "wait for the pong"),
    Variable("WS_CLEANUP_INTERVAL", "ws.cleanup_interval_s", number(0.1, 86_400), "s", "300", "between clean-ups"),
    Variable(
        "WS_MAX_MESSAGE_BYTES", "ws.max_message_bytes", whole(1024, 2**30), "bytes", "65536", "largest frame taken"
    ),
    Variable(
        "WS_OUTBOX_MAX_BYTES", "ws.outbox_max_bytes", whole(1024, 2**40), "bytes", "1048576", "unsent to one connection"
    ),
    Variable(
        "WS_OUTBOX_TOTAL_BYTES", "ws.outbox_total_bytes", whole(1024, 2**40), "bytes", "268435456", "unsent to all"
    ),
    Variable("WS_COMPRESSION", "ws.compression", BOOLEAN, "", "false", "permessage-deflate"),
    Variable("WS_COALESCE", "ws.coalesce", BOOLEAN, "", "true", "join what one loop turn brought into one send"),
    Variable("ENABLE_PERFORMANCE_MONITORING", "monitor.enabled", BOOLEAN, "", "true", "measure"),
    Variable("MONITOR_INTERVAL", "monitor.interval_s", number(0.1, 3600), "s", "5", "between samples"),
    Variable(
        "MONITOR_RETENTION_DAYS",
        "monitor.retention_days",
        whole(0, 3650),
        "days",
        "0",
        "history kept; 0: in memory only",
    ),
    Variable("ALERT_CPU_THRESHOLD", "monitor.alert_cpu_percent", number(0, 100_000), "%", "80", "of one core"),
    Variable("ALERT_MEMORY_THRESHOLD", "monitor.alert_memory_percent", PERCENT, "%", "85", "of the limit that applies"),
    Variable("ALERT_CONNECTIONS_THRESHOLD", "monitor.alert_connections", whole(0), "", "5000", "connections"),
    Variable("ALERT_SLOW_QUERY_MS", "monitor.alert_slow_query_ms", whole(0), "ms", "1000", "one store operation"),
    Variable("ALERT_CACHE_MISS_THRESHOLD", "monitor.alert_cache_miss_percent", PERCENT, "%", "20", "misses"),
    Variable("ALERT_POOL_THRESHOLD", "monitor.alert_pool_percent", PERCENT, "%", "90", "places taken"),
    Variable(
        "ALERT_WEBHOOK_URL",
        "monitor.alert_webhook_url",
        WEB_URL,
        "",
        None,
        "alerts are posted there",
        True,
        FLAG_OR_FILE,
    ),
    Variable("METRICS_ALLOW", "monitor.metrics_allow", NETWORKS, "", "127.0.0.0/8,::1", "who may read metrics"),
    Variable(
        "METRICS_HOSTS",
        "monitor.metrics_hosts",
        HOSTS,
        "",
        "",
        "by which Host they may, besides addresses and localhost",
    ),
    Variable("ADMIN_USERS", "monitor.admin_users", NAMES, "", "", "user names that may, too, and moderate everywhere"),
    Variable("OTEL_EXPORTER_OTLP_ENDPOINT", "monitor.otlp_endpoint", WEB_URL, "", None, "traces are sent there", True),
    Variable(
        "JWT_SECRET", "auth.jwt_secret", SECRET, "", None, "signs tokens; unset: made and kept in DATA_DIR", True, FILE
    ),
    Variable("JWT_SECRET_PREVIOUS", "auth.jwt_secret_previous", SECRET, "", None, "still verifies tokens", True, FILE),
    Variable("JWT_EXPIRES_IN", "auth.jwt_expires_in_s", whole(1, 31_536_000), "s", "900", "access tokens live"),
    Variable(
        "JWT_REFRESH_EXPIRES_IN",
        "auth.jwt_refresh_expires_in_s",
        whole(1, 315_360_000),
        "s",
        "604800",
        "refresh tokens live",
    ),
    Variable(
        "JWT_SESSION_MAX",
        "auth.jwt_session_max_s",
        whole(1, 315_360_000),
        "s",
        "7776000",
        "a login lasts, whatever is refreshed",
    ),
    Variable(
        "REGISTRATION",
        "auth.registration",
        one_of("open", "closed"),
        "",
        "open",
        "closed: accounts are made by an operator",
    ),
    Variable("MAX_FILE_SIZE", "files.max_file_size_bytes", BYTES, "bytes", "5242880", "one upload"),
    Variable(
        "FILE_QUOTA_PER_USER",
        "files.quota_per_user_bytes",
        whole(0),
        "bytes",
        "1073741824",
        "all files of one user; 0: as much as they like",
    ),
    Variable(
        "ALLOWED_FILE_TYPES",
        "files.allowed_file_types",
        TYPES,
        "",
        "image/jpeg,image/png,image/gif,image/webp,application/pdf,text/plain",
        "types of uploads, by content",
    ),
    Variable("LOG_FORMAT", "log.format", one_of("text", "json"), "", "text", "one line an event, or one object"),
    Variable(
        "LOG_LEVEL",
        "log.level",
        one_of("debug", "info", "warning", "error", "critical"),
        "",
        "info",
        "least severe line",
    ),
)

_GROUPS: Mapping[str, type[_Group]] = {
    "server": ServerSettings,
    "mongo": MongoSettings,
    "store": StoreSettings,
    "redis": RedisSettings,
    "cache": CacheSettings,
    "limits": LimitSettings,
    "ws": WebSocketSettings,
    "monitor": MonitorSettings,
    "auth": AuthSettings,
    "files": FileSettings,
    "log": LogSettings,
}


def load(flags: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    """Parse the values of flags, by the name of their variable, and of the environment.

    A flag wins over its variable, and an empty variable counts as unset. Raises SettingsError.
    """
    _refuse_misspelt(environ)
    by_variable = {name: value for name, value in environ.items() if value != ""}
    given = {**by_variable, **flags}
    files = _secret_files(given, by_variable)
    groups: dict[str, dict[str, object]] = {group: {} for group in (*_GROUPS, "policies")}
    for variable in TABLE:
        group, name = variable.place.split(".")
        groups[group][name] = _value(variable, given.get(variable.name), files.get(variable.file_variable))
    groups["limits"]["policies"] = groups.pop("policies")
    # Any: the table fits the fields of the groups, which `_check_table` asserts
    made: dict[str, Any] = {group: _GROUPS[group](**values) for group, values in groups.items()}
    settings = Settings(**made, secret_files=files)
    _check_together(settings)
    return settings


def _value(variable: Variable, text: str | None, file: Path | None) -> object:
    """The value that the text, the file's content or the default stands for."""
    source = variable.name
    if file is not None:
        source = variable.file_variable
        try:
            text = secret_files.read(file)
        except ValueError as error:
            raise SettingsError(
                f"{source}: {str(file)!r} is not valid ({error}); it takes {secret_files.TAKES}"
            ) from error
    if text is None:
        text = variable.default
    if text is None:
        return None
    try:
        return variable.kind.parse(text)
    except (ValueError, KeyError, OverflowError) as error:
        shown = f"what is in {str(file)!r}" if file is not None else "***" if variable.secret else repr(text)
        raise SettingsError(f"{source}: {shown} is not valid; it takes {variable.kind.takes}") from error


def _secret_files(given: Mapping[str, str], by_variable: Mapping[str, str]) -> dict[str, Path]:
    """The files that variables name, by variable. Raises SettingsError where the value itself is also given."""
    files = {}
    for variable in (variable for variable in TABLE if variable.ways.by_file):
        path = by_variable.get(variable.file_variable)
        if path is None:
            continue
        if variable.name in given:
            raise SettingsError(
                f"{variable.file_variable}: is not valid beside {variable.name}; it takes one of the two"
            )
        files[variable.file_variable] = Path(path)
    return files


def _refuse_misspelt(environ: Mapping[str, str]) -> None:
    """Raises SettingsError for a misspelt RATE_LIMIT_…: without this the limit would silently keep its default."""
    known = {variable.name for variable in TABLE}
    for name in sorted(environ):
        if name.startswith("RATE_LIMIT_") and name not in known:
            near = next((f"did you mean {one}?" for one in get_close_matches(name, known, 1)), "--help lists them")
            raise SettingsError(f"{name}: no such limit; {near}")


def _check_together(settings: Settings) -> None:
    """Raises SettingsError for settings that contradict each other."""
    mongo, redis = settings.mongo, settings.redis
    if mongo.min_pool_size > mongo.max_pool_size:
        raise SettingsError(
            f"MONGO_MIN_POOL_SIZE: {mongo.min_pool_size} is not valid; it takes at most MONGO_MAX_POOL_SIZE"
        )
    if mongo.uri is not None and settings.auth.jwt_secret is None:
        raise SettingsError(
            "JWT_SECRET: unset is not valid with MONGO_URI; it takes at least 32 bytes "
            "(`openssl rand -hex 32 > FILE` makes some; JWT_SECRET_FILE names the file)"
        )
    if redis.host is not None and redis.url is not None:
        raise SettingsError("REDIS_URL: is not valid beside REDIS_HOST; it takes one of the two")


def redacted(settings: Settings) -> dict[str, str]:
    """The settings in force by variable, as texts for the log; a secret is ***."""
    shown = {}
    for variable in TABLE:
        group, name = variable.place.split(".")
        value = settings.limits.policies[name] if group == "policies" else getattr(getattr(settings, group), name)
        if variable.secret and value is not None:
            value = "***"
        elif isinstance(value, Policy):
            value = f"{value.count}/{value.period_s}"
        elif isinstance(value, tuple):
            value = ",".join(map(str, value))
        shown[variable.name] = str(value)
    return shown


def changed(settings: Settings) -> dict[str, str]:
    """The part of `redacted` that differs from the defaults, and always HOST, PORT and DATA_DIR."""
    defaults = redacted(load({}, {}))
    always = {"HOST", "PORT", "DATA_DIR"}
    return {name: text for name, text in redacted(settings).items() if name in always or text != defaults[name]}


def _check_table() -> None:
    """Assert that each field has its row, and that groups and table name the same secrets."""
    places = {variable.place for variable in TABLE}
    secrets = {variable.place for variable in TABLE if variable.secret}
    assert secrets == {f"{group}.{name}" for group, type_ in _GROUPS.items() for name in type_.secrets}
    for group, type_ in _GROUPS.items():
        for name in type_.__struct_fields__:
            assert name == "policies" or f"{group}.{name}" in places, (group, name)


_check_table()
