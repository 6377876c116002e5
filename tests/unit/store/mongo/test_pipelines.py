"""The stages of each pipeline; on a real mongod, also that it is answered from its index."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import Struct
from pymongo.database import Database as RawDatabase

from store.mongo import MongoStore, lookup_stages, message_pipelines, metrics_history, room_pipelines
from store.mongo.database import stored_time
from store.mongo.indexes import INDEXES
from store.mongo.lookup_stages import Pipeline
from store.mongo.metrics_history import metric_steps
from store.search_ranking import Span

Raw = RawDatabase[dict[str, Any]]

ROOM_OF = {"$eq": ["$roomId", "$$room"]}


def stages(pipeline: Pipeline) -> list[str]:
    return [next(iter(stage)) for stage in pipeline]


def lookup(pipeline: Pipeline, into: str) -> dict[str, Any]:
    """The $lookup that fills a field."""
    (found,) = [stage["$lookup"] for stage in pipeline if stage.get("$lookup", {}).get("as") == into]
    return dict(found)


def test_no_pipeline_skips() -> None:
    def operators(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for name, part in value.items():
                yield name
                yield from operators(part)
        elif isinstance(value, list | tuple):
            for part in value:
                yield from operators(part)

    everything = [
        room_pipelines.room("r"),
        room_pipelines.room_for("r", "u"),
        room_pipelines.rooms(["r"]),
        room_pipelines.memberships([("r", "u")]),
        message_pipelines.mentioned({("r", "u"): 1}),
        room_pipelines.public_rooms("u", below=9, part="x", limit=5),
        room_pipelines.rooms_of("u", below=9, part="x", limit=5),
        room_pipelines.membership("r", "u"),
        room_pipelines.room_with_members("r", ["u"]),
        room_pipelines.members("r", above="", among=("", "z"), limit=5),
        room_pipelines.heads(["r"]),
        room_pipelines.stats("r"),
        message_pipelines.page("r", before=3, after=None, limit=5, with_authors=True),
        message_pipelines.history("r", 3, "u"),
        message_pipelines.latest_changes("r", since=1, upto=5, limit=5),
        metric_steps("a", "cpu", since=1, until=5, step=5),
        message_pipelines.search({}, Span(limit=5, after=(-2, "r", -3))),
    ]
    assert "$skip" not in set(operators(everything))


def test_a_rooms_newest_message_is_one_step_into_its_index() -> None:
    head = lookup_stages.with_head()["$lookup"]
    assert (head["from"], head["let"]) == ("messages", {"room": "$_id"})
    assert head["pipeline"] == [
        {"$match": {"$expr": ROOM_OF}},
        {"$sort": {"seq": -1}},
        {"$limit": 1},
        {"$project": {"_id": 0, "seq": 1, "createdAt": 1}},
    ]


def test_a_room_comes_with_what_of_its_log_is_not_applied() -> None:
    pipeline = room_pipelines.room("r1")
    assert pipeline[0] == {"$match": {"_id": "r1"}}
    assert lookup(pipeline, "unapplied")["pipeline"] == [
        {"$match": {"$expr": {"$and": [ROOM_OF, {"$gt": ["$rev", "$$rev"]}]}}},
        {"$sort": {"rev": 1}},
    ]


def test_a_membership_counts_unread_mentions_by_their_index() -> None:
    pipeline = room_pipelines.membership("r1", "u1")
    assert pipeline[0] == {"$match": {"roomId": "r1", "userId": "u1", "left": False}}
    mentioned = lookup(pipeline, "mentioned")
    assert mentioned["let"] == {"room": "$roomId", "read": "$readSeq"}
    assert mentioned["pipeline"] == [
        {"$match": {"mentions": {"$in": ["u1", "room"]}, "$expr": {"$and": [ROOM_OF, {"$gt": ["$seq", "$$read"]}]}}},
        {"$count": "count"},
    ]


def test_a_room_for_somebody_has_their_membership_joined() -> None:
    pipeline = room_pipelines.room_for("r1", "u1")
    assert stages(pipeline) == ["$match", "$lookup", "$lookup", "$lookup"]
    within = lookup(pipeline, "membership")["pipeline"]
    assert within[0] == {"$match": {"userId": "u1", "left": False, "$expr": ROOM_OF}}
    assert lookup(within, "mentioned")


def test_rooms_are_listed_by_keyset_and_only_those_of_a_page_are_joined() -> None:
    public = room_pipelines.public_rooms("u1", below=77, part="", limit=5)
    assert public[:3] == [
        {"$match": {"isPrivate": False, "order": {"$lt": 77}}},
        {"$sort": {"order": -1}},
        {"$limit": 5},
    ]
    own = room_pipelines.rooms_of("u1", below=77, part="", limit=5)
    assert own[:2] == [
        {"$match": {"userId": "u1", "left": False, "roomOrder": {"$lt": 77}}},
        {"$sort": {"roomOrder": -1}},
    ]
    assert stages(own) == ["$match", "$sort", "$lookup", "$unwind", "$limit", "$lookup", "$lookup"]


@pytest.mark.parametrize("part", ["$name", "$$ROOT", "a.b", ".*"])
def test_a_part_of_a_name_is_a_literal(part: str) -> None:
    found = room_pipelines.public_rooms("u1", below=9, part=part, limit=5)[2]
    assert found == {"$match": {"$expr": {"$gte": [{"$indexOfBytes": ["$nameFolded", {"$literal": part}]}, 0]}}}


def test_members_are_paged_by_name_and_joined_with_their_names_only() -> None:
    pipeline = room_pipelines.members("r1", above="bob", among=("", "z"), limit=5)
    assert pipeline[:3] == [
        {"$match": {"roomId": "r1", "left": False, "usernameFolded": {"$gt": "bob", "$gte": "", "$lt": "z"}}},
        {"$sort": {"usernameFolded": 1}},
        {"$limit": 5},
    ]
    assert lookup(pipeline, "user")["pipeline"][-1] == {"$project": {"username": 1, "displayName": 1}}


def test_heads_of_many_rooms_are_one_aggregation() -> None:
    pipeline = room_pipelines.heads(["r1", "r2"])
    assert pipeline[0] == {"$match": {"_id": {"$in": ["r1", "r2"]}}}
    assert lookup(pipeline, "ahead")["from"] == "changes"
    assert pipeline[-1] == {"$project": {"rev": 1, "head": 1, "ahead": 1}}


def test_stats_are_one_aggregation() -> None:
    pipeline = room_pipelines.stats("r1")
    assert stages(pipeline) == ["$match", "$lookup", "$project"]
    assert pipeline[-1] == {"$project": {"memberCount": 1, "createdAt": 1, "head": 1}}


@pytest.mark.parametrize(
    ("before", "after", "match", "direction"),
    [
        (None, None, {"roomId": "r1"}, -1),
        (7, None, {"roomId": "r1", "seq": {"$lt": 7}}, -1),
        (None, 0, {"roomId": "r1", "seq": {"$gt": 0}}, 1),
    ],
)
def test_a_page_is_a_keyset_by_seq(
    before: int | None, after: int | None, match: dict[str, Any], direction: int
) -> None:
    pipeline = message_pipelines.page("r1", before=before, after=after, limit=51, with_authors=False)
    assert pipeline[:2] == [{"$match": {"_id": "r1"}}, {"$project": {"rev": 1}}]
    assert lookup(pipeline, "messages")["pipeline"] == [
        {"$match": match},
        {"$sort": {"seq": direction}},
        {"$limit": 51},
    ]


def test_authors_are_joined_without_their_secrets() -> None:
    pipeline = message_pipelines.page("r1", before=None, after=None, limit=51, with_authors=True)
    within = lookup(pipeline, "messages")["pipeline"]
    assert lookup(within, "author")["pipeline"][-1] == {"$project": {"passwordHash": 0, "email": 0, "emailFolded": 0}}


def test_what_changed_is_each_message_once() -> None:
    pipeline = message_pipelines.latest_changes("r1", since=3, upto=9, limit=5)
    assert pipeline[:4] == [
        {"$match": {"roomId": "r1", "rev": {"$gt": 3, "$lte": 9}, "seq": {"$exists": True}}},
        {"$group": {"_id": "$seq", "rev": {"$max": "$rev"}}},
        {"$sort": {"rev": 1}},
        {"$limit": 5},
    ]


def test_a_search_goes_from_new_to_old_and_on_where_the_last_span_ended() -> None:
    first = message_pipelines.search({"$text": {"$search": "x"}, "roomId": {"$in": ["r1"]}}, Span(limit=5))
    assert first[:3] == [
        {"$match": {"$text": {"$search": "x"}, "roomId": {"$in": ["r1"]}}},
        {"$sort": {"createdAt": -1, "roomId": 1, "seq": -1}},
        {"$limit": 5},
    ]
    following = message_pipelines.search({"deletedAt": None}, Span(limit=5, after=(-1000, "r1", -7)))
    (beyond,) = following[0]["$match"]["$and"]
    assert beyond["$or"] == [
        {"createdAt": {"$lt": stored_time(1000)}},
        {"createdAt": stored_time(1000), "roomId": {"$gt": "r1"}},
        {"createdAt": stored_time(1000), "roomId": "r1", "seq": {"$lt": 7}},
    ]


# ---- on a real mongod --------------------------------------------------------------------------------------------


class Case(Struct, frozen=True):
    """A pipeline, the index that its first stages use, and the indexes of its joins by joined field."""

    collection: str
    pipeline: Pipeline
    index: str
    joins: dict[str, str]


OF_MEMBER = {"head": "room_seq", "mentioned": "mentions"}
TEA = {"roomId": {"$in": ["r1"]}, "deletedAt": None, "$text": {"$search": '"tea"'}}
WITH_FILE = {"roomId": {"$in": ["r1"]}, "deletedAt": None, "attachments": {"$exists": True}}
CASES = {
    "room": Case("rooms", room_pipelines.room("r1"), "_id_", {"head": "room_seq", "unapplied": "room_rev"}),
    "room_for": Case(
        "rooms",
        room_pipelines.room_for("r1", "u1"),
        "_id_",
        {**OF_MEMBER, "membership": "room_user", "unapplied": "room_rev"},
    ),
    "rooms": Case("rooms", room_pipelines.rooms(["r1", "r2"]), "_id_", {"head": "room_seq", "unapplied": "room_rev"}),
    "mentioned": Case("messages", message_pipelines.mentioned({("r1", "u1"): 3, ("r2", "u2"): 5}), "mentions", {}),
    "public_rooms": Case(
        "rooms",
        room_pipelines.public_rooms("u1", below=150, part="", limit=5),
        "listed",
        {**OF_MEMBER, "membership": "room_user"},
    ),
    "public_rooms named": Case(
        "rooms",
        room_pipelines.public_rooms("u1", below=150, part="x", limit=5),
        "listed",
        {**OF_MEMBER, "membership": "room_user"},
    ),
    "rooms_of": Case(
        "members",
        room_pipelines.rooms_of("u1", below=150, part="x", limit=5),
        "user_rooms",
        {**OF_MEMBER, "room": "_id_"},
    ),
    "room_with_members": Case(
        "rooms", room_pipelines.room_with_members("r1", ["u1", "u2"]), "_id_", {"members": "room_user"}
    ),
    "membership": Case("members", room_pipelines.membership("r1", "u1"), "room_user", OF_MEMBER),
    "memberships": Case("members", room_pipelines.memberships([("r1", "u1"), ("r1", "u2")]), "room_user", {}),
    "members": Case(
        "members", room_pipelines.members("r1", above="", among=("", "z"), limit=5), "room_names", {"user": "_id_"}
    ),
    "heads": Case("rooms", room_pipelines.heads(["r1", "r2"]), "_id_", {"head": "room_seq", "ahead": "room_rev"}),
    "stats": Case("rooms", room_pipelines.stats("r1"), "_id_", {"head": "room_seq"}),
    "page": Case(
        "rooms",
        message_pipelines.page("r1", before=None, after=None, limit=5, with_authors=True),
        "_id_",
        {"messages": "room_seq", "author": "_id_"},
    ),
    "page before": Case(
        "rooms",
        message_pipelines.page("r1", before=90, after=None, limit=5, with_authors=False),
        "_id_",
        {"messages": "room_seq"},
    ),
    "page after": Case(
        "rooms",
        message_pipelines.page("r1", before=None, after=9, limit=5, with_authors=False),
        "_id_",
        {"messages": "room_seq"},
    ),
    "history": Case(
        "rooms",
        message_pipelines.history("r1", 3, "u1"),
        "_id_",
        {"head": "room_seq", "member": "room_user", "edits": "room_seq", "message": "room_seq"},
    ),
    "latest_changes": Case(
        "changes", message_pipelines.latest_changes("r1", since=1, upto=5, limit=5), "room_rev", {"message": "room_seq"}
    ),
    "search": Case("messages", message_pipelines.search(TEA, Span(limit=5)), "content_text", {}),
    "search on": Case(
        "messages", message_pipelines.search(TEA, Span(limit=5, after=(-2, "r1", -3))), "content_text", {}
    ),
    "search of files": Case("messages", message_pipelines.search(WITH_FILE, Span(limit=5)), "with_file", {}),
    "recent": Case("messages", message_pipelines.recent(["r1"], {}, read_max=50, limit=5), "room_created", {}),
    "metric_steps": Case("monitoring", metric_steps("a", "cpu", since=10, until=90, step=5), "source_minute", {}),
    # Not pipelines of the product, but queries that have an index of their own.
    "a day": Case("messages", [{"$match": {"roomId": "r1", "createdAt": {"$lt": stored_time(5)}}}], "room_created", {}),
    "thread": Case(
        "messages", [{"$match": {"roomId": "r1", "thread": 3, "seq": {"$gt": 5}}}, {"$sort": {"seq": 1}}], "thread", {}
    ),
    "revoked": Case(
        "sessions", [{"$match": {"revokedAt": {"$gte": stored_time(1)}}}, {"$sort": {"revokedAt": -1}}], "revoked", {}
    ),
    "old minutes": Case("monitoring", [{"$match": {"minute": {"$lt": 10}}}], "minute", {}),
}
# Values for a join's variables.
VARIABLES = {"$$room": "r1", "$$rev": 1, "$$read": 5, "$$user": "u1", "$$author": "u1", "$$seq": 7}


def as_run(value: Any) -> Any:
    """A joined pipeline as the server runs it for one document: with values for its variables."""
    if isinstance(value, dict):
        return {name: as_run(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [as_run(part) for part in value]
    return VARIABLES.get(value, value) if isinstance(value, str) else value


def joins_of(pipeline: Pipeline) -> Iterator[tuple[str, str, Pipeline]]:
    """Each join, nested ones included: the field it fills, its collection, and its pipeline."""
    for stage in pipeline:
        if join := stage.get("$lookup"):
            yield join["as"], join["from"], as_run(join["pipeline"])
            yield from joins_of(join["pipeline"])


def test_every_pipeline_and_all_that_it_joins_has_its_index_named_here() -> None:
    made = {
        name
        for module in (room_pipelines, message_pipelines, metrics_history)
        for name, one in inspect.getmembers(module, inspect.isfunction)
        if one.__annotations__.get("return") == "Pipeline"
    }
    assert {name for name in made if not name.startswith("_")} == {name.split()[0] for name in CASES} - {
        "a",
        "revoked",
        "old",
        "thread",
    }
    for case in CASES.values():
        assert {field for field, _, _ in joins_of(case.pipeline)} == case.joins.keys()
        assert "$$" not in str([pipeline for _, _, pipeline in joins_of(case.pipeline)]).replace("$$ROOT", "")


def used_in(plan: Any) -> tuple[set[str], set[str]]:
    """The stages of a plan, and the indexes that it uses."""
    stages, indexes = set(), set()
    if isinstance(plan, dict):
        if isinstance(stage := plan.get("stage"), str):
            stages.add(stage)
            indexes |= {"_id_"} if stage == "IDHACK" else set()
        if isinstance(index := plan.get("indexName"), str):
            indexes.add(index)
    for part in plan.values() if isinstance(plan, dict) else plan if isinstance(plan, list) else ():
        more_stages, more_indexes = used_in(part)
        stages, indexes = stages | more_stages, indexes | more_indexes
    return stages, indexes


def winning_plan(explained: dict[str, Any]) -> Any:
    """The winning plan of an explanation. Raises KeyError if its form is not known here."""
    whole = explained["stages"][0]["$cursor"] if "stages" in explained else explained
    return whole["queryPlanner"]["winningPlan"]


def assert_answered_from(explained: dict[str, Any], index: str) -> None:
    stages, indexes = used_in(winning_plan(explained))
    assert stages
    assert "COLLSCAN" not in stages
    assert indexes == {index}


IXSCAN = {"stage": "FETCH", "inputStage": {"stage": "IXSCAN", "indexName": "room_seq"}}


@pytest.mark.parametrize(
    ("explained", "index"),
    [
        ({"queryPlanner": {"winningPlan": IXSCAN}}, "room_seq"),
        ({"queryPlanner": {"winningPlan": {"queryPlan": IXSCAN, "slotBasedPlan": {"stages": "…"}}}}, "room_seq"),
        ({"stages": [{"$cursor": {"queryPlanner": {"winningPlan": IXSCAN}}}, {"$lookup": {}}]}, "room_seq"),
        ({"queryPlanner": {"winningPlan": {"stage": "IDHACK"}}}, "_id_"),
        ({"queryPlanner": {"winningPlan": {"stage": "EXPRESS_IXSCAN", "indexName": "_id_"}}}, "_id_"),
        ({"queryPlanner": {"winningPlan": {"stage": "COLLSCAN"}}}, None),
        ({"queryPlanner": {"winningPlan": {"stage": "OR", "inputStages": [IXSCAN, {"stage": "COLLSCAN"}]}}}, None),
        ({"queryPlanner": {"winningPlan": {}, "rejectedPlans": [IXSCAN]}}, None),
        ({"queryPlanner": {"winningPlan": {"stage": "FETCH"}}}, None),
    ],
)
def test_a_plan_is_read_as_servers_give_it(explained: dict[str, Any], index: str | None) -> None:
    if index is not None:
        assert_answered_from(explained, index)
        return
    with pytest.raises(AssertionError):
        assert_answered_from(explained, "room_seq")


def test_no_plan_at_all_is_an_error() -> None:
    for explained in ({}, {"queryPlanner": {}}, {"stages": [{"$match": {}}]}):
        with pytest.raises(KeyError):
            winning_plan(explained)


@pytest.fixture
def filled(store: MongoStore, raw: Raw) -> Raw:
    """Fill the collections with enough documents, distributed so that the intended index is the best for each query."""
    people, now = range(100), stored_time(1000)
    raw.users.insert_many([{"_id": f"u{n}", "usernameFolded": f"u{n}", "emailFolded": f"u{n}"} for n in people])
    raw.sessions.insert_many([{"_id": f"s{n}", "userId": "u1", "expiresAt": stored_time(2**43)} for n in people])
    raw.sessions.insert_one({"_id": "s", "userId": "u1", "expiresAt": stored_time(2**43), "revokedAt": now})
    raw.rooms.insert_many(
        [
            {"_id": f"r{n}", "order": n, "isPrivate": n > 50, "nameFolded": f"x{n}", "rev": 1, "createdAt": now}
            for n in people
        ]
    )
    raw.members.insert_many(
        [
            {
                "roomId": f"r{room}",
                "userId": f"u{user}",
                "usernameFolded": f"u{user}",
                "roomOrder": room,
                "left": False,
                "readSeq": 5,
            }
            for room, user in {(1, user) for user in people} | {(room, 1) for room in people}
        ]
    )
    raw.messages.insert_many(
        [
            {
                "roomId": room,
                "seq": n,
                "userId": "u1",
                "clientId": f"c{n}",
                "content": "some words",
                "createdAt": stored_time(n),
            }
            for room in ("r1", "r2")
            for n in range(1, 201)
        ]
    )
    raw.messages.update_one({"roomId": "r1", "seq": 77}, {"$set": {"mentions": ["u1"], "content": "tea"}})
    raw.changes.insert_many(
        [{"roomId": room, "rev": n, "seq": n, "createdAt": now} for room in ("r1", "r2") for n in range(1, 101)]
    )
    cpu = {"cpu": {"least": 1.0, "total": 1.0, "most": 1.0, "samples": 1}}
    raw.monitoring.insert_many(
        [{"source": source, "minute": n, "metrics": cpu} for source in "abc" for n in range(200)]
    )
    return raw


def explain(raw: Raw, collection: str, pipeline: Pipeline, verbosity: str = "queryPlanner") -> dict[str, Any]:
    command = {"aggregate": collection, "pipeline": pipeline, "cursor": {}}
    return dict(raw.command("explain", command, verbosity=verbosity))


@pytest.mark.real_mongod
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.gen_test
async def test_a_pipeline_is_answered_from_its_index(filled: Raw, case: Case) -> None:
    assert_answered_from(explain(filled, case.collection, case.pipeline), case.index)


@pytest.mark.real_mongod
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.gen_test
async def test_what_a_pipeline_joins_is_answered_from_its_index(filled: Raw, case: Case) -> None:
    for field, collection, pipeline in joins_of(case.pipeline):
        assert_answered_from(explain(filled, collection, pipeline), case.joins[field])
    if not case.joins:
        return
    explained = explain(filled, case.collection, case.pipeline, "executionStats")
    ran = [stage for stage in explained["stages"] if "$lookup" in stage]
    assert len(ran) == sum("$lookup" in stage for stage in case.pipeline)
    for stage in ran:
        assert int(stage["collectionScans"]) == 0
        assert stage["indexesUsed"]


@pytest.mark.real_mongod
@pytest.mark.parametrize(
    "collection", sorted({index.collection for index in INDEXES if "expireAfterSeconds" in index.options})
)
@pytest.mark.gen_test
async def test_ttl_removes_what_has_expired(store: MongoStore, raw: Raw, collection: str) -> None:
    raw[collection].insert_one({"_id": "gone", "expiresAt": stored_time(1)})
    raw[collection].insert_one({"_id": "stays", "roomId": "r", "expiresAt": stored_time(2**43)})
    for _ in range(130):
        if [found["_id"] for found in raw[collection].find()] == ["stays"]:
            return
        await asyncio.sleep(1)  # the server's TTL thread runs once a minute
    raise AssertionError("it is still there")
