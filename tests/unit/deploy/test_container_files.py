"""Dockerfile, .dockerignore and compose.yml, as far as they can be judged without Docker: what they name exists, and
they agree.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.settings import TABLE
from tests.support.dockerfile import ignore_rules, is_ignored, stages
from tests.support.server import ROOT

COMPOSE = (ROOT / "deploy" / "compose.yml").read_text()
VARIABLES = {variable.name for variable in TABLE} | {f"{variable.name}_FILE" for variable in TABLE}
DATA_DIR = "/var/lib/chat-rooms"


def test_an_image_holds_what_the_first_stage_made_and_no_more() -> None:
    build, image = stages()
    assert build.image == f"{image.image} AS build", "a venv is bound to the Python that made it"
    source, target = image.one("COPY").removeprefix("--from=build ").split()
    assert source == target
    assert f"venv --without-pip {source} " in build.all("RUN")[-1]
    assert image.env({"PATH": "/bin"})["PATH"] == f"{source}/bin:/bin"
    assert "pip" not in image.one("RUN")


def test_an_image_runs_the_command_as_a_user_with_a_folder_of_its_own() -> None:
    image = stages()[-1]
    assert f"{image.command('ENTRYPOINT')[0]} = chat_rooms.__main__:main" in (ROOT / "setup.cfg").read_text()
    assert image.command("CMD") == ["serve"]
    user, _, group = image.one("USER").partition(":")
    assert int(user) > 0
    assert f"--uid {user} --gid {group} " in image.one("RUN")
    assert f"install -d -o {user} -g {group} -m 700 {image.one('VOLUME')}" in image.one("RUN")
    env = image.env({"PATH": ""})
    assert env["DATA_DIR"] == image.one("VOLUME") == DATA_DIR
    assert env["PORT"] == image.one("EXPOSE")
    assert env.keys() - {"PATH"} <= VARIABLES


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        ("package/chat_rooms/__main__.py", False),
        ("store/sqlite/migrations/0001_schema.sql", False),
        ("web/chat/index.html", False),
        ("data/secret", True),
        (".env", True),
        (".git/config", True),
        ("jwt_secret", True),
        ("tests/conftest.py", True),
        ("deploy/cluster.py", True),
        ("__pycache__/server.cpython-311.pyc", True),
        ("store/sqlite/__pycache__/rows.cpython-311.pyc", True),
        ("store/old.pyc", True),
        ("web/.DS_Store", True),
    ],
)
def test_what_is_nobodys_business_does_not_reach_docker(path: str, ignored: bool) -> None:
    assert is_ignored(Path(path), ignore_rules()) == ignored


def test_compose_builds_the_image_and_an_nginx_from_what_there_is() -> None:
    assert re.findall(r"^  build: (\S+)", COMPOSE, re.MULTILINE) == [".."]
    assert (ROOT / "deploy" / ".." / "Dockerfile").is_file()
    assert re.findall(r"^ +image: (\S+)", COMPOSE, re.MULTILINE) == ["redis:7-bookworm"], (
        "two services that build one tag fail at once"
    )
    copied = re.findall(r"^ +COPY (\S+) ", COMPOSE, re.MULTILINE)
    assert copied == ["nginx.conf"]
    assert (ROOT / "deploy" / "nginx.conf").is_file()


def test_compose_gives_the_image_what_it_takes() -> None:
    named = set(re.findall(r"\b([A-Z][A-Z_]+): ", COMPOSE))
    assert {"HOST", "PORT", "REDIS_HOST"} <= named <= VARIABLES
    assert re.findall(r"\[data:(\S+)\]", COMPOSE) == [DATA_DIR]
