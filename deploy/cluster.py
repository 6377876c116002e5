"""`make cluster`: Redis, the chat processes and nginx in the foreground, as one server on this machine.

This module chooses the programs and their settings; supervisor.py keeps them running. nginx's configuration is
nginx.conf with this machine's ports and paths. SIGINT and SIGTERM drain and end the cluster; SIGHUP restarts one chat
process after the other.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from urllib.parse import urlsplit

from app import secret_files
from common import number_parsing
from common.free_ports import free_port
from common.hosts_and_urls import parse_host
from deploy.supervisor import Child, Cluster, ClusterError, Output

ROOT = Path(__file__).resolve().parent.parent
LOCAL = "127.0.0.1"
SBIN = "/usr/local/sbin:/usr/sbin"  # Debian installs nginx there, outside a user's PATH
MARK = re.compile(r"(?P<line>.*\S) +#:(?: (?P<old>\S+) -> (?P<new>\S+))?")
# Variables of the user's shell that must not apply to the Redis started here: an empty text counts as unset.
UNSET = dict.fromkeys(("REDIS_URL_FILE", "REDIS_PASSWORD", "REDIS_DB"), "")
ASK_READY = b"GET /health/ready HTTP/1.0\r\nHost: localhost\r\n\r\n"


def configuration(shipped: str, *, folder: Path, listen: str, processes: Sequence[int]) -> str:
    """The configuration of nginx: the shipped one, with the changes that its marks (`#: old -> new`) ask for."""

    def changed() -> Iterator[str]:
        for line in shipped.splitlines():
            mark = MARK.fullmatch(line)
            if mark is None:
                yield line
            elif mark["new"] is not None:
                for port in processes if "{process}" in mark["new"] else processes[:1]:
                    yield mark["line"].replace(
                        mark["old"], mark["new"].format(folder=folder, listen=listen, process=port), 1
                    )

    return "\n".join(changed()) + "\n"


def program(name: str, path: str) -> str:
    """The path of a program. Raises ClusterError, which says how to install it, where it is missing."""
    found = shutil.which(name, path=f"{path}:{SBIN}")
    if found is None:
        raise ClusterError(f"{name} is missing; on Debian: apt-get install {name}")
    return found


def whole_number(environ: Mapping[str, str], name: str, default: int, most: int) -> int:
    """A variable's value. Raises ClusterError as the server does for a setting that does not parse."""
    text = environ.get(name) or str(default)
    with contextlib.suppress(ValueError):
        if 1 <= (number := number_parsing.whole_number(text)) <= most:
            return number
    raise ClusterError(f"{name}: {text!r} is not valid; it takes a whole number from 1 to {most}", 2)


def host_of(environ: Mapping[str, str]) -> str:
    """The host on which nginx listens. Raises ClusterError if it does not parse."""
    text = environ.get("HOST") or LOCAL
    try:
        return parse_host(text)
    except ValueError as error:
        raise ClusterError(f"HOST: {text!r} is not valid; it takes an address, or a host name", 2) from error


def claim(host: str, port: int) -> None:
    """Raises ClusterError if another program listens there: its replies would pass for this cluster's."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise ClusterError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error


def replies_with(host: str, port: int, ask: bytes, reply: bytes) -> bool:
    """Whether the program that listens there replies to `ask` with `reply`."""
    try:
        with socket.create_connection((host, port), timeout=3) as connection:
            connection.sendall(ask)
            return connection.recv(64).startswith(reply)
    except OSError:
        return False


def dying_with_us() -> list[str]:
    """The prefix of commands that must end when this process is killed: util-linux's setpriv, where it is installed."""
    guard = ["setpriv", "--pdeathsig", "TERM"]
    try:
        return guard if subprocess.run([*guard, "true"], capture_output=True, check=False).returncode == 0 else []
    except OSError:
        return []


