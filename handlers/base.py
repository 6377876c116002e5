"""The base class of all HTTP handlers: the order in which a request is counted, authenticated, checked and answered.

What each step needs is in a module of its own: request_methods.py, request_sender.py, request_input.py, cors.py,
rate_limit_headers.py, error_reply.py, whole_replies.py.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from types import TracebackType
from typing import Any, ClassVar, Generic, TypeVar

from tornado.web import HTTPError, OutputTransform, stream_request_body

from chat.errors import ChatError, RateLimited, as_refusal, limit_refusal
from chat.logins import Identity
from chat.request_context import RequestContext
from chat.request_inputs.fields import Input
from common.number_parsing import whole_number
from handlers.codec.input_decoder import InputDecoder
from handlers.codec.json_codec import encode_result
from handlers.codec.json_text import BOM
from handlers.content_encoding import encoded_as_accepted
from handlers.cors import set_origin_headers, set_preflight_headers
from handlers.documents.operation import Operation
from handlers.error_reply import chat_error_of, error_document, set_error_headers
from handlers.rate_limit_headers import nearest_to_refusal, set_rate_limit_headers
from handlers.request_input import bearer_token, query_values
from handlers.request_sender import RequestSender
from handlers.shared_services import SharedServices
from handlers.whole_replies import WholeReplies
from limits.contract import Check, Decision
from limits.ip_addresses import address_check
from limits.load_shedding import ShedClass
from store.models import Actor, User

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 65_536

T = TypeVar("T", bound=Input)
S = TypeVar("S")


@stream_request_body
class Handler(RequestSender, WholeReplies, Generic[S]):
    """A handler of the JSON interface. `services` is the record that its group of routes needs, None if none is needed.

    Subclasses raise what `errors.as_refusal` translates. `identity` is the user of the token, and not set where
    `is_public`. The class attributes choose what happens before the method runs:
    - `is_public`: no token is needed;
    - `is_for_operators`: only those of `SharedServices.operators` are served;
    - `is_limited`: the request counts against the limits;
    - `sheds`: the class as which a method is shed under load, by method;
    - `counts_itself`: the methods that count `common_check` themselves, together with limits of their own;
    - `for_bots`: the methods that bots may use, none unless it is said;
    - `has_secret_path`: the path holds a secret, so logs show the route in its place;
    - `compresses`: the methods whose replies may be compressed, for they hold no secret; none unless it is said;
    - `runs_in_connection`: without a body, a request is served in the task of its connection, see handler_run.py;
    - `operations`: what each method takes and returns, for the API documents.
    """

    is_public: ClassVar[bool] = False
    is_for_operators: ClassVar[bool] = False
    is_limited: ClassVar[bool] = True
    sheds: ClassVar[Mapping[str, ShedClass]] = {}
    counts_itself: ClassVar[Collection[str]] = ()
    for_bots: ClassVar[Collection[str]] = ()
    operations: ClassVar[Mapping[str, Operation]] = {}
    has_secret_path: ClassVar[bool] = False
    compresses: ClassVar[Collection[str]] = ()
    runs_in_connection: ClassVar[bool] = True
    max_body_bytes: int = MAX_BODY_BYTES

    identity: Identity
    common_check: Check

    def initialize(self, *, shared: SharedServices, route: str, services: S) -> None:
        self.shared = shared
        self.services = services
        self.route = route  # the pattern in the route table, as logs and metrics show it
        self.request_id = secrets.token_hex(8)
        self.began_at = time.monotonic()  # monotonic seconds; Tornado's own time is the wall clock
        self.end_span: Callable[[int], None] | None = None
        self._is_path_text = True
        self._body = bytearray()
        self._decision: Decision | None = None

    async def _execute(self, transforms: list[OutputTransform], *args: bytes, **kwargs: bytes) -> None:
        """Run the handler, as Tornado's own method does; the server that stops waits for it."""
        await self.shared.running.run(super()._execute(transforms, *args, **kwargs))

    # ---- before the method ---------------------------------------------------------------------------------------

    def begin_span(self) -> None:
        """Begin the span of this request, in which the rest of this task runs; the access log ends it."""
        method = self.request.method or ""
        self.end_span = self.shared.spans.request(method if self._is_known_method else "other", self.route)

    async def prepare(self) -> None:
        self.begin_span()
        self._set_common_headers()
        if self.request.method == "OPTIONS":
            return
        await self._admit()
        try:
            self._check_head()
        except ChatError:
            if self._counted_method in self.counts_itself:
                await self.count(self.common_check)  # because the method, which counts itself, does not run
            raise

    def _check_head(self) -> None:
        """Check method, path, Content-Length and sender; the request is counted already. Raises ChatError."""
        if not self._is_implemented_method():
            raise ChatError("method_not_allowed")
        if not self._is_path_text:
            raise ChatError("malformed", "The path takes UTF-8.")
        identity: Identity | None = getattr(self, "identity", None)
        if identity is not None and identity.user.is_bot:
            self.require_open_to_bot(identity.user)
        length = self.request.headers.get("Content-Length", "0")
        if whole_number(length) > self.max_body_bytes:  # request_head.py has refused every other form
            raise ChatError("payload_too_large")

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        """Return a part of the path.

        Tornado would refuse a path that is not UTF-8 before the request is counted; `_check_head` does so later.
        """
        try:
            return super().decode_argument(value, name)
        except HTTPError:
            self._is_path_text = False
            return ""

    def require_open_to_bot(self, bot: User) -> None:
        """Raise ChatError forbidden unless bots may use this method here."""
        if self._counted_method not in self.for_bots:
            raise ChatError("forbidden", "A bot may not do this.")

    async def _admit(self) -> None:
        """Shed, authenticate and count the request. Raises ChatError."""
        method = self._counted_method
        self.shared.limits.shed(self.sheds.get(method))
        operators, request = self.shared.operators, self.request
        if self.is_for_operators and operators.admits_by_address(self.client, request.host, request.headers):
            return
        if self.is_public or not self._is_known_method:  # an unknown method needs no identity to be refused
            if self.is_limited or not self._is_implemented_method():
                self.common_check = address_check("anonymous", self.client)
                if method not in self.counts_itself:
                    await self.count(self.common_check)
            return
        try:
            self.identity = await self.identify()
        except ChatError as error:
            self.common_check = address_check("anonymous", self.client)
            await self.count(self.common_check)
            raise (operators.refusal(self.client) if self.is_for_operators else error) from error
        self.common_check = Check(self.counted_as, self.identity.user.id)
        if method not in self.counts_itself:
            await self.count(self.common_check)
        if self.is_for_operators and not operators.administrators.has(self.identity.user):
            raise ChatError("forbidden")

    async def identify(self) -> Identity:
        """The user of the token. Raises ChatError unauthorized, token_expired; StoreError."""
        return await self.shared.logins.identify(bearer_token(self.request.headers))

    @property
    def counted_as(self) -> str:
        """The operation as which each authenticated request counts, besides limits of its own."""
        return "api"

    @property
    def context(self) -> RequestContext:
        """The sender of this request; its user is None until `identity` is set."""
        identity: Identity | None = getattr(self, "identity", None)
        return RequestContext(self.client, "rest", identity.user if identity is not None else None)

    @property
    def actor(self) -> Actor:
        """The user of the token, as one who asks for a change."""
        return self.shared.operators.administrators.actor(self.identity.user)

    async def count(self, *checks: Check) -> None:
        """Count this request against all of these limits, or none if one refuses.

        Raises ChatError rate_limited, unavailable.
        """
        decision = await self.shared.limits.check(self.context, *checks)
        self._decision = nearest_to_refusal(self._decision, decision)
        if not decision.allowed:
            raise limit_refusal(decision)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self._body += chunk
        if len(self._body) <= self.max_body_bytes or self._finished:
            return None
        self._body.clear()
        return self._refuse_body()

    async def _refuse_body(self) -> None:
        """Refuse a body that has exceeded its bound; a method that counts itself has not run, so count here."""
        refusal = ChatError("payload_too_large")
        try:
            if self._counted_method in self.counts_itself:
                await self.count(self.common_check)
        except ChatError as error:
            refusal = error
        if not self._finished:
            self.send_error(refusal.kind.status, exc_info=(ChatError, refusal, None))

    # ---- methods that all handlers have --------------------------------------------------------------------------

    async def head(self, *args: str) -> None:
        """Answer as GET does; Tornado sends the headers without the body."""
        await self.get(*args)  # type: ignore[misc]

    def options(self, *_: str) -> None:
        """Answer a preflight; the reply to an origin that is not allowed has no CORS headers."""
        methods = self._allowed_methods()
        if self.has_allowed_origin and not self.is_for_operators:
            set_preflight_headers(self, methods=methods)
        self.set_header("Allow", ", ".join(methods))
        self.set_status(204)
        self.finish()

    # ---- input ---------------------------------------------------------------------------------------------------

    @property
    def raw_body(self) -> bytes:
        """The request's body as it came."""
        return bytes(self._body)

    def body(self, decoder: InputDecoder[T]) -> T:
        """Decode the request's body. Raises ChatError malformed, validation_failed."""
        return decoder.decode(self.raw_body.removeprefix(BOM))

    async def countable_body(self, decoder: InputDecoder[T]) -> T:
        """Decode the body for a method that counts itself: an invalid body is counted as any request is.

        Raises ChatError malformed, validation_failed, rate_limited.
        """
        try:
            return self.body(decoder)
        except ChatError:
            await self.count(self.common_check)
            raise

    def query(self, decoder: InputDecoder[T]) -> T:
        """Decode the request's query, as request_input.query_values reads it. Raises ChatError validation_failed."""
        return decoder.from_query(query_values(self.request.query_arguments))

    # ---- replies -------------------------------------------------------------------------------------------------

    def reply(self, value: object, status: int = 200) -> None:
        """Finish with `value` as JSON."""
        self.reply_bytes(encode_result(value), status)

    def reply_bytes(self, body: bytes, status: int = 200) -> None:
        """Finish with `body`, which is JSON already."""
        self.set_status(status)
        self.set_own_header("Content-Type", "application/json; charset=UTF-8")
        set_rate_limit_headers(self, self._decision)
        self.finish_whole(encoded_as_accepted(self, body) if self._counted_method in self.compresses else body)

    def reply_nothing(self) -> None:
        """Finish with 204 and no body."""
        self.set_status(204)
        set_rate_limit_headers(self, self._decision)
        self.finish()

    def _set_common_headers(self) -> None:
        """Set the headers of every reply, errors included."""
        self.set_own_header("X-Request-Id", self.request_id)
        if not self.is_for_operators:  # pages of other origins have nothing to read there
            origin = self.request.headers["Origin"] if self.has_allowed_origin else None
            set_origin_headers(self, allowed_origin=origin)

    # ---- errors --------------------------------------------------------------------------------------------------

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self._set_common_headers()  # again, because Tornado has cleared all headers
        error = chat_error_of(status_code, (kwargs.get("exc_info") or (None, None, None))[1])
        if isinstance(error, RateLimited):
            self._decision = nearest_to_refusal(self._decision, error.decision)
        set_error_headers(self, error, methods=self._allowed_methods())
        self.reply_bytes(error_document(error, request_id=self.request_id), error.kind.status)

    def log_exception(
        self, typ: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Log an error of ours with its traceback; a refusal is no error."""
        if isinstance(value, HTTPError) or as_refusal(value) is not None:
            return
        log.error("request %s failed", self.request_id, exc_info=value)
