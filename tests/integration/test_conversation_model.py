"""Random operations of several people on two processes, with reconnects and lost events: every client sees in the end
what a small model says, and on the way nothing twice, nothing out of order, and nothing after a membership ended.

CONVERSATION_EXAMPLES=100 plays more than `make test` does, CONVERSATION_SEED others, CONVERSATION_SHRINK=1 looks for
the shortest list of operations that fails.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from msgspec import Struct

from tests.integration.conftest import JWT, StoreEnv, until_redis_is_connected
from tests.support.client import register
from tests.support.conversation.clients import Clients
from tests.support.conversation.model import Conversation
from tests.support.conversation.operation import Draw
from tests.support.conversation.play import Play
from tests.support.redis_proxy_thread import RedisProxyThread, proxy_thread_to
from tests.support.redis_server import RedisServer
from tests.support.server import ServerProcess, serving

EXAMPLES = int(os.environ.get("CONVERSATION_EXAMPLES", "3"))
SEED = int(os.environ.get("CONVERSATION_SEED", "16"))
SHRINK = os.environ.get("CONVERSATION_SHRINK") == "1"
PHASES = (Phase.generate, Phase.shrink) if SHRINK else (Phase.generate,)
PEOPLE, STEPS, SETTLE_EVERY = 4, 60, 20
ENV = {**JWT, "RATE_LIMIT_ENABLED": "false", "WS_MAX_CONNECTIONS_PER_USER": "1000"}


class ClusterBehindProxies(Struct, frozen=True):
    servers: tuple[ServerProcess, ...]
    proxies: tuple[RedisProxyThread, ...]


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, store_env: StoreEnv, shared_redis: RedisServer
) -> Iterator[ClusterBehindProxies]:
    """Two processes on one store, each with a proxy of its own to Redis."""
    data_dir = tmp_path_factory.mktemp("conversation") / "data"
    with ExitStack() as stack:
        proxies = tuple(stack.enter_context(proxy_thread_to(shared_redis.port)) for _ in range(2))
        servers = tuple(
            stack.enter_context(serving(data_dir, {**store_env(data_dir), **ENV, **proxy.env})) for proxy in proxies
        )
        until_redis_is_connected(*servers)
        yield ClusterBehindProxies(servers, proxies)


async def play(cluster: ClusterBehindProxies, draw: Draw, failures: list[str]) -> None:
    """Play one example with people of its own. What fails is added to `failures`, with what was done before."""
    people = [await asyncio.to_thread(register, cluster.servers[0].url) for _ in range(PEOPLE)]
    async with Clients(people, cluster.servers, cluster.proxies) as clients:
        one = Play(clients, Conversation([person.id for person in people]))
        try:
            await one.begin()
            for number in range(1, STEPS + 1):
                await one.step(draw)
                if number % SETTLE_EVERY == 0:
                    await one.settle()
        except Exception as failure:
            failures.append("\n".join([*one.done, f"{type(failure).__name__}: {failure}"]))
            raise


@pytest.mark.parametrize("number", [SEED, pytest.param(SEED + 1, marks=pytest.mark.slow)])
def test_each_client_sees_what_the_model_says(cluster: ClusterBehindProxies, number: int) -> None:
    failures: list[str] = []

    @seed(number)
    @settings(max_examples=EXAMPLES, phases=PHASES, database=None, suppress_health_check=list(HealthCheck))
    @given(chance=st.randoms())
    def examples(chance: Random) -> None:
        asyncio.run(play(cluster, Draw(chance.choice), failures))

    try:
        examples()
    except Exception as error:
        # Hypothesis repeats what failed. On real processes it may then fail elsewhere or not at all, and say only that.
        found = failures[-1 if SHRINK else 0] if failures else str(error)
        raise AssertionError(f"seed {number}:\n{found}") from error
