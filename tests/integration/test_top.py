"""`server.py top` from outside: in a terminal, which it leaves as it was, and printed once where there is none."""

from __future__ import annotations

import http.server
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Processes, Start, StoreEnv
from tests.support.client import call, register
from tests.support.pseudo_terminal import ENTERED, LEFT, ProgramInTerminal
from tests.support.server import ROOT, ServerProcess, command, free_port
from tests.support.waiting import poll


@pytest.fixture(scope="module")
def store_env(embedded_store: StoreEnv) -> StoreEnv:
    return embedded_store


def top_in_terminal(url: str, *, columns: int = 100, lines: int = 50, **env: str) -> ProgramInTerminal:
    program = [sys.executable, str(ROOT / "server.py"), "top", "--url", url]
    return ProgramInTerminal(program, env=env, columns=columns, lines=lines)


def left_as_it_was(program: ProgramInTerminal) -> None:
    assert program.output.count(ENTERED) == program.output.count(LEFT) == 1
    assert program.output.count("\x1b[?25l") == program.output.count("\x1b[?25h") == 1, "the cursor is back"
    assert program.settings == program.before
    assert "Traceback" not in program.output


@pytest.mark.parametrize("keys", ["q", "\x03"], ids=["q", "Ctrl+C"])
def test_it_shows_the_figures_until_a_key_and_leaves_the_terminal_as_it_was(server: ServerProcess, keys: str) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    with top_in_terminal(server.url) as program:
        shown = "\n".join(program.until_shown("Messages in"))
        assert server.url in shown
        for name in ("Connections", "Send to ack", "Loop lag", "CPU", "Memory", "Operation of the store"):
            assert name in shown
        for number in range(20):
            ada.post(room, f"message {number}")
        program.until_shown(" in all")
        program.press(keys)
        assert program.wait() == 0
        left_as_it_was(program)


def test_counters_become_rates_by_the_servers_clock(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    with top_in_terminal(server.url) as program:
        program.until_shown("Messages in")
        for number in range(30):
            ada.post(room, f"message {number}")
        program.until_shown(r"messages\.append +[\d.]+ ")  # a rate, where the first poll has a dash
        program.until_shown(r"Messages in +[\d.]+/s")
        program.press("q")
        assert program.wait() == 0


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_another_size_is_followed(server: ServerProcess, columns: int) -> None:
    with top_in_terminal(server.url, columns=columns, lines=20) as program:
        assert max(map(len, program.until_shown("Connections"))) <= columns
        assert len(program.screen) < 20
        assert "q ends it" in program.screen[-1]
        program.press("x")  # no key of it
        program.resize(30, 12)
        poll(lambda: len(program.screen) < 12 and max(map(len, program.screen)) <= 30)
        program.press("q")
        assert program.wait() == 0


def test_no_color_leaves_the_colours_out(server: ServerProcess) -> None:
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        with top_in_terminal(server.url, **env) as program:
            program.until_shown("Connections")
            assert ("\x1b[1m" in program.output) == coloured
            program.press("q")
            assert program.wait() == 0


def test_a_server_that_is_away_is_said_and_found_again(start: Start) -> None:
    server = start()
    with top_in_terminal(server.url) as program:
        program.until_shown("Connections")
        server.terminate()
        assert "trying again" in program.until_shown("nothing answers at")
        server.start()
        program.until_shown("Connections")
        program.press("q")
        assert program.wait() == 0
        left_as_it_was(program)


def test_without_a_terminal_it_prints_the_figures_once(server: ServerProcess) -> None:
    run = command("top", "--url", f"{server.url}/")
    assert (run.returncode, run.stderr) == (0, "")
    assert "\x1b" not in run.stdout
    assert "Connections" in run.stdout
    assert run.stdout.count("Chat Rooms") == 1


def test_without_a_terminal_a_server_that_is_away_is_exit_1_and_one_line() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    run = command("top", "--url", url)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (1, "", 1), run.stderr
    assert f"nothing answers at {url} (Connection refused): start it with `server.py serve`" in run.stderr


def test_who_is_no_operator_is_refused_in_one_line_and_an_administrators_token_is_taken(start: Start) -> None:
    server = start(METRICS_ALLOW="192.0.2.0/24", ADMIN_USERS="boss")
    made = command("user", "create", "boss", "b@example.com", env=server.env, stdin="a long password\n")
    assert made.returncode == 0, made.stderr
    token = call(server.url, "POST", "/auth/login", {"username": "boss", "password": "a long password"}).json
    for env in ({}, {"CHAT_TOKEN": "nonsense"}, {"CHAT_TOKEN": register(server.url).access_token}):
        run = command("top", "--url", server.url, env=env)
        assert (run.returncode, run.stdout, run.stderr.count("\n")) == (1, "", 1), run.stderr
        assert "CHAT_TOKEN" in run.stderr
    with top_in_terminal(server.url) as program:
        assert program.wait() == 1
        assert (
            program.output.rstrip().splitlines()[-1].partition(LEFT)[2].startswith("top: the server shows its figures")
        )
        left_as_it_was(program)
    assert command("top", "--url", server.url, env={"CHAT_TOKEN": token["accessToken"]}).returncode == 0


@pytest.fixture
def other_server() -> Iterator[str]:
    """A server of another program, which answers every request with a page."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, format: str, *args: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Page) as serving:
        threading.Thread(target=serving.serve_forever).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


def test_what_is_no_chat_server_is_said_in_one_line(other_server: str) -> None:
    run = command("top", "--url", other_server)
    assert (run.returncode, run.stderr.count("\n")) == (1, 1), run.stderr
    assert "no Chat Rooms server" in run.stderr


def test_of_several_processes_each_has_its_line(two_servers: Processes) -> None:
    run = command("top", "--url", two_servers[0].url)
    assert "2 processes" in run.stdout
    listed = run.stdout.partition("Process ")[2].partition("\n\n")[0].splitlines()
    assert len(listed) == 3, "the headings, and a line for each"


def test_the_address_is_that_of_host_and_port_where_no_url_is_given(server: ServerProcess, tmp_path: Path) -> None:
    run = command("top", "--port", str(server.port), env={"DATA_DIR": str(tmp_path / "none")})
    assert run.returncode == 0, run.stderr
    assert not (tmp_path / "none").exists()
