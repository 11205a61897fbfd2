"""Digests over many entries, and what proves that one is under them."""

from __future__ import annotations

import hashlib

import pytest

from hub.evidence import merkle

EMPTY_LEAF = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
"""SHA-256 of one zero byte: the leaf of an empty entry (RFC 6962 §2.1)."""
EIGHT = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    bytes(range(0x50, 0x58)),
    bytes(range(0x60, 0x70)),
]
"""The entries with which implementations of certificate transparency compare their trees."""
ROOTS = {
    1: EMPTY_LEAF,
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


@pytest.mark.parametrize("size", ROOTS)
def test_roots_are_those_that_certificate_transparency_computes(size: int) -> None:
    assert merkle.root(EIGHT[:size]).hex() == ROOTS[size]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 64, 100])
def test_every_entry_climbs_to_the_root_and_no_other_does(size: int) -> None:
    entries = [hashlib.sha256(bytes([n])).digest() for n in range(size)]
    root = merkle.root(entries)
    for place, entry in enumerate(entries):
        path = merkle.path(entries, place)
        assert merkle.climb(entry, place, size, path) == root
        assert merkle.climb(b"other", place, size, path) != root
        assert merkle.climb(entry, place, size, (*path, root)) is None
        if path:
            assert merkle.climb(entry, place, size, path[:-1]) is None
            assert merkle.climb(entry, place ^ 1, size, path) != root
    assert merkle.climb(entries[0], size, size, merkle.path(entries, 0)) is None
    assert merkle.climb(entries[0], -1, size, merkle.path(entries, 0)) is None


def test_an_inner_node_is_no_entry() -> None:
    """Or else two digests could be passed off as an entry of a smaller tree."""
    two = b"a", b"b"
    node = merkle.leaf(two[0]) + merkle.leaf(two[1])
    assert merkle.root([node]) != merkle.root(two)
