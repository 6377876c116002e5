"""Commands, request bodies and events as typed structs, and the codec: msgspec decodes and validates, ujson encodes.

The only module that imports ujson. ujson never decodes: it accepts NaN and lone surrogates.
"""

from __future__ import annotations

import codecs
import contextlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args

import msgspec
import ujson
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from chat.errors import ChatError
from chat.password_rules import new_password
from chat.text_rules import nfc, seen_as_name
from common.text_numbers import whole_number
from store.models import Status

# ---- field types -------------------------------------------------------------------------------------------------

Prepare = Callable[[str], str]


def prepared(prepare: Prepare) -> Meta:
    """A text that is taken in another form than it came. `prepare` raises ValueError with what the field takes."""
    return Meta(extra={"prepare": prepare})


MAX_SEQ = 2**53 - 1  # what a JavaScript client can count to

Id = Annotated[str, Meta(min_length=1, max_length=128)]
ClientId = Annotated[str, Meta(min_length=1, max_length=64)]
Content = Annotated[str, Meta(min_length=1, max_length=2000)]
Username = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_.-]{3,32}\Z")]
Email = Annotated[str, Meta(pattern=r"\A[^@\s]+@[^@\s]+\Z", max_length=254)]
NewPassword = Annotated[str, prepared(new_password)]
Color = Annotated[str, Meta(pattern=r"\A#[0-9A-Fa-f]{6}\Z")]
RoomName = Annotated[str, prepared(seen_as_name(max_chars=80))]
DisplayName = Annotated[str, prepared(seen_as_name(max_chars=64))]
CustomStatus = Annotated[str, prepared(seen_as_name(max_chars=140))]
Text = Annotated[str, Meta(max_length=1000)]
Seq = Annotated[int, Meta(ge=0, le=MAX_SEQ)]
Limit = Annotated[int, Meta(ge=1, le=100)]


class Input(Struct, frozen=True, rename="camel"):
    """What a client sent, checked. Unknown fields are ignored."""


# ---- WebSocket commands ------------------------------------------------------------------------------------------


class Authenticate(Input, frozen=True):
    token: str


class JoinRoom(Input, frozen=True):
    room_id: Id
    since: Seq | None = None
    since_rev: Seq | None = None


class OneRoom(Input, frozen=True):
    """leaveRoom, startTyping, stopTyping, getPresence, getRoomStats."""

    room_id: Id


class SendMessage(Input, frozen=True):
    """Also the body of POST /messages."""

    room_id: Id
    content: Content
    client_id: ClientId | None = None
    reply_to_id: Id | None = None
    thread_id: Id | None = None
    attachments: Annotated[tuple[Id, ...], Meta(max_length=10)] | None = None
    mentions: Annotated[tuple[Id, ...], Meta(max_length=50)] | None = None


class MessageRead(Input, frozen=True):
    room_id: Id
    seq: Seq


class UpdatePresence(Input, frozen=True):
    status: Status
    custom_status: CustomStatus | UnsetType | None = UNSET


class Heartbeat(Input, frozen=True):
    pass


# ---- REST bodies and queries -------------------------------------------------------------------------------------


class Register(Input, frozen=True):
    username: Username
    email: Email
    password: NewPassword


class Login(Input, frozen=True):
    password: str
    username: str | None = None
    email: str | None = None


class RefreshTokens(Input, frozen=True):
    refresh_token: Annotated[str, Meta(max_length=512)]


class ChangePassword(Input, frozen=True):
    old_password: str
    new_password: NewPassword


class PatchProfile(Input, frozen=True):
    display_name: DisplayName | UnsetType = UNSET
    text_color: Color | UnsetType | None = UNSET
    background_color: Color | UnsetType | None = UNSET
    custom_status: CustomStatus | UnsetType | None = UNSET


class CreateRoom(Input, frozen=True):
    name: RoomName
    description: Text | None = None
    is_private: bool = False
    max_users: Annotated[int, Meta(ge=2, le=100_000)] = 100


class OneUser(Input, frozen=True):
    """POST /rooms/direct and POST /rooms/{id}/members."""

    user_id: Id


class Listing(Input, frozen=True):
    """?limit=&cursor="""

    limit: Limit = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None


class RoomListing(Input, frozen=True):
    mine: bool = False
    q: Annotated[str, Meta(max_length=80), prepared(nfc)] | None = None
    limit: Limit = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None


class UserSearch(Input, frozen=True):
    q: Annotated[str, Meta(max_length=64), prepared(nfc)] = ""
    limit: Limit = 50


