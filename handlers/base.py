"""What all HTTP handlers share, each in one place: reading the body, who asks, limits, CORS, JSON, and errors → status."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeVar

from tornado.web import HTTPError, RequestHandler, stream_request_body

from handlers.chat.accounts import Accounts, Identity
from handlers.chat.errors import KINDS, ChatError, RateLimited, as_refusal, limit_refusal, overloaded
from handlers.chat.protocol import Input, Shape, encode, error_body
from handlers.client import client_address, origin_allowed
from limits.adaptive import ShedClass
from limits.addresses import Network, fold_address, is_within
from limits.contract import Check, Decision, Limiter
from limits.shedding import NoShedding, Shedding
from limits.whitelist import Whitelist
from monitor.hooks import Observer
from monitor.spans import Spans

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 65_536
CODE_OF_STATUS = {
    400: "malformed",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    415: "unsupported_type",
}

T = TypeVar("T", bound=Input)


@dataclass(frozen=True, slots=True)
class Operators:
    """Who may read metrics and health details: those at these addresses, and these users (names as case-folded)."""

    networks: Sequence[Network]
    usernames: Collection[str]


@dataclass(frozen=True, slots=True)
class Web:
    """What every handler needs of its surroundings."""

    accounts: Accounts
    limiter: Limiter
    whitelist: Whitelist
    shedding: Shedding | NoShedding
    trusted_proxies: Sequence[Network]
    cors_origins: Sequence[str]
    operators: Operators
    observer: Observer
    spans: Spans


@stream_request_body
class Handler(RequestHandler):
    """A handler of the JSON interface.

    Subclasses set `is_public` where no token is needed, `is_for_operators` where only Web.operators may ask, and raise what
    `errors.as_refusal` knows; `self.identity` is who asks. `sheds` says as what a method is shed; methods in `counts_itself` count
    `self.common_check` together with limits of their own.
    """

    is_public: ClassVar[bool] = False
    is_for_operators: ClassVar[bool] = False
    is_limited: ClassVar[bool] = True
    sheds: ClassVar[Mapping[str, ShedClass]] = {}
    counts_itself: ClassVar[Collection[str]] = ()
    max_body_bytes: ClassVar[int] = MAX_BODY_BYTES

    identity: Identity
    common_check: Check

    def initialize(self, *, web: Web, route: str, **services: Any) -> None:
        self.web = web
        self.route = route  # the pattern in the route table, for people
        self.request_id = secrets.token_hex(8)
        self.began_at = time.monotonic()  # Tornado's own is of the wall clock
        self.end_span: Callable[[int], None] | None = None
        self._body = bytearray()
        self._decision: Decision | None = None
        for name, service in services.items():
            setattr(self, name, service)

    def set_default_headers(self) -> None:
        self.set_header("Server", "chat-rooms")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")

    # ---- before the method ---------------------------------------------------------------------------------------

    def begin_span(self) -> None:
        """What follows in this task lies within the request's span; the access log's line ends it."""
        method = self.request.method or ""
        self.end_span = self.web.spans.request(method if method in self.SUPPORTED_METHODS else "other", self.route)

    async def prepare(self) -> None:
        self.begin_span()
        self._head()
        if self.request.method == "OPTIONS":
            return
        length = self.request.headers.get("Content-Length", "")
        if length.isdigit() and int(length) > self.max_body_bytes:
            raise ChatError("payload_too_large")
        if self.request.method not in self.SUPPORTED_METHODS or not self._has_method():
            raise ChatError("method_not_allowed")
        await self._admit()

    def _has_method(self) -> bool:
        method = (self.request.method or "").lower()
        return getattr(type(self), method, None) is not getattr(RequestHandler, method, None)

    async def _admit(self) -> None:
        """Find out who asks, and count it."""
        method = self.request.method or ""
        self.shed(self.sheds.get(method))
        if self.is_for_operators and is_within(self.client, self.web.operators.networks):
            return
        self.common_check = Check("anonymous", fold_address(self.client))
        if self.is_public:
            if self.is_limited and method not in self.counts_itself:
                await self.count(self.common_check)
            return
        try:
            self.identity = await self.web.accounts.identify(self._bearer())
        except ChatError as error:
            await self.count(self.common_check)
            raise (ChatError("forbidden") if self.is_for_operators else error) from error
        self.common_check = Check("api", self.identity.user.id)
        if method not in self.counts_itself:
            await self.count(self.common_check)
        if self.is_for_operators and self.identity.user.username.casefold() not in self.web.operators.usernames:
            raise ChatError("forbidden")

    def _bearer(self) -> str:
        kind, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise ChatError("unauthorized")
        return token.strip()

    def shed(self, kind: ShedClass | None) -> None:
        """Raises ChatError unavailable while what is of this class is shed."""
        if kind is not None and not self.web.shedding.admits(kind):
            raise overloaded()

    @property
    def is_exempt(self) -> bool:
        """Whether the whitelist has who asks. Before they are known that is by their address alone: a name is not yet theirs."""
        identity: Identity | None = getattr(self, "identity", None)
        return self.web.whitelist.covers(identity.user.username if identity is not None else None, self.client)

    async def count(self, *checks: Check) -> None:
        """Count this request against limits, all or none. Raises ChatError rate_limited, unavailable."""
        decision = await self.web.limiter.check(checks, exempt=self.is_exempt)
        if not decision.allowed:
            raise limit_refusal(decision)
        self.told(decision)

    def told(self, decision: Decision) -> None:
        """Let the reply's headers speak of this decision, if it is nearer to a refusal than the one before."""
        if decision.limit is None:
            return
        before = self._decision
        if before is None or not decision.allowed or _room_left(decision) <= _room_left(before):
            self._decision = decision

    @cached_property
    def client(self) -> str:
        """The client's address."""
        peer = self.request.remote_ip or ""
        return client_address(peer, self.request.headers.get_list("X-Forwarded-For"), self.web.trusted_proxies)

    def data_received(self, chunk: bytes) -> None:
        self._body += chunk
        if len(self._body) > self.max_body_bytes and not self._finished:
            self._body.clear()
            too_large = ChatError("payload_too_large")
            self.send_error(too_large.kind.status, exc_info=(ChatError, too_large, None))

    # ---- what methods use ----------------------------------------------------------------------------------------

    def body(self, shape: Shape[T]) -> T:
        """The request's body. Raises ChatError malformed, validation_failed."""
        return shape.decode(bytes(self._body))

    async def countable_body(self, shape: Shape[T]) -> T:
        """The body, of a method that counts itself: one that is not valid costs what any request does."""
        try:
            return self.body(shape)
        except ChatError:
            await self.count(self.common_check)
            raise

    def query(self, shape: Shape[T]) -> T:
        """The request's query; of a repeated name the last value, and an empty one is none. Raises ChatError validation_failed."""
        try:
            pairs = {
                name: values[-1].decode() for name, values in self.request.query_arguments.items() if values[-1]
            }
        except UnicodeDecodeError as error:
            raise ChatError("validation_failed", details={"query": "takes UTF-8"}) from error
        return shape.from_query(pairs)

    def reply(self, value: object, status: int = 200) -> None:
        """Finish with JSON."""
        self.reply_bytes(encode(value), status)

    def reply_bytes(self, body: bytes, status: int = 200) -> None:
        """Finish with JSON that is encoded already."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self._tell_limit()
        self.finish(body)

    def reply_nothing(self) -> None:
        """Finish with 204."""
        self.set_status(204)
        self._tell_limit()
        self.finish()

    def _tell_limit(self) -> None:
        decision = self._decision
        if decision is None or decision.limit is None:
            return
        self.set_header("RateLimit-Limit", str(decision.limit))
        self.set_header("RateLimit-Remaining", str(decision.remaining))
        self.set_header("RateLimit-Reset", str(decision.reset_s))

    def compute_etag(self) -> None:
        """None: what is not to be stored needs no name. Tornado would hash every reply."""

    def _head(self) -> None:
        """The headers that every reply has, an error too."""
        self.set_header("X-Request-Id", self.request_id)
        self._allow_origin()

    # ---- CORS ----------------------------------------------------------------------------------------------------

    def _allow_origin(self) -> None:
        origin = self.request.headers.get("Origin")
        self.set_header("Vary", "Origin")
        if origin and origin_allowed(origin, self.request.host, self.web.cors_origins):
            self.set_header("Access-Control-Allow-Origin", origin)
            self.set_header(
                "Access-Control-Expose-Headers",
                "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Request-Id",
            )

    def options(self, *_: str) -> None:
        """A preflight (Fetch standard, section 3.2): it says what is allowed, and to a foreign origin nothing."""
        origin = self.request.headers.get("Origin")
        if origin and origin_allowed(origin, self.request.host, self.web.cors_origins):
            self.set_header("Access-Control-Allow-Methods", ", ".join(self._methods()))
            self.set_header("Access-Control-Allow-Headers", "Authorization, Content-Type")
            self.set_header("Access-Control-Max-Age", "600")
        self.set_header("Allow", ", ".join(self._methods()))
        self.set_status(204)
        self.finish()

    def _methods(self) -> list[str]:
        return [
            method
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
            if getattr(type(self), method.lower(), None) is not getattr(RequestHandler, method.lower(), None)
        ]

    # ---- errors --------------------------------------------------------------------------------------------------

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self._head()  # Tornado has cleared them
        error = self._as_chat_error(status_code, (kwargs.get("exc_info") or (None, None, None))[1])
        self.set_status(error.kind.status)
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        if error.code == "method_not_allowed":
            self.set_header("Allow", ", ".join(self._methods()))
        if error.code == "unauthorized" or error.code == "token_expired":
            self.set_header("WWW-Authenticate", "Bearer")
        if error.retry_after_s is not None:
            self.set_header("Retry-After", str(error.retry_after_s))
        elif error.code == "unavailable":
            self.set_header("Retry-After", "1")
        if isinstance(error, RateLimited):
            self.told(error.decision)
        self._tell_limit()
        self.finish(encode({"error": error_body(error) | {"requestId": self.request_id}}))

    def _as_chat_error(self, status: int, cause: BaseException | None) -> ChatError:
        return as_refusal(cause) or ChatError(CODE_OF_STATUS.get(status, "internal" if status >= 500 else "malformed"))

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """Only what is our own fault is logged with its traceback."""
        if isinstance(value, HTTPError) or as_refusal(value) is not None:
            return
        log.error("request %s failed", self.request_id, exc_info=(typ, value, tb))  # type: ignore[arg-type]


def _room_left(decision: Decision) -> float:
    """The share of a limit that is left."""
    return (decision.remaining or 0) / (decision.limit or 1)


class NotFound(Handler):
    """Whatever has no route."""

    is_public = True

    async def prepare(self) -> None:
        await super().prepare()
        if self.request.method != "OPTIONS":
            raise ChatError("not_found")

    def _has_method(self) -> bool:
        return True


assert set(CODE_OF_STATUS.values()) <= set(KINDS)
