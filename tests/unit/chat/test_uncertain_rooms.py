"""Which rooms have a write that failed and may have happened."""

from __future__ import annotations

import pytest

from chat import uncertain_rooms as bounds
from chat.uncertain_rooms import UNCERTAIN_S, UncertainRooms


class MonotonicClock:
    """A clock in seconds, which a test sets."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_room_is_uncertain_for_a_while_after_its_latest_failed_write() -> None:
    clock = MonotonicClock()
    rooms = UncertainRooms(now=clock)
    rooms.add("tea")
    clock.now_s += UNCERTAIN_S / 2
    assert "tea" in rooms
    assert "jam" not in rooms
    rooms.add("tea")
    rooms.add("jam")
    clock.now_s += UNCERTAIN_S / 2
    assert "tea" in rooms
    clock.now_s += UNCERTAIN_S / 2
    assert "tea" not in rooms
    rooms.add("milk")
    assert len(rooms) == 1, "those that have settled are forgotten"


def test_with_too_many_of_them_each_room_is_uncertain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "ROOMS_MAX", 2)
    clock = MonotonicClock()
    rooms = UncertainRooms(now=clock)
    for room_id in ("a", "b", "c"):
        rooms.add(room_id)
    assert len(rooms) == 2
    assert "c" in rooms
    clock.now_s += UNCERTAIN_S
    assert "c" not in rooms
