"""The installed command, outside the checkout and beside another package that is called `limits`: in a venv made as the
Dockerfile says.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import pytest

from tests.support.client import call, chat, register
from tests.support.dockerfile import build_context, stages
from tests.support.package import environ_without_coverage, in_wheel, product_files
from tests.support.pictures import encoded, photo
from tests.support.redis_server import running_redis
from tests.support.server import ROOT, ServerProcess, command, free_port
from tests.support.uploads import upload
from tests.support.waiting import until

pytestmark = pytest.mark.slow

PREFIX = "/opt/chat-rooms"  # the Dockerfile's: where the venv lies in an image
NAMESAKE = "limits==5.8.0"  # a package of PyPI's, with a module of a name that one of ours has
PASSWORD = "correct horse battery"
# What a page, a module and a style sheet name.
NAMED = re.compile(r"""(?:\b(?:src|href)=|\bfrom |\bimport |\bimport\(|\burl\()["']([^"'#]+\.[a-z]+)["']""")


class Installed(NamedTuple):
    """A venv that holds what a wheel's installation brings, and `limits` of PyPI."""

    prefix: Path

    @property
    def program(self) -> list[str]:
        return [str(self.prefix / "bin" / "chat-rooms")]

    @property
    def version(self) -> str:
        return self.python(
            "-c", "import importlib.metadata as m; print(m.version('chat-rooms'))", cwd=self.prefix
        ).strip()

    def python(self, *arguments: str, cwd: Path) -> str:
        """What a Python of that venv prints."""
        done = command(*arguments, program=[str(self.prefix / "bin" / "python")], cwd=cwd)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Made by the very commands of the Dockerfile, in a folder of exactly what it copies."""
    folder = tmp_path_factory.mktemp("installed")
    source, prefix = folder / "source", folder / "prefix"
    for path in build_context():
        copy = source / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    build = stages()[0]
    assert build.all("COPY") == [". ."]
    beside = f"pip --python {prefix}/bin/python install --constraint constraints.txt {NAMESAKE}"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**environ_without_coverage(), "PATH": path, "EXTRAS": "", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    for script in (*build.all("RUN"), beside):
        relocated = script.replace(PREFIX, str(prefix))
        done = subprocess.run(["sh", "-c", relocated], cwd=source, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{relocated}\n{done.stdout}\n{done.stderr}"
    return Installed(prefix)


def test_it_puts_one_name_at_the_top_and_real_files_below_it(installed: Installed, tmp_path: Path) -> None:
    script = "import importlib.metadata as m; print('\\n'.join(map(str, m.files('chat-rooms'))))"
    files = installed.python("-c", script, cwd=tmp_path).split()
    (site,) = (installed.prefix / "lib").glob("python*/site-packages")
    assert {path.split("/")[0] for path in files if ".dist-info/" not in path} == {"chat_rooms", ".."}
    assert [path for path in files if path.startswith("../")] == ["../../../bin/chat-rooms"]
    for path in product_files():
        assert (site / in_wheel(path)).read_bytes() == (ROOT / path).read_bytes()


def test_who_imports_it_keeps_their_own_limits_and_gets_none_of_our_names(installed: Installed, tmp_path: Path) -> None:
    script = (
        "import sys; before = list(sys.path)\n"
        "import chat_rooms, chat_rooms.__main__, limits, limits.strategies, importlib.util as u\n"
        "assert sys.path == before\n"
        "assert limits.__version__ == '5.8.0', limits\n"
        "print([name for name in ('server', 'settings', 'cache', 'store', 'handlers', "
        "'monitor', 'bench', 'tests') if u.find_spec(name)])"
    )
    assert installed.python("-c", script, cwd=tmp_path) == "[]\n"


def test_it_runs_its_own_modules_also_where_a_folder_has_others_of_these_names(
    installed: Installed, tmp_path: Path
) -> None:
    for name in ("settings", "server", "limits", "command_line"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not ours')")
    assert installed.python("-m", "chat_rooms", "--help", cwd=tmp_path).startswith("chat-rooms [COMMAND] [FLAGS]\n")


def assets_of(url: str, page: str) -> dict[str, bytes]:
    """A page, and all that it and what it names name, by path."""
    found: dict[str, bytes] = {}
    waiting = [page]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        reply = call(url, "GET", path)
        assert reply.status == 200, (path, reply.body)
        found[path] = reply.body
        named = (urljoin(f"{url}{path}", name) for name in NAMED.findall(reply.body.decode()))
        waiting += [urlsplit(name).path for name in named if name.startswith(url)]
    return found


@pytest.mark.gen_test
@pytest.mark.parametrize("with_redis", [False, True])
async def test_in_an_empty_folder_it_serves_the_pages_and_a_conversation_and_ends_with_0(
    installed: Installed, tmp_path: Path, with_redis: bool
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with ExitStack() as opened:
        env = opened.enter_context(running_redis(tmp_path / "redis")).env if with_redis else {}
        # Without asserts where it talks to Redis: all that it does then it must do also so.
        optimized = {"PYTHONOPTIMIZE": "1"} if with_redis else {}
        server = ServerProcess(empty / "data", {**env, **optimized}, program=installed.program, cwd=empty)
        opened.callback(server.stop)
        server.start()
        health = call(server.url, "GET", "/health").json
        assert health["version"] == installed.version
        assert health["cache"] == ("redis" if with_redis else "memory")
        served = assets_of(server.url, "/") | assets_of(server.url, "/dashboard")
        names = {re.sub(r"\.[0-9a-f]{8}\.", ".", path) for path in served}
        for name in (
            *("chat/page.css", "chat/app.js", "chat/boot-failure.js"),
            *("dashboard/dashboard.js", "dashboard/index.css", "ui/favicon.svg"),
        ):
            assert f"/static/{name}" in names
        for name in (
            *("ui/base.css", "chat/timeline/timeline.css", "chat/shell.js"),
            *("client/chat-client.js", "client/reconnecting-connection.js"),
            *("dashboard/dashboard.css", "dashboard/charts.css", "ui/chart.js"),
        ):
            assert call(server.url, "GET", f"/static/{name}").status == 200
        style = call(server.url, "GET", "/static/ui/tokens.css").body
        assert style == (ROOT / "web" / "ui" / "tokens.css").read_bytes()
        ada, bob = register(server.url, "ada"), register(server.url, "bob")
        room = ada.make_room()
        bob.join(room["id"])
        async with chat(server.ws_url, ada) as hers, chat(server.ws_url, bob) as his:
            for one in (hers, his):
                await one.command("joinRoom", roomId=room["id"])
            await hers.command("sendMessage", roomId=room["id"], content="Hello, Bob")
            assert (await his.one("receiveMessage"))["content"] == "Hello, Bob"
        # Decoded in a process of its own, which is to find the folders too
        assert upload(ada, encoded(photo(800, 600), "image/jpeg"))["thumbnailUrl"] is not None
        assert server.terminate() == 0
    server.assert_log_is_clean()


def test_its_commands_look_after_the_data_of_the_folder_they_are_called_in(
    installed: Installed, tmp_path: Path
) -> None:
    def run(*arguments: str, **env: str) -> str:
        done = command(*arguments, program=installed.program, cwd=tmp_path, env=env, stdin=f"{PASSWORD}\n")
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("user", "create", "boss", "boss@example.com")
    run("backup", "copy.tar")
    run("restore", "copy.tar", DATA_DIR="restored")
    assert {path.name for path in tmp_path.iterdir()} == {"data", "copy.tar", "restored"}
    server = ServerProcess(tmp_path / "restored", program=installed.program, cwd=tmp_path)
    try:
        server.start()
        assert call(server.url, "POST", "/auth/login", {"username": "boss", "password": PASSWORD}).status == 200
        checked = run("check", "--url", server.url, DATA_DIR="restored").splitlines()
        assert {line.split(" ")[0] for line in checked} == {"ok"}
        assert any("websocket" in line for line in checked)
    finally:
        server.stop()


@pytest.mark.gen_test
async def test_an_images_entry_point_serves_and_its_health_check_tells_whether_it_does(
    installed: Installed, tmp_path: Path
) -> None:
    image = stages()[-1]
    outside = {"PATH": os.environ["PATH"]}
    env = {name: value.replace(PREFIX, str(installed.prefix)) for name, value in image.env(outside).items()}
    env |= {"DATA_DIR": str(tmp_path / "data"), "PORT": str(free_port()), "RATE_LIMIT_ADAPTIVE": "false"}
    env |= dict.fromkeys(("HTTP_PROXY", "http_proxy"), "http://127.0.0.1:9")

    def health() -> int:
        return subprocess.run(
            image.command("HEALTHCHECK"), env=env, cwd=tmp_path, stderr=subprocess.DEVNULL, check=False
        ).returncode

    assert health() == 1
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            image.command("ENTRYPOINT") + image.command("CMD"), env=env, cwd=tmp_path, stdout=log, stderr=log
        )
    try:
        await until(lambda: health() == 0)
        register(f"http://127.0.0.1:{env['PORT']}")
        process.terminate()
        assert process.wait(40) == 0
        assert health() == 1
    finally:
        process.kill()
        process.wait()
