"""Places that are shared: a bound for one, and something left for whoever comes."""

from __future__ import annotations

import pytest

from chat.errors import ChatError
from chat.fair_places import FairPlaces


def places_of(total: int, free_per_held: float) -> FairPlaces:
    return FairPlaces(total=total, free_per_held=free_per_held, refusal="Too many.", retry_after_s=5)


def take_all(places: FairPlaces, *users: str) -> dict[str, int]:
    """Let each user take a place in turn until all are refused; returns how many each got."""
    got = dict.fromkeys(users, 0)
    greedy = set(users)
    while greedy:
        for user in sorted(greedy):
            try:
                places.take(user)
                got[user] += 1
            except ChatError:
                greedy.discard(user)
    return got


@pytest.mark.parametrize(("total", "free_per_held", "alone"), [(64, 3, 16), (256, 1.5, 103), (4, 1, 2), (1, 3, 1)])
def test_one_user_alone_has_a_bound(total: int, free_per_held: float, alone: int) -> None:
    places = places_of(total, free_per_held)
    assert take_all(places, "ann") == {"ann": alone}
    with pytest.raises(ChatError) as refused:
        places.take("ann")
    assert (refused.value.code, refused.value.message) == ("unavailable", "Too many.")


@pytest.mark.parametrize("greedy", [2, 4, 10, 20])
def test_greedy_users_leave_places_to_who_comes(greedy: int) -> None:
    places = places_of(64, 3)
    got = take_all(places, *(f"u{number}" for number in range(greedy)))
    assert max(got.values()) - min(got.values()) <= 1
    assert places.taken_places == sum(got.values()) < 64
    assert take_all(places, "ann")["ann"] >= 1


def test_everybody_has_one_place_until_all_are_taken() -> None:
    places = places_of(64, 3)
    for number in range(64):
        places.take(f"u{number}")
    with pytest.raises(ChatError):
        places.take("ann")
    places.give_back("u0")
    with places.place("ann"):
        assert places.taken_places == 64
    assert places.taken_places == 63
