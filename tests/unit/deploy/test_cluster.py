"""`make cluster`: what it makes of nginx.conf's marks, and what it refuses in one line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.cluster import ClusterError, address_of_redis, configuration, program
from tests.support.server import ROOT, free_port


def test_a_marked_line_is_changed_and_all_others_are_as_shipped() -> None:
    shipped = (
        "a; # `#: b -> c` in a comment\nuser x;  #:\nlisten 80;   #: 80 -> {listen}\nserver "
        "x:1 y;  #: x:1 -> x:{process}\nlast;"
    )
    changed = configuration(shipped, folder=Path("/f"), listen="h:5", processes=[6, 7])
    assert changed == "a; # `#: b -> c` in a comment\nlisten h:5;\nserver x:6 y;\nserver x:7 y;\nlast;\n"


def test_of_the_shipped_configuration_only_places_and_ports_are_changed() -> None:
    shipped = (ROOT / "deploy" / "nginx.conf").read_text()
    changed = configuration(shipped, folder=Path("/f"), listen="127.0.0.1:5", processes=[8001, 8002]).splitlines()
    kept = {line.partition(" #:")[0].rstrip() for line in shipped.splitlines()}
    new = sorted(line.strip() for line in changed if line not in kept)
    assert new == sorted(
        [
            "access_log /dev/stdout chat;",
            "error_log stderr crit;",
            "error_log stderr notice;",
            "listen 127.0.0.1:5 default_server backlog=4096;",
            "pid /f/nginx.pid;",
            *(f"{kind}_temp_path /f/{folder};" for kind, folder in (("client_body", "body"), ("proxy", "proxy"))),
            *(f"{kind}_temp_path /f/{kind};" for kind in ("fastcgi", "uwsgi", "scgi")),
        ]
    )
    assert changed.count("        server 127.0.0.1:8002 max_fails=0;") == 2
    assert not any(line.startswith(("user ", "worker_rlimit_nofile ")) for line in changed)


def test_a_password_of_redis_is_not_said() -> None:
    assert address_of_redis({"REDIS_URL": "rediss://me:secret@redis.example:6380/1"}) == "redis.example:6380"
    assert address_of_redis({"REDIS_HOST": "redis.example"}) == "redis.example:6379"
    assert address_of_redis({"REDIS_HOST": "", "REDIS_URL": ""}) is None


def test_a_url_of_redis_that_comes_in_a_file_is_read_and_one_that_cannot_be_is_a_refusal(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("rediss://:secret@redis.example:6380/1\n")
    assert address_of_redis({"REDIS_URL_FILE": str(file)}) == "redis.example:6380"
    file.write_text("")
    with pytest.raises(ClusterError, match=r"^REDIS_URL_FILE: .* \(empty\)") as refused:
        address_of_redis({"REDIS_URL_FILE": str(file)})
    assert refused.value.code == 2


def test_a_missing_program_is_named_with_how_to_get_it() -> None:
    with pytest.raises(ClusterError, match="no-such-program is missing; on Debian: apt-get install no-such-program"):
        program("no-such-program", "/nonexistent")


def run(**env: str) -> tuple[int, str]:
    """Exit code and all that it said."""
    command = [sys.executable, "-m", "deploy.cluster"]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_wrong_number_stops_the_start_with_one_line() -> None:
    assert run(PROCESSES="none") == (
        2,
        "cluster: PROCESSES: 'none' is not valid; it takes a whole number from 1 to 64\n",
    )
    assert run(PROCESSES="2", PORT="65534") == (
        2,
        "cluster: PORT: '65534' is not valid; it takes a whole number from 1 to 65533\n",
    )


def test_a_host_that_cannot_be_one_stops_the_start_with_one_line() -> None:
    for host in ("127.0.0.256", "a; include /etc/passwd"):
        assert run(HOST=host) == (2, f"cluster: HOST: {host!r} is not valid; it takes an address, or a host name\n")


def test_without_redis_server_it_says_how_to_get_it() -> None:
    says = "cluster: redis-server is missing; on Debian: apt-get install redis-server\n"
    assert run(PATH="/nonexistent", PROCESSES="1", PORT=str(free_port())) == (1, says)


def test_a_port_that_somebody_has_is_refused_rather_than_taken_for_ours(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        code, says = run(PATH=os.environ["PATH"], PROCESSES="1", PORT=str(port), DATA_DIR=str(tmp_path / "data"))
    assert code == 1
    assert says.startswith(f"cluster: cannot listen on 127.0.0.1:{port}: Address already in use")
    assert says.count("\n") == 1
