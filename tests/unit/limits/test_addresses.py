"""What an address is counted as."""

from __future__ import annotations

import pytest

from limits.addresses import fold_address


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:c000:207", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix:", "unix:"),
        ("", ""),
        ("x" * 1_000, "x" * 64),
    ],
)
def test_an_address_folds_to_the_one_who_owns_it(address, key):
    assert fold_address(address) == key


def test_two_customers_networks_do_not_share_a_key():
    assert fold_address("2001:db8:1:2::1") != fold_address("2001:db8:1:3::1")