class History(Input, frozen=True):
    room_id: Id
    limit: Limit = 50
    before: Seq | None = None
    after: Seq | None = None
    expand: Literal["author"] | None = None


class ChangesSince(Input, frozen=True):
    since: Seq = 0
    limit: Limit = 50


class HistoryQuery(Input, frozen=True):
    """GET /metrics/history. Which metrics there are, and how many minutes, is only known when it is asked."""

    metric: str = ""
    minutes: str = "60"


# ---- decoding ----------------------------------------------------------------------------------------------------


class Envelope(Struct, frozen=True):
    """A frame as it came: which command, the client's id for the answer, and the data still undecoded."""

    event: str
    id: str | None = None
    data: Raw = Raw(b"{}")


T = TypeVar("T", bound=Input)
_envelope = msgspec.json.Decoder(Envelope)

_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
BOM = codecs.BOM_UTF8  # RFC 8259 section 8.1: a reader may ignore it
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
# How a query's text is read for a field of this type; one that may be anything else stays the text.
_READERS: Mapping[type, tuple[Callable[[str], object], str]] = {
    msgspec.inspect.IntType: (whole_number, "takes a whole number"),
    msgspec.inspect.BoolType: (lambda text: _BOOLEANS[text.lower()], "takes true or false"),
}


def parse_envelope(payload: bytes) -> Envelope:
    """Cut a frame into its parts. Raises ChatError malformed or validation_failed (an `id` that is no string)."""
    try:
        return _envelope.decode(payload)
    except _UNDECODABLE as error:
        if payload.startswith(BOM):  # looked for only here: of a thousand frames none has one
            payload = payload.removeprefix(BOM)
            with contextlib.suppress(*_UNDECODABLE):
                return _envelope.decode(payload)
        whole = _anything(payload)
        if not isinstance(whole, dict) or not isinstance(whole.get("event"), str):
            raise ChatError("malformed") from error
        command_id = whole.get("id")
        if not isinstance(command_id, str | None):
            raise ChatError("validation_failed", details={"id": "takes a string"}) from error
        if _has(command_id, _is_surrogate):
            raise ChatError("validation_failed", details={"id": "holds a lone surrogate"}) from error
        # It is within the data: the command's own decoder will name the field, in an answer that has the id.
        return Envelope(whole["event"], command_id, Raw(json.dumps(whole.get("data", {})).encode()))


class InputDecoder(Generic[T]):
    """One input type with its decoder; says what is wrong with every field at once, not only with the first."""

    def __init__(self, type_: type[T]) -> None:
        self._type = type_
        self._decoder = msgspec.json.Decoder(type_)
        self._fields = msgspec.structs.fields(type_)
        found = ((field, _prepare_of(field.type)) for field in self._fields)
        self._prepared = tuple((field, prepare) for field, prepare in found if prepare is not None)
        self._readers = {
            field.encode_name: reader
            for field in self._fields
            if (reader := _reader(msgspec.inspect.type_info(field.type))) is not None
        }

    def decode(self, raw: bytes | Raw) -> T:
        """Decode JSON. Raises ChatError: malformed (no JSON object), validation_failed with `details` per field."""
        try:
            value = self._decoder.decode(raw)
        except _UNDECODABLE as error:
            whole = _anything(bytes(raw))
            if not isinstance(whole, dict):
                raise ChatError("malformed") from error
            raise ChatError("validation_failed", details=self._wrong(whole)) from error
        if b"\\u0000" in bytes(raw):
            self._refuse_nul(value)
        if self._prepared:
            self._prepare(value)
        return value

    def from_query(self, query: Mapping[str, str]) -> T:
        """Read query parameters: numbers and booleans come as text. Raises ChatError validation_failed."""
        values: dict[str, object] = dict(query)
        unreadable: dict[str, object] = {}
        for name, (read, takes) in self._readers.items():
            if name in query:
                try:
                    values[name] = read(query[name])
                except (ValueError, KeyError):
                    unreadable[name] = takes
        try:
            value = msgspec.convert(values, self._type)
        except msgspec.ValidationError as error:
            raise ChatError("validation_failed", details=self._wrong(values) | unreadable) from error
        if any("\0" in text for text in query.values()):
            self._refuse_nul(value)
        if self._prepared:
            self._prepare(value)
        return value

    def _prepare(self, value: T) -> None:
        """Put what was just decoded, and nobody has seen yet, into the form in which it is taken."""
        wrong: dict[str, object] = {}
        for field, prepare in self._prepared:
            text = getattr(value, field.name)
            if isinstance(text, str):
                try:
                    msgspec.structs.force_setattr(value, field.name, prepare(text))
                except ValueError as error:
                    wrong[field.encode_name] = str(error)
        if wrong:
            raise ChatError("validation_failed", details=wrong)

    def _wrong(self, whole: Mapping[str, Any]) -> dict[str, object]:
        details: dict[str, object] = {}
        preparations = {field.name: prepare for field, prepare in self._prepared}
        for field in self._fields:
            name = field.encode_name
            if name not in whole:
                if field.required:
                    details[name] = "is required"
                continue
            if _has(whole[name], _is_surrogate):
                details[name] = "holds a lone surrogate"  # and msgspec could not even compare it with what it takes
                continue
            try:
                msgspec.convert(whole[name], field.type)
            except msgspec.ValidationError as error:
                details[name] = str(error).split(" - at `", 1)[0]
            else:
                prepare = preparations.get(field.name)
                if prepare is not None and isinstance(whole[name], str):
                    try:
                        prepare(whole[name])
                    except ValueError as error:
                        details[name] = str(error)
        return details

    def _refuse_nul(self, value: T) -> None:
        wrong = {
            field.encode_name: "holds a NUL character"
            for field in self._fields
            if _has(getattr(value, field.name), "\0".__eq__)
        }
        if wrong:
            raise ChatError("validation_failed", details=wrong)


