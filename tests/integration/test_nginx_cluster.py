"""`make cluster`: the shipped nginx before two real processes and a real Redis, also while a process ends."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import os
import pty
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
from msgspec import Struct, field
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from deploy.cluster import SBIN
from tests.support.client import ChatConnection, CommandRefused, Person, call, chat, register
from tests.support.coverage import inherited_coverage_variables
from tests.support.redis_server import MISSING as REDIS_MISSING
from tests.support.server import ROOT, STOP_WITHIN_S, free_port
from tests.support.waiting import poll, until

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:{SBIN}")
NGINX_MISSING = "need nginx on PATH (Debian: apt-get install nginx)"
REDIS = shutil.which("redis-server")
# Linux accepts all of 127.0.0.0/8 as loopback. Neither of these is a trusted proxy.
CLIENT, FORGED = "127.0.0.2", "127.0.0.3"

pytestmark = pytest.mark.skipif(NGINX is None, reason=NGINX_MISSING)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def take_terminal() -> None:
    """Open the terminal, which makes it the controlling terminal of this process's session."""
    os.close(os.open(os.ttyname(0), os.O_RDWR))


class ClusterProcess:
    """A process of `make cluster`'s program, its log, and its children."""

    def __init__(self, folder: Path, *, processes: int = 2, stdin: int = subprocess.DEVNULL, **env: str) -> None:
        self.port = free_port(processes + 1)
        self.log_path = folder / "cluster.log"
        self._count = processes
        self._env = {
            "PATH": os.environ["PATH"],
            **inherited_coverage_variables(),
            "PORT": str(self.port),
            "PROCESSES": str(processes),
            "DATA_DIR": str(folder / "data"),
            "RATE_LIMIT_ENABLED": "false",
            **env,
        }
        self._stdin = stdin
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def start(self) -> ClusterProcess:
        """Start it in a session of its own and wait until it is ready. If its standard input is a terminal, that is the
        session's.
        """
        with self.log_path.open("ab") as log:
            self._process = process = subprocess.Popen(
                [sys.executable, "-m", "deploy.cluster"],
                env=self._env,
                stdin=self._stdin,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                start_new_session=True,
                preexec_fn=None if self._stdin == subprocess.DEVNULL else take_terminal,
            )
        poll(lambda: process.poll() is not None or "cluster ready on" in self.log(), 120)
        assert process.poll() is None, self.log()
        return self

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(90)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def pids(self, name: str) -> list[int]:
        """The process ids of a child, one for each of its starts."""
        return [int(pid) for pid in re.findall(rf"^cluster: {name} started, pid (\d+)$", self.log(), re.MULTILINE)]

    def is_ready(self, number: int) -> bool:
        """Whether process `number`, from 1, is ready."""
        try:
            return call(f"http://127.0.0.1:{self.port + number}", "GET", "/health/ready").status == 200
        except OSError:
            return False

    def all_ready(self) -> bool:
        return all(self.is_ready(number) for number in range(1, self._count + 1))

    def assert_log_is_clean(self) -> None:
        """Assert that no process logged a traceback or a line above WARNING."""
        wrong = [line for line in self.log().splitlines() if re.search(r"Traceback|^p\d: \S+Z (ERROR|CRITICAL) ", line)]
        assert not wrong, wrong


@contextmanager
def serving_cluster(folder: Path, **env: str) -> Iterator[ClusterProcess]:
    if REDIS is None:
        pytest.skip(REDIS_MISSING)
    one = ClusterProcess(folder, **env)
    try:
        yield one.start()
    finally:
        one.stop()
    one.assert_log_is_clean()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterProcess]:
    """Two processes that the module's tests share. A test that ends one waits until it is back."""
    with serving_cluster(tmp_path_factory.mktemp("cluster"), METRICS_ALLOW=FORGED) as one:
        yield one


@pytest.fixture
def ready_cluster(cluster: ClusterProcess) -> ClusterProcess:
    """The shared cluster, once all of its processes are ready."""
    poll(cluster.all_ready)
    return cluster


