"""What all HTTP handlers share, each in one place:
reading the body, who asks, limits, CORS, JSON, and errors → status.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import cached_property
from types import TracebackType
from typing import Any, ClassVar, Generic, TypeVar

from msgspec import Struct
from tornado.web import HTTPError, RequestHandler, stream_request_body

from chat.accounts import Accounts, Identity
from chat.errors import ERROR_KINDS, ChatError, RateLimited, as_refusal, limit_refusal
from chat.request_context import RequestContext
from chat.request_inputs import Input
from chat.request_limits import RequestLimits
from common.text_numbers import whole_number
from handlers.client_address import ClientAddresses
from handlers.codec.input_decoder import InputDecoder
from handlers.codec.json_codec import encode_result
from handlers.codec.json_encoding import encode, error_body
from handlers.codec.json_text import BOM
from handlers.operator_access import Operators
from handlers.origins import origin_allowed
from limits.contract import Check, Decision
from limits.ip_addresses import address_check
from limits.shedding_policy import ShedClass
from monitor.observer import Observer
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
S = TypeVar("S")


class _AnyMethod(tuple[str, ...]):
    """Tornado answers a method that is not in its list before anything is counted; all are in this one, and Handler
    answers.
    """

    __slots__ = ()

    def __contains__(self, method: object) -> bool:
        return True


class Web(Struct, frozen=True):
    """What every handler needs of its surroundings."""

    accounts: Accounts
    limits: RequestLimits
    clients: ClientAddresses
    cors_origins: Sequence[str]
    operators: Operators
    observer: Observer
    spans: Spans


@stream_request_body
class Handler(RequestHandler, Generic[S]):
    """A handler of the JSON interface. `services` is what its family needs: one record, None where it needs nothing.

    Subclasses set `is_public` where no token is needed, `is_for_operators` where only Web.operators may ask, and raise
    what `errors.as_refusal` knows; `self.identity` is who asks. `sheds` says as what a method is shed; methods in
    `counts_itself` count `self.common_check` together with limits of their own.
    """

    SUPPORTED_METHODS = _AnyMethod(RequestHandler.SUPPORTED_METHODS)

    is_public: ClassVar[bool] = False
    is_for_operators: ClassVar[bool] = False
    is_limited: ClassVar[bool] = True
    sheds: ClassVar[Mapping[str, ShedClass]] = {}
    counts_itself: ClassVar[Collection[str]] = ()
    max_body_bytes: ClassVar[int] = MAX_BODY_BYTES

    identity: Identity
    common_check: Check

    def initialize(self, *, web: Web, route: str, services: S) -> None:
        self.web = web
        self.services = services
        self.route = route  # the pattern in the route table, for people
        self.request_id = secrets.token_hex(8)
        self.began_at = time.monotonic()  # Tornado's own is of the wall clock
        self.end_span: Callable[[int], None] | None = None
        self._is_path_text = True
        self._body = bytearray()
        self._decision: Decision | None = None

    def set_default_headers(self) -> None:
        self.set_header("Server", "chat-rooms")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")

    # ---- before the method ---------------------------------------------------------------------------------------

    def begin_span(self) -> None:
        """What follows in this task lies within the request's span; the access log's line ends it."""
        method = self.request.method or ""
        self.end_span = self.web.spans.request(method if self._is_known_method else "other", self.route)

    async def prepare(self) -> None:
        self.begin_span()
        self._head()
        if self.request.method == "OPTIONS":
            return
        await self._admit()
        try:
            self._check_head()
        except ChatError:
            if self._cost_as in self.counts_itself:
                await self.count(self.common_check)  # its method, which would have, is not reached
            raise

    def _check_head(self) -> None:
        """Look at what the request's head says of itself; by now it is counted. Raises ChatError."""
        if not self._has_method():
            raise ChatError("method_not_allowed")
        if not self._is_path_text:
            raise ChatError("malformed", "The path takes UTF-8.")
        length = self.request.headers.get("Content-Length", "0")
        if whole_number(length) > self.max_body_bytes:  # request_head.py let nothing else through
            raise ChatError("payload_too_large")

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        """A part of the path.

        Tornado would refuse one that is no UTF-8 before it is counted; `_check_head` does so after.
        """
        try:
            return super().decode_argument(value, name)
        except HTTPError:
            self._is_path_text = False
            return ""

    def _has_method(self) -> bool:
        return self.request.method in self._methods()

    @property
    def _is_known_method(self) -> bool:
        return self.request.method in RequestHandler.SUPPORTED_METHODS

    @property
    def _cost_as(self) -> str:
        """The method as whose a request is counted and shed: HEAD costs what GET does."""
        method = self.request.method or ""
        return "GET" if method == "HEAD" else method

    async def _admit(self) -> None:
        """Find out who asks, and count it."""
        method = self._cost_as
        self.web.limits.shed(self.sheds.get(method))
        operators = self.web.operators
        if (
            self.is_for_operators
            and operators.has_address(self.client)
            and operators.trusts(self.request.host, self.request.headers)
        ):
            return
        self.common_check = address_check("anonymous", self.client)
        if self.is_public or not self._is_known_method:  # to whom it is refused makes no difference
            if (self.is_limited or not self._has_method()) and method not in self.counts_itself:
                await self.count(self.common_check)
            return
        try:
            self.identity = await self.web.accounts.identify(self._bearer())
        except ChatError as error:
            await self.count(self.common_check)
            raise (self._not_for_you() if self.is_for_operators else error) from error
        self.common_check = Check("api", self.identity.user.id)
        if method not in self.counts_itself:
            await self.count(self.common_check)
        if self.is_for_operators and self.identity.user.username.casefold() not in self.web.operators.usernames:
            raise ChatError("forbidden")

    def _not_for_you(self) -> ChatError:
        """Why an operators' route is closed; who has the address is told what else is wanted, for this is met by honest
        set-ups.
        """
        if not self.web.operators.has_address(self.client):
            return ChatError("forbidden")
        return ChatError(
            "forbidden",
            "From here it takes an address, localhost or one of METRICS_HOSTS as Host, and no other site's page.",
        )

    def _bearer(self) -> str:
        kind, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise ChatError("unauthorized")
        return token.strip()

    @property
    def context(self) -> RequestContext:
        """Who sends this request; the user is known once `identity` is set."""
        identity: Identity | None = getattr(self, "identity", None)
        return RequestContext(self.client, "rest", identity.user if identity is not None else None)

    async def count(self, *checks: Check) -> None:
        """Count this request against limits, all or none. Raises ChatError rate_limited, unavailable."""
        decision = await self.web.limits.check(self.context, *checks)
        self._note(decision)
        if not decision.allowed:
            raise limit_refusal(decision)

    def _note(self, decision: Decision) -> None:
        """Keep the decision for the reply's RateLimit headers if it is nearer to a refusal than the one before."""
        if decision.limit is None:
            return
        before = self._decision
        if before is None or not decision.allowed or _room_left(decision) <= _room_left(before):
            self._decision = decision

    @cached_property
    def client(self) -> str:
        """The client's address."""
        return self.web.clients.address(self.request.remote_ip or "", self.request.headers.get_list("X-Forwarded-For"))

    @cached_property
    def has_allowed_origin(self) -> bool:
        """Whether the request's Origin may talk to us; False where it has none."""
        request = self.request
        scheme = self.web.clients.scheme(request.remote_ip or "", request.headers.get_list("X-Forwarded-Proto"))
        return origin_allowed(request.headers.get("Origin", ""), request.host, self.web.cors_origins, scheme)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self._body += chunk
        if len(self._body) <= self.max_body_bytes or self._finished:
            return None
        self._body.clear()
        return self._refuse_body()

    async def _refuse_body(self) -> None:
        """A body that grew too large while it came; a method that counts itself has not been reached, either."""
        refusal = ChatError("payload_too_large")
        try:
            if self._cost_as in self.counts_itself:
                await self.count(self.common_check)
        except ChatError as error:
            refusal = error
        if not self._finished:
            self.send_error(refusal.kind.status, exc_info=(ChatError, refusal, None))

    # ---- methods that all have -----------------------------------------------------------------------------------

    async def head(self, *args: str) -> None:
        """As GET: Tornado sends the same headers, and keeps the body back."""
        await self.get(*args)  # type: ignore[misc]

    # ---- what methods use ----------------------------------------------------------------------------------------

    def body(self, decoder: InputDecoder[T]) -> T:
        """The request's body. Raises ChatError malformed, validation_failed."""
        return decoder.decode(bytes(self._body).removeprefix(BOM))

    async def countable_body(self, decoder: InputDecoder[T]) -> T:
        """The body, of a method that counts itself: one that is not valid costs what any request does."""
        try:
            return self.body(decoder)
        except ChatError:
            await self.count(self.common_check)
            raise

    def query(self, decoder: InputDecoder[T]) -> T:
        """The request's query; of a repeated name the last value, and an empty one is none.

        Raises ChatError validation_failed.
        """
        try:
            pairs = {name: values[-1].decode() for name, values in self.request.query_arguments.items() if values[-1]}
        except UnicodeDecodeError as error:
            raise ChatError("validation_failed", details={"query": "takes UTF-8"}) from error
        return decoder.from_query(pairs)

    def reply(self, value: object, status: int = 200) -> None:
        """Finish with JSON."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self._tell_limit()
        self.finish(encode_result(value))

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
        if self.is_for_operators:
            return  # no page of another origin has anything to read there
        self.set_header("Vary", "Origin")
        if self.has_allowed_origin:
            self.set_header("Access-Control-Allow-Origin", self.request.headers["Origin"])
            self.set_header(
                "Access-Control-Expose-Headers",
                "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Request-Id",
            )

    def options(self, *_: str) -> None:
        """A preflight (Fetch standard, section 3.2): it says what is allowed, and to a foreign origin nothing."""
        if self.has_allowed_origin and not self.is_for_operators:
            self.set_header("Access-Control-Allow-Methods", ", ".join(self._methods()))
            self.set_header("Access-Control-Allow-Headers", "Authorization, Content-Type")
            self.set_header("Access-Control-Max-Age", "600")
        self.set_header("Allow", ", ".join(self._methods()))
        self.set_status(204)
        self.finish()

    def _methods(self) -> list[str]:
        own = [
            method
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
            if getattr(type(self), method.lower(), None) is not getattr(RequestHandler, method.lower(), None)
        ]
        return ["GET", "HEAD", *own[1:]] if own[0] == "GET" else own

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
            self._note(error.decision)
        self._tell_limit()
        self.finish(encode({"error": error_body(error) | {"requestId": self.request_id}}))

    def _as_chat_error(self, status: int, cause: BaseException | None) -> ChatError:
        return as_refusal(cause) or ChatError(CODE_OF_STATUS.get(status, "internal" if status >= 500 else "malformed"))

    def log_exception(
        self, typ: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Only what is our own fault is logged with its traceback."""
        if isinstance(value, HTTPError) or as_refusal(value) is not None:
            return
        log.error("request %s failed", self.request_id, exc_info=value)


def _room_left(decision: Decision) -> float:
    """The share of a limit that is left."""
    return (decision.remaining or 0) / (decision.limit or 1)


class NotFound(Handler[None]):
    """Whatever has no route."""

    is_public = True

    async def prepare(self) -> None:
        await super().prepare()
        if self.request.method != "OPTIONS":
            raise ChatError("not_found")

    def _has_method(self) -> bool:
        return True


class NotFoundForOperators(NotFound):
    """The same under a path of theirs: to others it is closed like all there."""

    is_public = False
    is_for_operators = True


assert set(CODE_OF_STATUS.values()) <= set(ERROR_KINDS)
