"""The codec: what a client's bytes become, and that what we encode is JSON that means the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.errors import ERROR_KINDS, ChatError, MalformedFrame
from chat.events import Mention, ReceiveMessage
from chat.request_inputs.connection import Heartbeat
from chat.request_inputs.messages import History, SendMessage
from chat.request_inputs.rooms import RoomListing
from chat.request_inputs.settings import PatchSettings
from chat.request_results.messages import HistoryPage, PostedMessage
from handlers.codec.envelopes import parse_envelope
from handlers.codec.input_decoder import InputDecoder
from handlers.codec.json_codec import JsonCodec, encode_result
from handlers.codec.json_encoding import array, encode, splice

SEND = InputDecoder(SendMessage)
SETTINGS = InputDecoder(PatchSettings)
plain_text = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | plain_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain_text, inner, max_size=4),
    max_leaves=12,
)


def refused(work: Any) -> ChatError:
    with pytest.raises(ChatError) as error:
        work()
    return error.value


@given(st.binary(max_size=200))
def test_any_bytes_are_an_envelope_or_a_refusal(payload: bytes) -> None:
    try:
        parse_envelope(payload)
    except ChatError as error:
        assert error.code in {"malformed", "validation_failed"}


@given(st.dictionaries(st.sampled_from(("event", "id", "data", "x")), json_values))
def test_an_envelope_takes_an_event_and_an_id_that_are_strings(frame: dict[str, Any]) -> None:
    payload = json.dumps(frame).encode()
    if not isinstance(frame.get("event"), str):
        error = refused(lambda: parse_envelope(payload))
        assert isinstance(error, MalformedFrame)
        assert error.command_id == (frame["id"] if isinstance(frame.get("id"), str) else None)
    elif not isinstance(frame.get("id"), str | None):
        assert refused(lambda: parse_envelope(payload)).details == {"id": "takes a string"}
    else:
        envelope = parse_envelope(payload)
        assert (envelope.event, envelope.id) == (frame["event"], frame.get("id"))
        assert json.loads(bytes(envelope.data)) == frame.get("data", {})


@given(st.dictionaries(st.sampled_from(("roomId", "content", "clientId", "mentions", "attachments", "x")), json_values))
def test_any_object_is_a_message_or_every_wrong_field_is_named(body: dict[str, Any]) -> None:
    try:
        found = SEND.decode(json.dumps(body).encode())
    except ChatError as error:
        assert error.code == "validation_failed"
        assert error.details
        assert set(error.details) <= {"roomId", "content", "clientId", "mentions", "attachments"}
    else:
        assert (found.room_id, found.content) == (body["roomId"], body["content"])
        assert 1 <= len(found.content) <= 2000
        assert "\0" not in found.content


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"client": {"a": 1e999}}', "client"),
        (b'{"client": {"a": [-1e999]}}', "client"),
        (b'{"client": {"a": 1%s}}' % (b"0" * 5000), "client"),
        (b'{"client": {"a": {"b": "\\ud800"}}}', "client"),
        (b'{"client": {"\\ud800": 1}}', "client"),
        (b'{"theme": 1e999}', "theme"),
        (b'{"notifications": {"r": 1e999}}', "notifications"),
        (b'{"unknown": ["\\ud800"]}', "unknown"),
        (b'{"\\ud800": 1}', "\ufffd"),
        (b'{"%s\\ud800": 1}' % (b"x" * 100), "x" * 64),
    ],
)
def test_what_is_json_and_cannot_be_read_names_its_field(body: bytes, named: str) -> None:
    error = refused(lambda: SETTINGS.decode(body))
    assert (error.code, set(error.details)) == ("validation_failed", {named})


def test_too_deep_an_object_is_malformed() -> None:
    assert refused(lambda: SETTINGS.decode(b'{"client":%s1%s}' % (b'{"a":' * 2000, b"}" * 2000))).code == "malformed"


def test_null_as_the_data_of_a_command_stands_for_no_fields() -> None:
    codec = JsonCodec()
    data = codec.envelope(b'{"event": "heartbeat", "data": null }').data
    assert codec.decoder(Heartbeat).decode(data) == Heartbeat()
    assert refused(lambda: codec.decoder(SendMessage).decode(data)).details.keys() == {"roomId", "content"}
    assert refused(lambda: SEND.decode(b"null")).code == "malformed"


@given(st.binary(max_size=200))
def test_any_bytes_as_a_body_are_refused_in_the_contracts_words(body: bytes) -> None:
    assert refused(lambda: SEND.decode(body)).code in {"malformed", "validation_failed"}


@given(st.dictionaries(st.sampled_from(("roomId", "limit", "before", "after")), plain_text))
def test_any_query_is_a_page_or_names_what_is_wrong(query: dict[str, str]) -> None:
    try:
        page = InputDecoder(History).from_query(query)
    except ChatError as error:
        assert error.code == "validation_failed"
        assert set(error.details) <= {"roomId", "limit", "before", "after"}
        assert error.details
    else:
        assert 1 <= page.limit <= 100


def test_a_query_reads_numbers_and_booleans_from_text() -> None:
    assert InputDecoder(RoomListing).from_query({"mine": "true", "limit": "7"}) == RoomListing(mine=True, limit=7)
    assert InputDecoder(History).from_query({"roomId": "r", "before": "0"}) == History("r", before=0)


@given(json_values)
def test_what_is_encoded_is_read_back_the_same_by_anybody(value: Any) -> None:
    assert json.loads(encode(value)) == value


def test_an_emoji_takes_its_four_bytes_and_a_slash_one() -> None:
    assert encode("😀/") == '"😀/"'.encode()


@given(plain_text, json_values)
def test_frames_are_json_whatever_their_id_is(command_id: str, data: Any) -> None:
    codec, encoded = JsonCodec(), encode(data)
    assert json.loads(codec.ack(command_id, data or {})) == {"event": "ack", "id": command_id, "data": data or {}}
    assert json.loads(codec.event(ReceiveMessage(encoded))) == {"event": "receiveMessage", "data": data}
    assert json.loads(codec.event(Mention(encoded))) == {"event": "mention", "data": {"message": data}}
    assert json.loads(splice(a=encode(data), b=array([encode(data), b"1"]))) == {"a": data, "b": [data, 1]}


def test_a_command_without_a_result_is_acknowledged_with_an_empty_object() -> None:
    assert json.loads(JsonCodec().ack("1", None)) == {"event": "ack", "id": "1", "data": {}}


def test_results_carry_messages_that_are_encoded_already() -> None:
    page = HistoryPage([b'{"seq":1}', b'{"seq":2}'], has_more=True, rev=3)
    assert json.loads(encode_result(page)) == {"messages": [{"seq": 1}, {"seq": 2}], "hasMore": True, "rev": 3}
    assert json.loads(encode_result(PostedMessage(b'{"seq":1}', duplicate=False))) == {"message": {"seq": 1}}
    again = json.loads(encode_result(PostedMessage(b'{"seq":1}', duplicate=True)))
    assert again == {"message": {"seq": 1}, "duplicate": True}


@pytest.mark.parametrize("code", ERROR_KINDS)
def test_every_refusal_has_the_contracts_shape(code: str) -> None:
    frame = json.loads(JsonCodec().refusal("7", ChatError(code, details={"field": "why"}, retry_after_s=3)))
    assert (frame["event"], frame["id"]) == ("error", "7")
    assert frame["data"] == {
        "code": code,
        "message": ERROR_KINDS[code].message,
        "details": {"field": "why"},
        "retryable": ERROR_KINDS[code].retryable,
        "retryAfter": 3,
    }
    assert "id" not in json.loads(JsonCodec().refusal(None, ChatError(code)))
