"""The scenes of the sample: they parse, they name who and what there is, and they are the same each time."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from app.demo.acts import VERBS
from app.demo.cast import PEOPLE, ROOMS
from app.demo.filling import DAYS, all_steps
from app.demo.pictures import FILES, avatar
from app.demo.screenplay import Act, Delete, Edit, Line, React, Say, Scene, When, parse
from app.demo.timeline import start_of

DAY_MS = 86_400_000
NOW_MS = 1_800_000_000_000


def test_a_scene_is_read_line_by_line() -> None:
    text = """# a comment
== general 20d 09:30
[plan] amara: Hello: @ben
  + 👍 ben chloe
ben ^plan: Yes
chloe |plan: Also yes {tides.txt}
  ~ No
  x
! amara mute ben 30
== lunch 5h
amara: Soup
"""
    assert list(parse(text)) == [
        Scene(
            "general",
            When(570, 20),
            (
                Line("plan", Say("amara", "Hello: @ben")),
                Line("plan", React("👍", ("ben", "chloe"))),
                Line("line-5", Say("ben", "Yes", reply_to="plan")),
                Line("line-6", Say("chloe", "Also yes", thread="plan", attached="tides.txt")),
                Line("line-6", Edit("No")),
                Line("line-6", Delete()),
                Line("act-9", Act("amara", "mute", ("ben", "30"))),
            ),
        ),
        Scene("lunch", When(300), (Line("line-11", Say("amara", "Soup")),)),
    ]


@pytest.mark.parametrize(
    "text", ["amara: too early", "== general 1d 10:00\n  + 👍 amara", "== general 1d 10:00\nnonsense"]
)
def test_a_line_of_no_known_form_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="line "):
        list(parse(text))


def test_a_scene_begins_on_its_day_or_so_long_ago() -> None:
    assert start_of(When(570, 2), now_ms=NOW_MS) == NOW_MS - NOW_MS % DAY_MS - 2 * DAY_MS + 570 * 60_000
    assert start_of(When(40), now_ms=NOW_MS) == NOW_MS - 40 * 60_000


@pytest.mark.parametrize("time_of_day_ms", range(0, DAY_MS, DAY_MS // 12))
def test_at_any_time_of_the_day_the_whole_sample_is_in_the_past_in_order_and_the_same(time_of_day_ms: int) -> None:
    now_ms = NOW_MS - NOW_MS % DAY_MS + time_of_day_ms
    steps = all_steps(now_ms)
    times = [step.at_ms for step in steps]
    assert times == sorted(times)
    assert now_ms - (DAYS + 1) * DAY_MS < times[0] < times[-1] <= now_ms
    assert steps == all_steps(now_ms)


def test_the_scenes_name_only_people_rooms_and_verbs_that_there_are() -> None:
    names, rooms = {person.username for person in PEOPLE}, {plan.key: plan for plan in ROOMS}
    for step in all_steps(NOW_MS):
        assert step.room in rooms
        if isinstance(step.does, Say) and step.does.attached is not None:
            assert step.does.attached in FILES
        if isinstance(step.does, Act):
            assert step.does.verb in VERBS
        people = {
            Say: lambda does: {does.who},
            Act: lambda does: {does.who},
            React: lambda does: set(does.people),
        }.get(type(step.does), lambda _: set())(step.does)
        assert people <= names, step


def test_the_pictures_are_images_that_differ_by_name_and_are_the_same_each_time() -> None:
    drawn = {person.username: avatar(person.username, "#ffffff", "#0b5cad") for person in PEOPLE}
    assert len(set(drawn.values())) == len(PEOPLE)
    for name, image in (*drawn.items(), ("dock", FILES["dock-at-low-tide.png"]())):
        with Image.open(io.BytesIO(image)) as opened:
            opened.load()
            assert (opened.format, opened.mode) == ("PNG", "RGB"), name
    assert drawn["amara"] == avatar("amara", "#ffffff", "#0b5cad")