def _prepare_of(type_: Any) -> Prepare | None:
    """What a field's type says of how its text is taken; looks into unions too."""
    for meta in getattr(type_, "__metadata__", ()):
        if isinstance(meta, Meta) and meta.extra and "prepare" in meta.extra:
            prepare: Prepare = meta.extra["prepare"]
            return prepare
    return next((found for part in get_args(type_) if (found := _prepare_of(part)) is not None), None)


def _reader(kind: msgspec.inspect.Type) -> tuple[Callable[[str], object], str] | None:
    """How a query's text is read for a field of this type, and what it takes."""
    kinds = kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)
    return next((_READERS[type(one)] for one in kinds if type(one) in _READERS), None)


def _has(value: object, unwanted: Callable[[str], bool]) -> bool:
    """Whether a text, or one within a list, has an unwanted character."""
    if isinstance(value, str):
        return any(map(unwanted, value))
    return isinstance(value, tuple | list) and any(_has(item, unwanted) for item in value)


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def _cut_short(digits: str) -> int:
    """An integer that is out of every range still is, of its first digits: int() refuses thousands of them, as if that
    were no JSON.
    """
    return int(digits[:40])


def _anything(raw: bytes) -> object:
    """What the JSON is, of whatever type; None where it is no JSON at all.

    The standard library's decoder takes lone surrogates, which msgspec does not, so that they can be named as what is
    wrong.
    """

    def refuse(constant: str) -> None:
        raise ValueError(constant)  # NaN and Infinity are no JSON

    try:
        return json.loads(raw.decode(), parse_constant=refuse, parse_int=_cut_short)
    except (ValueError, RecursionError):
        return None


# ---- encoding ----------------------------------------------------------------------------------------------------


def builtins(value: object) -> Any:
    """Structs as dicts with camelCase names."""
    return msgspec.to_builtins(value)


def encode(value: object) -> bytes:
    """Encode structs, dicts and lists as compact UTF-8 JSON."""
    text: str = ujson.dumps(msgspec.to_builtins(value), ensure_ascii=False, escape_forward_slashes=False)
    return text.encode()


def splice(**members: bytes) -> bytes:
    """Return a JSON object of members that are encoded already."""
    return b"{" + b",".join(b'"%s":%s' % (name.encode(), value) for name, value in members.items()) + b"}"


def array(items: Iterable[bytes]) -> bytes:
    """Return a JSON array of items that are encoded already."""
    return b"[" + b",".join(items) + b"]"


def event(name: str, data: bytes) -> bytes:
    """Return an event's frame payload; `data` is encoded JSON."""
    return b'{"event":"%s","data":%s}' % (name.encode(), data)


def ack(command_id: str, data: bytes) -> bytes:
    """Return the answer to a command; `data` is encoded JSON."""
    return b'{"event":"ack","id":%s,"data":%s}' % (encode(command_id), data)


def error_body(error: ChatError) -> dict[str, object]:
    """What every refusal says, whichever way it travels."""
    return {"code": error.code, "message": error.message, "details": error.details}


def refusal(command_id: str | None, error: ChatError) -> bytes:
    """Return the `error` event that answers a command, or without an id, what could not be understood."""
    data = error_body(error) | {"retryable": error.kind.retryable, "retryAfter": error.retry_after_s}
    answer: dict[str, object] = {"event": "error", "data": data}
    if command_id is not None:
        answer["id"] = command_id
    return encode(answer)
