"""Other servers under the same load: how their packages are installed, and a small run of the scenario."""

from __future__ import annotations

import contextlib
import sys
import threading
from pathlib import Path

import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from bench.delivery_checker import Failures
from bench.errors import BenchError
from bench.peers import installation
from bench.peers.peer_process import PeerProcess
from tests.support.bench_run import passed_scenario
from tests.support.waiting import poll
from tests.support.websocket_server import serving_websockets

SMALL = ("connections=20", "small=4", "seconds=1")


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on PATH with a node and an npm that writes down its arguments; it fails where `fails` lies beside it."""
    place = tmp_path / "bin"
    place.mkdir()
    npm = f'#!/bin/sh\necho "$@" >> {place}/calls\ntest ! -e {place}/fails || {{ echo "no network" >&2; exit 1; }}\n'
    for name, text in (("node", "#!/bin/sh\n"), ("npm", npm)):
        (place / name).write_text(text)
        (place / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")
    return place


def test_packages_are_installed_once_into_a_folder_of_the_benchs_own(npm: Path, tmp_path: Path) -> None:
    for _ in range(2):
        node, folder = installation.node_packages("ws@8.23.0", folder=tmp_path / "installed")
        assert (node, folder) == (str(npm / "node"), tmp_path / "installed" / "node-ws-8.23.0" / "node_modules")
    (call,) = (npm / "calls").read_text().splitlines()
    assert call.startswith("install ")
    assert call.endswith(f"--prefix {folder.parent} ws@8.23.0")


def test_an_installation_that_failed_says_why_and_is_tried_again(npm: Path, tmp_path: Path) -> None:
    (npm / "fails").touch()
    with pytest.raises(installation.NotThere, match="npm could not install ws@8: no network"):
        installation.node_packages("ws@8", folder=tmp_path)
    (npm / "fails").unlink()
    installation.node_packages("ws@8", folder=tmp_path)
    assert len((npm / "calls").read_text().splitlines()) == 2


def test_without_npm_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(installation.NotThere, match="node and npm are not both on PATH"):
        installation.node_packages("ws@8", folder=tmp_path)


def test_a_peer_that_does_not_start_or_dies_says_what_it_wrote() -> None:
    failures = Failures()
    with (
        pytest.raises(BenchError, match=r"odd did not start: a reason"),
        PeerProcess("odd", lambda port, _: ["/bin/sh", "-c", "echo a reason; exit 3"], failures=failures),
    ):
        pass
    listens = "import socket, sys; socket.create_server(('127.0.0.1', int(sys.argv[1]))).accept(); sys.exit(4)"
    with PeerProcess("odd", lambda port, _: [sys.executable, "-c", listens, str(port)], failures=failures) as server:
        poll(lambda: server.process is not None and server.process.status() == psutil.STATUS_ZOMBIE)
    assert failures.kept == ["odd died, exit 4: it said nothing"]


@pytest.mark.bench
def test_a_given_server_is_measured_by_its_template_beside_ours_and_the_least(tmp_path: Path) -> None:
    readers: list[ServerConnection] = []
    in_order = threading.Lock()

    def serve_one(connection: ServerConnection) -> None:
        assert connection.recv() == "hello"
        readers.append(connection)
        connection.send("welcome")
        with contextlib.suppress(ConnectionClosed):  # the client may be as rude as it likes
            for text in connection:
                with in_order:
                    for reader in list(readers):
                        with contextlib.suppress(ConnectionClosed):
                            reader.send(f"said {text}")
        readers.remove(connection)

    with serving_websockets(serve_one) as port:
        result = passed_scenario(
            "peers",
            *(f"--set={one}" for one in (*SMALL, "others=0")),
            *(f"--url=ws://127.0.0.1:{port}/any", "--template=<%m>", "--opening=hello", "--ready=wel"),
            folder=tmp_path,
            within_s=180,
        )
    assert [table["title"].split(":")[0] for table in result["tables"]] == ["fan-out", "closed loop", "all send"]
    for table in result["tables"]:
        assert [row[0].rstrip(" *") for row in table["rows"]] == ["ours", "least server", "given"]
        rate = table["columns"].index("deliveries/s")
        assert all(row[rate] > 0 for row in table["rows"])
    assert {figure["name"] for figure in result["figures"] if figure["value"]} == {
        f"{load}: least server over ours, CPU per delivery" for load in ("fan-out", "closed loop", "all send")
    }
    assert list(tmp_path.iterdir()) == []


@pytest.mark.bench
@pytest.mark.slow
def test_every_peer_is_measured_or_the_report_says_why_not(tmp_path: Path) -> None:
    result = passed_scenario("peers", *(f"--set={one}" for one in SMALL), folder=tmp_path, within_s=180)
    measured = {row[0].rstrip(" *") for row in result["tables"][0]["rows"]}
    missing = {note.split(":")[0] for note in result["notes"]}
    assert measured | missing >= {"ours", "least server", "Node ws", "Socket.IO", "websockets"}
    assert {"ours", "least server"} <= measured