def test_one_line_says_where_it_is_and_every_line_whose_it_is(cluster: ClusterProcess) -> None:
    one, two = cluster.port + 1, cluster.port + 2
    where = rf"^cluster ready on {cluster.url} \(2 processes: {one}, {two}; redis 127\.0\.0\.1:\d+\)$"
    assert re.search(where, cluster.log(), re.MULTILINE), cluster.log()
    poll(lambda: re.search("^nginx:", cluster.log(), re.MULTILINE))  # a thread for each process copies its lines
    names = {line.partition(" ")[0] for line in cluster.log().splitlines()}
    assert {"cluster:", "p1:", "p2:", "nginx:"} <= names <= {"cluster:", "p1:", "p2:", "nginx:", "redis:", "cluster"}


def test_its_redis_answers_nobody_without_the_password_which_only_this_user_can_read(cluster: ClusterProcess) -> None:
    (port,) = re.findall(r"redis 127\.0\.0\.1:(\d+)\)$", cluster.log(), re.MULTILINE)

    def ask(*lines: str) -> bytes:
        with socket.create_connection(("127.0.0.1", int(port)), timeout=30) as connection:
            connection.sendall("".join(f"{line}\r\n" for line in lines).encode())
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65_536), b""))

    assert ask("PING").startswith(b"-NOAUTH")
    assert ask("AUTH guess", "KEYS *").startswith(b"-WRONGPASS")
    (process,) = (psutil.Process(pid) for pid in cluster.pids("p1"))
    file = Path(process.environ()["REDIS_PASSWORD_FILE"])
    password = file.read_text()
    assert len(password) >= 40
    assert ask(f"AUTH {password}", "PING") == b"+OK\r\n+PONG\r\n"
    for path in (file, file.with_name("redis.conf")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for one in (psutil.Process(cluster.process.pid), *psutil.Process(cluster.process.pid).children(recursive=True)):
        assert password not in " ".join(one.cmdline())
        assert password not in one.environ().values()
    assert password not in cluster.log()
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert not low <= int(port) <= high, "a port that the kernel gives to whoever connects"


@pytest.mark.gen_test
async def test_twenty_clients_over_both_processes_hear_each_message_once_and_in_order(
    ready_cluster: ClusterProcess,
) -> None:
    people = [await asyncio.to_thread(register, ready_cluster.url) for _ in range(4)]
    room = people[0].make_room()["id"]
    async with contextlib.AsyncExitStack() as stack:
        chats = [
            await stack.enter_async_context(chat(ready_cluster.ws_url, people[number % 4])) for number in range(20)
        ]
        for one in chats:
            await one.command("joinRoom", roomId=room)
        assert len({(await one.one("welcome"))["processId"] for one in chats}) == 2
        for number in range(60):
            if number % 3:
                await chats[number % 20].command("sendMessage", roomId=room, content=f"text {number}")
            else:
                await asyncio.to_thread(people[number % 4].post, room, f"text {number}")
        for one in chats:
            await one.until(lambda one=one: len(one.seqs) >= 60)
            assert one.seqs == list(range(1, 61))
            assert [message["content"] for message in one.named("receiveMessage")] == [
                f"text {number}" for number in range(60)
            ]


def ask_from(source: str, cluster: ClusterProcess, path: str, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", cluster.port, timeout=30, source_address=(source, 0))
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_clients_address_is_the_one_that_nginx_sees_whatever_it_says_itself(ready_cluster: ClusterProcess) -> None:
    forged = {"X-Forwarded-For": FORGED, "X-Real-IP": FORGED, "Forwarded": f"for={FORGED}"}
    assert ask_from(FORGED, ready_cluster, "/health/database") == 200  # the only address that may
    for source in ("127.0.0.1", CLIENT):
        assert ask_from(source, ready_cluster, "/health/database") == 403
        assert ask_from(source, ready_cluster, "/health/database", **forged) == 403
        assert ask_from(source, ready_cluster, "/health/database", **{"X-Forwarded-For": f"{FORGED}, 127.0.0.1"}) == 403
    assert ask_from(CLIENT, ready_cluster, "/rooms", **forged) == 401
    poll(lambda: re.search(rf"^p\d: .*path=/rooms status=401 .*client={CLIENT} ", ready_cluster.log(), re.MULTILINE))
    assert not re.search(rf"path=/rooms .*client={FORGED} ", ready_cluster.log())


@pytest.mark.gen_test
async def test_a_token_in_a_query_is_in_no_log_also_while_a_process_is_gone(ready_cluster: ClusterProcess) -> None:
    ada = await asyncio.to_thread(register, ready_cluster.url)
    begin = len(ready_cluster.log())
    os.kill(ready_cluster.pids("p2")[-1], signal.SIGKILL)
    for _ in range(4):
        async with chat(ready_cluster.ws_url, None, token=ada.access_token) as one:
            assert (await one.one("welcome"))["user"]["id"] == ada.id
        async with chat(ready_cluster.ws_url, None, token="NOTATOKEN") as one:
            assert await one.closed() == 4401
        assert (
            await asyncio.to_thread(call, ready_cluster.url, "GET", f"/auth/profile?token={ada.access_token}")
        ).code == "unauthorized"
    await until(ready_cluster.all_ready)
    log = ready_cluster.log()[begin:]
    assert re.search(r"^nginx: .* GET /ws HTTP/1.1 101 ", log, re.MULTILINE)
    assert re.search(r"^p1: .* path=/ws status=101 ", log, re.MULTILINE)
    assert ada.access_token not in ready_cluster.log()
    assert "NOTATOKEN" not in ready_cluster.log()


@pytest.mark.gen_test
async def test_a_reload_of_nginx_drops_no_socket(ready_cluster: ClusterProcess) -> None:
    ada = await asyncio.to_thread(register, ready_cluster.url)
    room = ada.make_room()["id"]
    master = psutil.Process(ready_cluster.pids("nginx")[-1])
    before = {worker.pid for worker in master.children()}
    async with contextlib.AsyncExitStack() as stack:
        chats = [await stack.enter_async_context(chat(ready_cluster.ws_url, ada)) for _ in range(4)]
        for one in chats:
            await one.command("joinRoom", roomId=room)
        master.send_signal(signal.SIGHUP)
        await until(lambda: len({worker.pid for worker in master.children()} - before) >= len(before))
        assert before & {worker.pid for worker in master.children()}, (
            "the old workers serve their sockets until these end"
        )
        async with chat(ready_cluster.ws_url, ada) as newcomer:
            await newcomer.command("joinRoom", roomId=room)
            for one in (*chats, newcomer):
                await one.command("sendMessage", roomId=room, content="still here")
            for one in (*chats, newcomer):
                await one.until(lambda one=one: len(one.seqs) >= 5)
                assert one.seqs == [1, 2, 3, 4, 5]
    await until(lambda: not before & {worker.pid for worker in master.children()})


@pytest.mark.gen_test
async def test_while_a_process_is_killed_and_started_again_reads_go_on_and_no_post_is_doubled(
    ready_cluster: ClusterProcess,
) -> None:
    ada = await asyncio.to_thread(register, ready_cluster.url)
    room = ada.make_room()["id"]
    starts = len(ready_cluster.pids("p1"))
    reads: list[int] = []
    posts: dict[str, int] = {}

    async def read() -> None:
        while not over.is_set():
            reads.append((await asyncio.to_thread(ada.call, "GET", "/messages", roomId=room)).status)

    async def post() -> None:
        for number in itertools.count():
            content = f"text {number}"
            posts[content] = (
                await asyncio.to_thread(ada.call, "POST", "/messages", {"roomId": room, "content": content})
            ).status
            if over.is_set():
                return

    over = asyncio.Event()
    working = [asyncio.ensure_future(work()) for work in (read, read, post)]
    try:
        await until(lambda: len(posts) > 20)
        os.kill(ready_cluster.pids("p1")[-1], signal.SIGKILL)
        await until(lambda: len(ready_cluster.pids("p1")) > starts and ready_cluster.is_ready(1))
        enough = len(reads) + 20
        await until(lambda: len(reads) > enough)
    finally:
        over.set()
        await asyncio.gather(*working)
    assert set(reads) == {200}
    assert set(posts.values()) <= {201, 503}
    stored: list[str] = []
    while page := ada.call("GET", "/messages", roomId=room, after=len(stored), limit=100).json["messages"]:
        stored += [message["content"] for message in page]
    assert len(set(stored)) == len(stored)
    assert {content for content, status in posts.items() if status == 201} <= set(stored) <= set(posts)
    assert re.search(r"^cluster: p1 ended with -9; it starts again in [\d.]+ s$", ready_cluster.log(), re.MULTILINE)


class MessageSender(Struct):
    """A user who goes on sending whatever happens to the process: it reconnects, resumes, and repeats a message with
    the same clientId.
    """

    cluster: ClusterProcess
    person: Person
    room: str
    period_s: float
    seen: list[int] = field(default_factory=list)
    tries: dict[str, int] = field(default_factory=dict)  # attempts for each message until its ack
    _chat: ChatConnection | None = None

    async def send_until(self, over: asyncio.Event) -> None:
        """Send one message every `period_s` until `over` is set. Delayed messages are sent at once, to catch up."""
        due = time.monotonic()
        for number in itertools.count():
            client_id = f"{self.person.id}-{number}"
            self.tries[client_id] = 0
            while not await self._sent(client_id):
                pass
            if over.is_set():
                return
            due += self.period_s
            await asyncio.sleep(due - time.monotonic())  # the pace of the load

    async def _sent(self, client_id: str) -> bool:
        raise NotImplementedError


class RestSender(MessageSender):
    async def _sent(self, client_id: str) -> bool:
        self.tries[client_id] += 1
        body = {"roomId": self.room, "content": "x", "clientId": client_id}
        answer = await asyncio.to_thread(self.person.call, "POST", "/messages", body)
        if answer.status == 503:
            await asyncio.sleep(int(answer.headers["retry-after"]))  # as it was told
        assert answer.status in (200, 201, 503), answer.body
        return answer.status != 503


class WebSocketSender(MessageSender):
    async def _sent(self, client_id: str) -> bool:
        one = self._chat or await self._connect()
        try:
            if one.close_code is not None:
                raise ConnectionError("closed between two messages")
            self.tries[client_id] += 1
            await one.command("sendMessage", roomId=self.room, content="x", clientId=client_id)
        except (ConnectionError, WebSocketException):
            await one.closed()
            self._disconnect(one)
            restarting = one.named("serverRestarting")
            await asyncio.sleep(restarting[0]["reconnectAfterMs"] / 1000 if restarting else 0.1)  # as it was told
            return False
        except CommandRefused as refused:
            assert refused.data["retryable"], refused.data
            return False
        return True

    async def _connect(self) -> ChatConnection:
        while True:
            try:
                headers = {"Authorization": f"Bearer {self.person.access_token}"}
                one = ChatConnection(await connect(self.cluster.ws_url, additional_headers=headers, ping_interval=None))
            except InvalidStatus as refused:
                assert refused.response.status_code == 503
                await asyncio.sleep(0.2)  # the pace of reconnecting
                continue
            one.start()
            try:
                ack = await one.command("joinRoom", roomId=self.room, since=max(self.seen, default=0))
            except (ConnectionError, WebSocketException):
                continue
            self.seen += [message["seq"] for message in ack["missed"]]
            self._chat = one
            return one

    def _disconnect(self, one: ChatConnection) -> None:
        self.seen += one.seqs
        self._chat = None

    async def received_seqs(self, last: int) -> list[int]:
        """Wait for the message with seq `last`. Returns the seqs of all messages, in the order received."""
        one = self._chat or await self._connect()
        await one.until(lambda: max([*self.seen, *one.seqs], default=0) >= last)
        return [*self.seen, *one.seqs]

    async def end(self) -> None:
        if self._chat is not None:
            await self._chat.end()


@pytest.mark.gen_test
async def test_a_rolling_restart_under_load_loses_nothing_and_takes_no_post_a_second_retry(
    ready_cluster: ClusterProcess,
) -> None:
    people = [await asyncio.to_thread(register, ready_cluster.url) for _ in range(8)]
    room = people[0].make_room()["id"]
    for person in people[1:]:
        person.join(room)
    on_websockets = [WebSocketSender(ready_cluster, person, room, 0.08) for person in people[:5]]
    message_senders: list[MessageSender] = [
        *on_websockets,
        *(RestSender(ready_cluster, person, room, 0.08) for person in people[5:]),
    ]
    starts = [len(ready_cluster.pids(name)) for name in ("p1", "p2")]
    over = asyncio.Event()
    sending = [asyncio.ensure_future(sender.send_until(over)) for sender in message_senders]
    async with contextlib.AsyncExitStack() as stack:
        for sender in on_websockets:
            stack.push_async_callback(sender.end)
        try:
            await until(lambda: sum(len(sender.tries) for sender in message_senders) > 80)
            done = ready_cluster.log().count("rolling restart done")
            ready_cluster.process.send_signal(signal.SIGHUP)
            await until(lambda: ready_cluster.log().count("rolling restart done") > done, 100)
        finally:
            over.set()
            await asyncio.gather(*sending)
        assert [len(ready_cluster.pids(name)) for name in ("p1", "p2")] == [count + 1 for count in starts]
        tries = [count for sender in message_senders for count in sender.tries.values()]
        assert max(tries) <= 2
        assert len(tries) > 100, "there was load"
        assert people[0].call("GET", f"/rooms/{room}").json["room"]["lastSeq"] == len(tries), (
            "each is stored, and stored once"
        )
        for sender in on_websockets:
            assert await sender.received_seqs(len(tries)) == list(range(1, len(tries) + 1))


def fake_systemctl(path: Path, cluster: ClusterProcess) -> Path:
    """Write a systemctl that ends the process of chat@PORT and waits for its end. The cluster starts it again."""
    pids = {cluster.port + number: cluster.pids(f"p{number}")[-1] for number in (1, 2)}
    end = "kill {0}; while kill -0 {0} 2>/dev/null; do sleep 0.02; done"
    cases = "\n".join(f"'restart chat@{port}') {end.format(pid)} ;;" for port, pid in pids.items())
    path.write_text(f'#!/bin/sh\necho "$*" >> {path}.log\ncase "$*" in\n{cases}\nesac\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def rolling_restart(systemctl: Path, *ports: int | str, deadline_s: int = 60) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "SYSTEMCTL": str(systemctl), "DEADLINE_S": str(deadline_s)}
    script = str(ROOT / "deploy" / "rolling-restart.sh")
    return subprocess.run([script, *map(str, ports)], env=env, capture_output=True, text=True, timeout=150, check=False)


@pytest.mark.slow
def test_the_script_restarts_one_unit_after_the_other_each_when_the_one_before_is_ready(
    ready_cluster: ClusterProcess, tmp_path: Path
) -> None:
    systemctl = fake_systemctl(tmp_path / "systemctl", ready_cluster)
    one, two = ready_cluster.port + 1, ready_cluster.port + 2
    starts = [len(ready_cluster.pids(name)) for name in ("p1", "p2")]
    done = rolling_restart(systemctl, one, two)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [f"chat@{one}", f"chat@{two}"]
    assert Path(f"{systemctl}.log").read_text() == f"restart chat@{one}\nrestart chat@{two}\n"
    assert ready_cluster.is_ready(2)
    assert [len(ready_cluster.pids(name)) for name in ("p1", "p2")] == [count + 1 for count in starts]


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
@pytest.mark.gen_test
async def test_told_to_end_it_drains_ends_all_and_leaves_no_process(tmp_path: Path, number: int) -> None:
    with ExitStack() as stack:
        one = stack.enter_context(serving_cluster(tmp_path))
        ada = await asyncio.to_thread(register, one.url)
        children = psutil.Process(one.process.pid).children(recursive=True)
        assert len(children) >= 5  # Redis, two processes, nginx and its workers
        async with chat(one.ws_url, ada) as connected:
            await connected.one("welcome")
            one.process.send_signal(number)
            # make forwards a signal that the process group has received too: the supervisor must treat both as one.
            one.process.send_signal(number)
            assert await connected.closed(30) == 1012
        assert await asyncio.to_thread(one.process.wait, STOP_WITHIN_S) == 0
    assert not [child for child in children if child.is_running()]
    assert not any(listens(port) for port in range(one.port, one.port + 3))


@pytest.mark.slow
def test_a_terminal_that_hangs_up_ends_it_rather_than_restarting_anything(tmp_path: Path) -> None:
    ours, its = pty.openpty()
    one = ClusterProcess(tmp_path, stdin=its)
    try:
        process = one.start().process
        os.close(its)
        os.close(ours)
        assert process.wait(STOP_WITHIN_S) == 0
    finally:
        one.stop()
    assert "rolling restart" not in one.log()


def test_if_it_is_killed_itself_nothing_of_it_stays(tmp_path: Path) -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("need setpriv on PATH (Debian: apt-get install util-linux)")
    with serving_cluster(tmp_path, TMPDIR=str(tmp_path)) as one:
        children = psutil.Process(one.process.pid).children(recursive=True)
        one.process.kill()
        one.process.wait()
        poll(lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children), 30)
