"""Attacks on our own freshly signed messages, over HTTP, at every way in: refused by code, quickly, and nothing stays."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import islice
from resource import RUSAGE_SELF, getrusage
from typing import TYPE_CHECKING

import msgspec
import pytest

from signing.jose.modi import ModiSigner
from signing.profiles import ModiProfile
from tests.doubles.pki import Pki
from tests.security import hostile_jose, hostile_soap, hostile_xml
from tests.security.attack_house import (
    JSON_WAYS,
    KILOBYTES,
    NEXT,
    SEAL,
    STRANGER,
    WAYS,
    XML_WAYS,
    attacked,
    key_of,
    street,
    with_body,
)
from tests.security.floods import floods
from tests.security.hostile_jose import Caught

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from signing.contract import Wire
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


SHAPES = tuple(f"HUB-SIG-{number:03}" for number in (5, 6, 7, 8, 9))
"""Each binding has its own word for what stands where it must not."""

ATTACKS: dict[str, tuple[Callable[[bytes, Street], Hostile], tuple[str, ...], int]] = {
    "wrapping": (
        lambda raw, _: hostile_xml.wrapped(raw),
        ("HUB-SIG-001", "HUB-SIG-003", "HUB-SIG-010", "HUB-SIG-014", *SHAPES),
        60,
    ),
    "second signatures": (lambda raw, _: hostile_xml.second_signature(raw), SHAPES, 10),
    "duplicate ids": (lambda raw, _: hostile_xml.duplicate_ids(raw), ("HUB-SIG-005", "HUB-SIG-007"), 0),
    "algorithms": (lambda raw, at: hostile_xml.other_algorithms(raw, at.pki[SEAL]), ("HUB-SIG-004",), 15),
    "canonicalisations": (
        lambda raw, at: hostile_xml.other_canonicalisations(raw, at.pki[SEAL]),
        ("HUB-SIG-004",),
        4,
    ),
    "transforms": (
        lambda raw, at: hostile_xml.other_transforms(raw, at.pki[SEAL], at.bird.address),
        ("HUB-SIG-004",),
        14,
    ),
    "references": (
        lambda raw, at: hostile_xml.other_references(raw, at.pki[SEAL], at.bird.address),
        SHAPES,
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


@pytest.mark.parametrize("name", XML_WAYS)
async def test_an_attack_on_signed_xml_is_refused_and_leaves_nothing(town: Street, name: str) -> None:
    wire = town.signed(name)
    for kind, (make, codes, least) in ATTACKS.items():
        count = 0
        for about, raw in make(wire.body, town):
            count += 1
            assert raw != wire.body
            await town.refuse(name, with_body(wire, raw), *codes, about=f"{kind}: {about}")
        assert count >= least, kind
    await town.untouched()
    await town.still_open(name)


@pytest.mark.parametrize("name", XML_WAYS)
async def test_a_flood_is_answered_at_once(town: Street, name: str) -> None:
    """A few of ``floods`` for each way in; what changes nothing of what is signed may be taken."""
    wire = town.signed(name)
    started = XML_WAYS.index(name)
    for about, raw in islice(floods(wire.body), started, None, 40):
        answer = await town.quickly(name, with_body(wire, raw), about)
        assert answer.status == 202 or 400 <= answer.status < 500, (about, answer.status)
    assert getrusage(RUSAGE_SELF).ru_maxrss - town.peak < KILOBYTES
    assert town.bird.calls == 0


@pytest.mark.parametrize("name", [name for name, way in WAYS.items() if way.binding == "wss"])
async def test_an_attack_on_a_soap_message_is_refused_and_leaves_nothing(town: Street, name: str) -> None:
    wire = town.signed(name)
    for about, raw in hostile_soap.messages(wire.body, town.pki[STRANGER], town.bird.address):
        assert raw != wire.body, about
        await town.refuse(name, with_body(wire, raw), about=about)
    await town.untouched()
    await town.still_open(name)


@pytest.mark.parametrize("name", [name for name in XML_WAYS if WAYS[name].readable])
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


TOKENS: dict[str, tuple[Callable[[Caught], hostile_jose.Hostile], int]] = {
    "algorithms": (hostile_jose.algorithms, 40),
    "keys": (hostile_jose.keys, 13),
    "headers": (hostile_jose.headers, 20),
    "spellings": (hostile_jose.spellings, 15),
    "bodies": (hostile_jose.bodies, 10),
    "claims": (hostile_jose.claims, 23),
}


@pytest.mark.parametrize("name", JSON_WAYS)
async def test_an_attack_on_a_token_is_refused_and_leaves_nothing(town: Street, name: str) -> None:
    caught = Caught(
        town.signed(name), WAYS[name].header, town.pki[SEAL], town.pki[STRANGER], town.bird.address
    )
    for kind, (make, least) in TOKENS.items():
        if kind == "claims" and caught.detached:
            continue
        count = 0
        for about, wire in make(caught):
            count += 1
            await town.refuse(name, wire, about=f"{kind}: {about}")
        assert count >= least, kind
    await town.untouched()
    await town.still_open(name)


@pytest.mark.parametrize("name", JSON_WAYS)
async def test_a_name_that_stands_twice_in_a_signed_body_is_refused(town: Street, name: str) -> None:
    unsigned = town.unsigned(name, "k")
    for twice in (b'{"x": 1, "x": 2,', b'{"dossier": {}, "MaThongDiep": "other",'):
        body = with_body(unsigned, unsigned.body.replace(b"{", twice, 1))
        await town.refuse(name, town.signer(name).sign(body, town.now), "HUB-SCH-004", "HUB-SCH-005")
    await town.untouched()


# --- said before, by others, to others


@pytest.mark.parametrize("name", WAYS)
async def test_a_caught_message_is_not_taken_from_another_sender(town: Street, name: str) -> None:
    """The thief has an account of its own; its pins are its own, too."""
    wire = town.signed(name)
    await town.refuse(name, wire, "HUB-CRT-001", sender=f"other-{name}")
    theirs = town.signed(f"other-{name}", seal=NEXT)
    await town.refuse(name, theirs, "HUB-CRT-001")
    await town.untouched()
    await town.still_open(name)


@pytest.mark.parametrize("name", [name for name, way in WAYS.items() if way.readable])
async def test_a_message_that_comes_again_makes_no_second_row_not_even_after_a_restart(
    tmp_path: Path, made: Parts, pki: Pki, name: str
) -> None:
    async with street(tmp_path, made, pki, NOW) as town:
        wire = town.signed(name, "k-1")
        first = await town.post(name, wire, key="k-1")
        assert first.status == 202, first.body
        before = len(await town.hub.store.journal())
        await once(town, name, wire, first.body)
    async with street(tmp_path, made, pki, NOW) as town:
        await once(town, name, wire, first.body)
        assert len(await town.hub.store.journal()) == before


async def once(town: Street, name: str, wire: Wire, receipt: bytes) -> None:
    again = await town.post(name, wire, key="k-1")
    assert (again.status, again.body) == (202, receipt)
    moved = await town.post(name, wire, key="k-2")
    assert (moved.status, moved.body) == (202, receipt) or moved.code == "HUB-IDM-002"


@pytest.mark.parametrize(("name", "code"), [("soap-12", "HUB-SIG-006"), ("modi", "HUB-SIG-030")])
async def test_what_is_addressed_to_another_hub_is_refused(town: Street, name: str, code: str) -> None:
    """Truly signed, by the same sender, for somebody else: where a binding says to whom, it counts."""
    unsigned = town.unsigned(name, "k")
    if name == "modi":
        elsewhere = ModiSigner(key_of(town.pki, SEAL), ModiProfile(audience="urn:another"))
        await town.refuse(name, elsewhere.sign(unsigned, town.now), code)
    else:
        for to in (b">urn:another<", b">urn:hub/x<", b"><"):
            moved = with_body(unsigned, unsigned.body.replace(b">urn:hub<", to))
            assert moved.body != unsigned.body
            await town.refuse(name, town.signer(name).sign(moved, town.now), code)
    await town.untouched()
    await town.still_open(name)


@pytest.mark.parametrize("name", WAYS)
async def test_a_caught_message_is_nothing_at_another_door(town: Street, name: str) -> None:
    wire = town.signed(name)
    headers = {**wire.headers, "Authorization": f"Bearer {name}"}
    for method, path in (("POST", "/v1/receipts"), ("PUT", "/v1/messages"), ("POST", "/v1/messages/k")):
        async with town.hub.session.request(
            method, town.hub.url + path, data=wire.body, headers=headers
        ) as got:
            assert 400 <= got.status < 500, (method, path, got.status)
    await town.untouched()


@pytest.mark.parametrize("name", WAYS)
async def test_a_caught_signature_is_not_taken_under_another_binding(town: Street, name: str) -> None:
    wire = town.signed(name)
    for other, way in WAYS.items():
        if way.binding != WAYS[name].binding:
            headers = {**wire.headers, "Content-Type": way.media}
            await town.refuse(other, msgspec.structs.replace(wire, headers=headers))
    await town.untouched()


def test_there_is_a_way_in_for_each_binding() -> None:
    assert {way.binding for way in WAYS.values()} >= {"xmldsig-enveloped", "jws-detached"}
