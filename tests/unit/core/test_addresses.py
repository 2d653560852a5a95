from __future__ import annotations

from ipaddress import ip_address

import pytest

from reelkeep.core.addresses import AddressPolicy, Origin, is_public

HTTPS = Origin("https", "zoom.test", 443)
HTTP = Origin("http", "zoom.test", 80)


@pytest.mark.parametrize("address", ["8.8.8.8", "170.114.52.2", "99.255.255.255", "2606:4700::1"])
def test_ordinary_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_everything_else_is_not(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    ("allow", "origin", "address", "permitted"),
    [
        ([], HTTPS, "8.8.8.8", True),
        ([], HTTPS, "127.0.0.1", False),
        ([], HTTP, "8.8.8.8", False),
        ([], HTTP, "127.0.0.1", False),
        (["127.0.0.0/8"], HTTPS, "127.0.0.1", True),
        (["127.0.0.0/8"], HTTP, "127.9.9.9", True),
        (["127.0.0.0/8"], HTTP, "10.0.0.1", False),
        (["127.0.0.0/8"], HTTP, "8.8.8.8", False),
        (["127.0.0.0/8"], HTTPS, "::ffff:127.0.0.1", False),
        (["10.1.2.3"], HTTPS, "10.1.2.3", True),
        (["10.1.2.3"], HTTPS, "10.1.2.4", False),
        (["fd00::/8"], HTTP, "fd00::1", True),
        (["Zoom.Test."], HTTP, "10.0.0.1", True),
        (["zoom.test"], HTTPS, None, True),
        (["zoom.test"], HTTP, None, True),
        (["test"], HTTPS, "10.0.0.1", False),
        (["www.zoom.test"], HTTPS, "10.0.0.1", False),
        ([], HTTPS, None, True),
        ([], HTTP, None, False),
    ],
)
def test_network_allow_exempts_networks_and_exact_hosts(
    allow: list[str], origin: Origin, address: str | None, permitted: bool
) -> None:
    policy = AddressPolicy.parse(allow)
    objection = policy.objection(origin, None if address is None else ip_address(address))
    assert (objection is None) == permitted


@pytest.mark.parametrize(
    "entry",
    ["", "127.0.0.1/8", "300.1.1.1", "10", "a b", "*.zoom.test", "https://zoom.test", "ä.test"],
)
def test_an_entry_must_be_a_network_an_address_or_a_host(entry: str) -> None:
    with pytest.raises(ValueError, match="neither a network"):
        AddressPolicy.parse([entry])