class Programs:
    """Makes the child processes from the settings in the environment."""

    def __init__(self, environ: Mapping[str, str], *, folder: Path, output: Output) -> None:
        self._environ = environ
        self._folder = folder
        self._output = output
        self._path = environ.get("PATH", os.defpath)
        self._guard = dying_with_us()
        self._redis_env: dict[str, str] = {}

    def _child(self, name: str, *command: str, is_ready: Callable[[], bool], **env: str) -> Child:
        return Child(
            name, [*self._guard, *command], env={**self._environ, **env}, is_ready=is_ready, output=self._output
        )

    def redis(self, port: int) -> Child:
        """A Redis of this cluster. Chat processes that are made after it use it.

        It saves nothing to disk, because the store holds everything durable. It has a password, because every user of
        this machine reaches its port. The password is in files that only this user can read: the list of processes
        shows command lines to everybody.
        """
        password = secrets.token_urlsafe(32)
        kept = self._secret_file("redis_password", password)
        conf = (
            f"port {port}",
            f"bind {LOCAL}",
            f"requirepass {password}",
            'save ""',
            "appendonly no",
            f'dir "{self._folder}"',
        )
        command = (
            program("redis-server", self._path),
            str(self._secret_file("redis.conf", "\n".join((*conf, "loglevel warning", "")))),
        )
        self._redis_env = {**UNSET, "REDIS_HOST": LOCAL, "REDIS_PORT": str(port), "REDIS_PASSWORD_FILE": str(kept)}
        return self._child(
            "redis", *command, is_ready=lambda: replies_with(LOCAL, port, f"AUTH {password}\r\n".encode(), b"+OK")
        )

    def _secret_file(self, name: str, content: str) -> Path:
        path = self._folder / name
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)
        return path

    def chat(self, number: int, port: int) -> Child:
        """A chat process, named by its number."""
        env = {
            "HOST": LOCAL,
            "PORT": str(port),
            "TRUSTED_PROXIES": self._environ.get("TRUSTED_PROXIES") or LOCAL,
            **self._redis_env,
        }
        command = (sys.executable, str(ROOT / "server.py"), "serve")
        return self._child(
            f"p{number}", *command, is_ready=lambda: replies_with(LOCAL, port, ASK_READY, b"HTTP/1.1 200"), **env
        )

    def nginx(self, host: str, port: int, processes: Sequence[int]) -> Child:
        """nginx, which listens on `host` and `port` in front of the chat processes on these ports."""
        conf, shipped = self._folder / "nginx.conf", (ROOT / "deploy" / "nginx.conf").read_text()
        listen = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if host == "::":
            listen += " ipv6only=off"  # also IPv4, as a chat process does
        conf.write_text(configuration(shipped, folder=self._folder, listen=listen, processes=processes))
        command = (
            program("nginx", self._path),
            "-p",
            str(self._folder),
            "-c",
            str(conf),
            "-e",
            "stderr",
            "-g",
            "daemon off;",
        )
        return self._child("nginx", *command, is_ready=lambda: replies_with(host, port, ASK_READY, b"HTTP/1.1 200"))


def address_of_redis(environ: Mapping[str, str]) -> str | None:
    """The address of the Redis that the environment names, without its password; None: the cluster starts its own.

    Raises ClusterError for a REDIS_URL_FILE that cannot be read.
    """
    url = environ.get("REDIS_URL")
    if file := environ.get("REDIS_URL_FILE"):
        try:
            url = secret_files.read(Path(file))
        except ValueError as error:
            raise ClusterError(
                f"REDIS_URL_FILE: {file!r} is not valid ({error}); it takes {secret_files.TAKES}", 2
            ) from error
    if url:
        return urlsplit(url).netloc.rpartition("@")[2]
    host = environ.get("REDIS_HOST")
    return f"{host}:{environ.get('REDIS_PORT') or 6379}" if host else None


def main(environ: Mapping[str, str], output: Output) -> int:
    """Run the cluster until a signal ends it; returns the exit code. Raises ClusterError."""
    count = whole_number(environ, "PROCESSES", os.cpu_count() or 1, 64)
    port = whole_number(environ, "PORT", 8000, 65_535 - count)
    host = host_of(environ)
    ports = range(port + 1, port + 1 + count)
    signals: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: signals.put(received))
    # nginx's workers run as the user `nobody` and must reach the folder, so it is outside DATA_DIR, which only the user
    # of the chat processes can enter.
    with tempfile.TemporaryDirectory(prefix="chat-cluster-") as folder:
        os.chmod(folder, 0o711)
        programs = Programs(environ, folder=Path(folder), output=output)
        redis, redis_at = [], address_of_redis(environ)
        if redis_at is None:
            own = free_port(taken=(port, *ports))
            redis, redis_at = [programs.redis(own)], f"{LOCAL}:{own}"
        cluster = Cluster(
            redis=redis,
            chats=[programs.chat(number, at) for number, at in enumerate(ports, 1)],
            nginx=programs.nginx(host, port, ports),
            signals=signals,
            has_terminal=os.isatty(0),
            log=lambda what: output.line(f"cluster: {what}"),
        )
        for address in ((host, port), *((LOCAL, at) for at in ports)):
            claim(*address)
        processes = f"{count} process{'es' * (count > 1)}: {', '.join(map(str, ports))}"
        return cluster.run(
            announce=lambda: output.line(f"cluster ready on http://{host}:{port} ({processes}; redis {redis_at})")
        )


if __name__ == "__main__":
    try:
        sys.exit(main(os.environ, Output(sys.stdout.fileno())))
    except ClusterError as refused:
        errors = Output(sys.stderr.fileno())
        errors.line(f"cluster: {refused}")
        errors.flush()
        sys.exit(refused.code)
