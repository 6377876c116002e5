"""The whitelist: user names and networks, from the setting and a file that is read again;
a broken one keeps the old.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from limits.whitelist import ADDRESSES_CACHED_MAX, FILE_MAX_BYTES, Whitelist


@pytest.mark.parametrize(
    ("entries", "username", "address", "covered"),
    [
        (["Ada"], "aDA", "192.0.2.1", True),
        (["ada"], "eve", "192.0.2.1", False),
        (["ada"], None, "192.0.2.1", False),
        (["192.0.2.0/24"], "eve", "192.0.2.77", True),
        (["192.0.2.7"], None, "192.0.2.7", True),
        (["192.0.2.7"], None, "192.0.2.8", False),
        (["192.0.2.0/24"], None, "::ffff:192.0.2.9", True),
        (["2001:db8::/32"], None, "2001:db8:1::5", True),
        (["2001:db8::/32"], None, "192.0.2.1", False),
        (["10.0.0.0/8"], "10.0.0.1", "192.0.2.1", False),  # a user who calls themselves so
        (["10.0.0.0/8"], None, "unix", False),
        ([], "ada", "127.0.0.1", False),
    ],
)
def test_names_are_compared_without_case_and_addresses_by_network(entries, username, address, covered):
    assert Whitelist(entries=entries).covers(username, address) is covered


@pytest.mark.parametrize(
    "entry", ["10.0.0.0/33", "10.0.0.300", "10.0.0", "10.0.0.", "a b", "x", "ada; DROP", "1.2.3/8", "*"]
)
def test_what_is_neither_a_name_nor_a_network_is_named(entry):
    with pytest.raises(ValueError, match="neither a user name nor a CIDR") as error:
        Whitelist(entries=[entry])
    assert repr(entry) in str(error.value)


@pytest.mark.gen_test
async def test_the_file_is_read_again_and_adds_to_the_setting(tmp_path: Path):
    file = tmp_path / "list"
    file.write_text("# the office\n192.0.2.0/24  # and its printer\n\nada\n")
    whitelist = Whitelist(entries=["bob"], file=file)
    assert [whitelist.covers(name, "198.51.100.1") for name in ("ada", "bob", "eve")] == [True, True, False]
    assert whitelist.covers(None, "192.0.2.1")
    file.write_text("eve\n")
    await whitelist.reload()
    assert [whitelist.covers(name, "198.51.100.1") for name in ("ada", "bob", "eve")] == [False, True, True]
    assert not whitelist.covers(None, "192.0.2.1")


@pytest.mark.gen_test
@pytest.mark.parametrize("broken", [b"ada\n10.0.0.0/99\n", b"\xff\xfe", b"x" * (FILE_MAX_BYTES + 1), None])
async def test_a_broken_file_keeps_the_old_list_and_logs_a_line(tmp_path: Path, broken, caplog):
    file = tmp_path / "list"
    file.write_text("ada\n")
    whitelist = Whitelist(file=file)
    if broken is None:
        file.unlink()
    else:
        file.write_bytes(broken)
    await whitelist.reload()
    assert whitelist.covers("ada", "192.0.2.1")
    assert [record.fields["kept"] for record in caplog.records] == ["the old one"]
    caplog.clear()


def test_answers_are_kept_for_a_bounded_number_of_addresses():
    whitelist = Whitelist(entries=["192.0.2.0/24"])
    for number in range(ADDRESSES_CACHED_MAX + 5):
        assert not whitelist.covers(None, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(whitelist._by_address) <= ADDRESSES_CACHED_MAX
