"""The command line: commands of one word and of two, operands, flags in both forms, help of one command; all else is
exit 2.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from app.commands.command import Command, Operand
from app.commands.command_line import main
from app.commands.flags import Flag
from app.settings import Settings, url_kind
from app.version import VERSION

Call = tuple[str, tuple[str, ...], dict[str, str], int]


@pytest.fixture
def calls() -> list[Call]:
    return []


@pytest.fixture
def commands(calls: list[Call]) -> Mapping[str, Command]:
    def command(name: str, *, operands: tuple[str, ...] = (), flags: tuple[Flag, ...] = ()) -> Command:
        def run(settings: Settings, *given: str, **own: str) -> int:
            calls.append((name, given, own, settings.server.port))
            return 0

        return Command(
            f"what {name} does", run, operands=tuple(Operand(one, "what it is") for one in operands), flags=flags
        )

    return {
        "serve": command("serve"),
        "check": command("check", flags=(Flag("--url", url_kind("http", "https"), "where a server runs"),)),
        "backup": command("backup", operands=("FILE",)),
        "user create": command("user create", operands=("NAME", "EMAIL")),
        "user password": command("user password", operands=("NAME",)),
    }


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        ([], ("serve", (), {}, 8000)),
        (["--port", "8001"], ("serve", (), {}, 8001)),
        (["--port=8001", "serve"], ("serve", (), {}, 8001)),
        (["check", "--url", "http://h:1", "--port=8001"], ("check", (), {"url": "http://h:1"}, 8001)),
        (["check", "--port", "8001", "--url=https://h/?a=b"], ("check", (), {"url": "https://h/?a=b"}, 8001)),
        (["backup", "x", "--port=8001"], ("backup", ("x",), {}, 8001)),
        (["backup", "--port", "8001", "x"], ("backup", ("x",), {}, 8001)),
        (["--port", "8001", "backup", "x"], ("backup", ("x",), {}, 8001)),
        (["backup", "--", "--port"], ("backup", ("--port",), {}, 8000)),
        (["user", "create", "ada", "ada@example.com"], ("user create", ("ada", "ada@example.com"), {}, 8000)),
        (["user", "--port=8001", "password", "ada"], ("user password", ("ada",), {}, 8001)),
    ],
)
def test_flags_and_operands_stand_where_they_like(
    calls: list[Call], commands: Mapping[str, Command], arguments: list[str], call: Call
) -> None:
    assert main(arguments, commands, program="chat-rooms", default="serve") == 0
    assert calls == [call]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sevre"], "sevre: no such command; did you mean serve?"),
        (["usr", "create", "ada"], "usr: no such command; did you mean user create?"),
        (["nonsense"], "nonsense: no such command; there are serve, check, backup, user create, user password"),
        (["user"], "user: takes create or password"),
        (["user", "delete", "ada"], "user: takes create or password"),
        (["serve", "extra"], "serve: takes no operands, not 'extra'"),
        (["backup"], "backup: takes FILE"),
        (["backup", "a", "b"], "backup: takes FILE"),
        (["backup", "--port"], "--port: expected one argument"),
        (["user", "create", "ada"], "user create: takes NAME EMAIL"),
        (["backup", "x", "--port"], "--port: expected one argument"),
        (["check", "--url", "--port=1"], "--url: expected one argument"),
        (["check", "--url="], "--url: '' is not valid; it takes a URL"),
        (["check", "--url", "h:1"], "--url: 'h:1' is not valid; it takes a URL"),
        (["check", "--url", "http://h:notaport"], "--url: 'http://h:notaport' is not valid"),
        (["check", "--url", "http://ada:hunter2@h/"], "--url: a URL with a password"),
        (["serve", "--url", "http://h"], "--url: no such flag of serve"),
        (["check", "--verbose"], "--verbose: no such flag"),
        (["-v"], "-v: no such flag"),
        (["--prot", "8001"], "--prot: no such flag; did you mean --port?"),
        (["check", "--urk", "http://h"], "--urk: no such flag of check; did you mean --url?"),
        (["--hlp"], "--hlp: no such flag of serve; did you mean --help?"),
        (["--a\nb"], "--a\\nb: no such flag"),
        (["a\x1b[2Jb\udcff"], "a\\x1b[2Jb\\udcff: no such command"),
        (["backup", "x", "-x"], "-x: no such flag"),
    ],
)
def test_what_is_wrong_is_exit_2_and_one_line(
    capsys: pytest.CaptureFixture[str],
    calls: list[Call],
    commands: Mapping[str, Command],
    arguments: list[str],
    says: str,
) -> None:
    assert main(arguments, commands, program="chat-rooms", default="serve") == 2
    printed = capsys.readouterr().err
    assert printed.startswith(says), printed
    assert printed.count("\n") == 1
    assert "hunter2" not in printed
    assert calls == []


def test_help_names_the_program_as_it_was_called(
    capsys: pytest.CaptureFixture[str], commands: Mapping[str, Command]
) -> None:
    for program in ("server.py", "chat-rooms"):
        assert main(["--help"], commands, program=program, default="serve") == 0
        assert main(["backup", "--help"], commands, program=program, default="serve") == 0
        said = capsys.readouterr().out
        assert said.startswith(f"{program} [COMMAND] [FLAGS]\n")
        assert f"\n{program} backup FILE [FLAGS]\n" in said


def test_each_command_has_a_help_of_its_own(
    capsys: pytest.CaptureFixture[str], commands: Mapping[str, Command]
) -> None:
    said = {}
    for name in commands:
        assert main([*name.split(), "--help"], commands, program="chat-rooms", default="serve") == 0
        said[name] = capsys.readouterr().out
    assert main(["-h"], commands, program="chat-rooms", default="serve") == 0
    assert capsys.readouterr().out == said["serve"]
    for name in commands:
        assert name in said["serve"]
    assert said["user create"].startswith("chat-rooms user create NAME EMAIL [FLAGS]\n\nWhat user create does.\n")
    assert "--url URL where a server runs; takes a URL beginning with http://" in " ".join(said["check"].split())
    assert "user create" not in said["check"]
    for text in said.values():
        assert "--port, PORT" in text


@pytest.mark.parametrize("arguments", [["nonsense", "--help"], ["user", "--help"]])
def test_help_for_what_is_no_command_lists_those_there_are(
    capsys: pytest.CaptureFixture[str], commands: Mapping[str, Command], arguments: list[str]
) -> None:
    assert main(arguments, commands, program="chat-rooms", default="serve") == 0
    assert "user create NAME EMAIL" in capsys.readouterr().out


def test_the_version_is_printed_by_the_name_of_the_program(
    capsys: pytest.CaptureFixture[str], commands: Mapping[str, Command]
) -> None:
    assert main(["--version"], commands, program="chat-rooms", default="serve") == 0
    assert capsys.readouterr().out == f"chat-rooms {VERSION}\n"
