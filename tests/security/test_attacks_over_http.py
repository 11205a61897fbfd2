"""Attacks on our own freshly signed messages, over HTTP, at every way in: refused by code, quickly, and nothing stays."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.doubles.pki import Pki
from tests.security import hostile_xml
from tests.security.attack_house import SEAL, STRANGER, WAYS, XML_WAYS, attacked, street, with_body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.integration.intake_house import Parts
    from tests.security.attack_house import Street
    from tests.security.hostile_xml import Hostile

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Parts:
    return attacked(tmp_path_factory.mktemp("attacked") / "partners", pki)


@pytest.fixture
async def town(tmp_path: Path, made: Parts, pki: Pki) -> AsyncIterator[Street]:
    async with street(tmp_path, made, pki, NOW) as opened:
        yield opened


ATTACKS: dict[str, tuple[Callable[[bytes, Street], Hostile], tuple[str, ...], int]] = {
    "wrapping": (
        lambda raw, _: hostile_xml.wrapped(raw),
        ("HUB-SIG-001", "HUB-SIG-003", "HUB-SIG-005", "HUB-SIG-006"),
        60,
    ),
    "second signatures": (lambda raw, _: hostile_xml.second_signature(raw), ("HUB-SIG-005",), 10),
    "duplicate ids": (lambda raw, _: hostile_xml.duplicate_ids(raw), ("HUB-SIG-005", "HUB-SIG-007"), 0),
    "algorithms": (lambda raw, at: hostile_xml.other_algorithms(raw, at.pki[SEAL]), ("HUB-SIG-004",), 15),
    "canonicalisations": (
        lambda raw, at: hostile_xml.other_canonicalisations(raw, at.pki[SEAL]),
        ("HUB-SIG-004",),
        5,
    ),
    "transforms": (
        lambda raw, at: hostile_xml.other_transforms(raw, at.pki[SEAL], at.bird.address),
        ("HUB-SIG-004",),
        14,
    ),
    "references": (
        lambda raw, at: hostile_xml.other_references(raw, at.pki[SEAL], at.bird.address),
        ("HUB-SIG-005", "HUB-SIG-006"),
        16,
    ),
    "keys": (
        lambda raw, at: hostile_xml.other_keys(raw, at.pki[STRANGER], at.bird.address),
        ("HUB-CRT-001", "HUB-SIG-002", "HUB-SIG-005", "HUB-SIG-010"),
        9,
    ),
    "prologs": (lambda raw, at: hostile_xml.prologs(raw, at.bird.address), ("HUB-SIG-005",), 17),
}
"""Kind of attack → who makes them, what they may be refused with, and how many there are at least."""


@pytest.mark.parametrize("kind", ATTACKS)
@pytest.mark.parametrize("name", XML_WAYS)
async def test_an_attack_on_signed_xml_is_refused_and_leaves_nothing(
    town: Street, name: str, kind: str
) -> None:
    wire = town.signed(name)
    make, codes, least = ATTACKS[kind]
    count = 0
    for about, raw in make(wire.body, town):
        count += 1
        assert raw != wire.body
        await town.refuse(name, with_body(wire, raw), *codes, about=about)
    assert count >= least
    await town.untouched()
    await town.still_open(name)


@pytest.mark.parametrize("name", XML_WAYS)
async def test_a_name_that_is_torn_apart_is_read_as_it_was_signed(town: Street, name: str) -> None:
    for number, (about, raw) in enumerate(hostile_xml.splits(town.signed(name).body)):
        wire = town.signed(name, f"k-{number}")
        torn = dict(hostile_xml.splits(wire.body))[about]
        assert torn != raw
        answer = await town.post(name, with_body(wire, torn), key=f"k-{number}")
        if answer.status != 202:
            assert answer.code.startswith("HUB-SIG-"), (about, answer.body)
            continue
        payloads = await town.hub.store.payloads(answer["transfers"][0]["id"])
        assert payloads is not None
        assert json.loads(payloads.canonical)["dossier"]["applicant"]["name"] == hostile_xml.TRUE_NAME, about


def test_there_is_a_way_in_for_each_binding() -> None:
    assert {way.binding for way in WAYS.values()} >= {"xmldsig-enveloped", "jws-detached"}
