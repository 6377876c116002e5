"""Decodes what clients send into the structs of chat/request_inputs/, and names every field that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, get_args

import msgspec
from msgspec import Meta, Raw

from chat.errors import ChatError
from chat.request_inputs.fields import Input, Prepare
from common.number_parsing import whole_number
from handlers.codec.json_text import UNDECODABLE, has_character, has_number_out_of_range, is_surrogate, parse_any

T = TypeVar("T", bound=Input)

NAME_SHOWN_MAX = 64  # characters of a field's name that a client made up
UNREADABLE_SHOWN_MAX = 10

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
# How a query's text is read for a field of this type; one that may be anything else stays the text.
_READERS: Mapping[type, tuple[Callable[[str], object], str]] = {
    msgspec.inspect.IntType: (whole_number, "takes a whole number"),
    msgspec.inspect.BoolType: (lambda text: _BOOLEANS[text.lower()], "takes true or false"),
}


class InputDecoder(Generic[T]):
    """One input type with its decoder; says what is wrong with every field at once, not only with the first.

    `takes_null`: null stands for an object without fields.
    """

    def __init__(self, type_: type[T], *, takes_null: bool = False) -> None:
        self.type = type_
        self._takes_null = takes_null
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
        except UNDECODABLE as error:
            if self._takes_null and bytes(raw).strip() == b"null":
                return self.decode(b"{}")
            whole = parse_any(bytes(raw))
            if not isinstance(whole, dict):
                raise ChatError("malformed") from error
            details = self._wrong(whole) or _unreadable_in(whole)
            if not details:
                raise ChatError("malformed") from error
            raise ChatError("validation_failed", details=details) from error
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
            value = msgspec.convert(values, self.type)
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
            if has_character(whole[name], is_surrogate):
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
            if has_character(getattr(value, field.name), "\0".__eq__)
        }
        if wrong:
            raise ChatError("validation_failed", details=wrong)


def _unreadable_in(whole: Mapping[str, Any]) -> dict[str, object]:
    """What JSON's grammar allows and nobody can read, by the field that holds it, which may be an unknown one."""
    found: dict[str, object] = {}
    for name, value in whole.items():
        shown = "".join("\ufffd" if is_surrogate(character) else character for character in name[:NAME_SHOWN_MAX])
        if has_character([name, value], is_surrogate):
            found[shown] = "holds a lone surrogate"
        elif has_number_out_of_range(value):
            found[shown] = "holds a number that is out of range"
        if len(found) == UNREADABLE_SHOWN_MAX:
            break
    return found


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
