"""Signatures that a partner wants stamped wait for their own stamp, and nothing else waits for it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest

from connectors.contract import Sealed
from hub.delivery import stamping
from hub.delivery.stamping import LATER, ON_ITS_WAY, SOON, Stamping
from hub.documents.contract import Waits
from schemas.problems import Problem, refuse
from signing import timestamps
from signing.keys.ring import KeySource, load
from signing.profiles import XadesProfile
from signing.trust.pins import load_pins
from signing.xml.xades import XadesSigner, XadesVerifier
from tests.doubles.pki import Pki
from tests.doubles.tsa import authority

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.store.contract.delivery import Work

NOW = datetime.now(UTC)


class Job:
    """The part of ``Work`` that a sealery looks at."""

    def __init__(self, transfer: str, partner: str = "cục thuế") -> None:
        self.transfer, self.partner = transfer, partner


def works(*jobs: Job) -> Sequence[Work]:
    return cast("Sequence[Work]", jobs)


class Pen:
    """Signs what it is asked for and counts it."""

    def __init__(self, signer: XadesSigner) -> None:
        self.signer, self.asked = signer, list[str]()

    async def seal(self, works: Sequence[Work]) -> Mapping[str, Sealed | Problem | Waits]:
        self.asked += [work.transfer for work in works]
        payload = self.signer.sign(b'<a Id="x">A</a>', NOW)
        return {
            work.transfer: Problem(code="HUB-CFG-001")
            if work.transfer == "wrong"
            else Sealed(payload=payload, media_type="text/xml")
            for work in works
        }


class Desk:
    """A stamper that answers when it is let."""

    def __init__(self, stamps: timestamps.Stamper | None = None, code: str = "") -> None:
        self.open, self.stamps, self.code, self.asked = asyncio.Event(), stamps, code, 0

    async def stamp(self, digest: bytes) -> bytes:
        self.asked += 1
        await self.open.wait()
        if self.code:
            raise refuse(self.code)
        if self.stamps is None:
            raise OSError
        return await self.stamps.stamp(digest)


class Tsa:
    def __init__(self, pki: Pki) -> None:
        self.double = authority(pki)

    async def stamp(self, digest: bytes) -> bytes:
        return timestamps.token_of(self.double.stamp(timestamps.question(digest, 7)))


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


@pytest.fixture
def pen(pki: Pki) -> Pen:
    one = pki["seal-2048"]
    key = load(KeySource(name="seal", file=str(one.key_file), certificate=str(one.certificate_file)))
    return Pen(XadesSigner(key, XadesProfile()))


async def come_again(one: Stamping, transfer: str) -> Sealed | Problem | Waits:
    async with asyncio.timeout(5):
        while True:
            await asyncio.sleep(0.01)
            made = (await one.seal(works(Job(transfer))))[transfer]
            if made != Waits(code=ON_ITS_WAY, place="receives.signature.timestamp", seconds=SOON):
                return made


async def test_a_transfer_waits_for_its_stamp_and_holds_up_nobody(pki: Pki, pen: Pen) -> None:
    desk = Desk(Tsa(pki))
    one = Stamping(pen, desk, {"cục thuế"})
    made = await one.seal(works(Job("t1"), Job("t2", "sở"), Job("wrong")))
    assert isinstance(made["t1"], Waits)
    assert (made["t1"].code, made["t1"].seconds) == (ON_ITS_WAY, SOON)
    assert isinstance(made["t2"], Sealed)
    assert isinstance(made["wrong"], Problem)
    assert isinstance((await one.seal(works(Job("t1"))))["t1"], Waits)
    desk.open.set()
    sealed = await come_again(one, "t1")
    assert isinstance(sealed, Sealed)
    assert (pen.asked, desk.asked) == (["t1", "t2", "wrong"], 1)
    anchors = timestamps.load_anchors([pki["root"].certificate_file])
    pins = load_pins([pki["seal-2048"].certificate_file])
    verifier = XadesVerifier(pins, XadesProfile(timestamp=True), anchors)
    assert verifier.verify(sealed.payload, datetime.now(UTC) + timedelta(seconds=30)).stamped_at
    await one.close()


@pytest.mark.parametrize(("code", "told"), [("HUB-TSP-001", "HUB-TSP-001"), ("", "HUB-INT-001")])
async def test_an_authority_that_has_none_is_asked_again_later(pen: Pen, code: str, told: str) -> None:
    desk = Desk(code=code)
    desk.open.set()
    one = Stamping(pen, desk, {"cục thuế"})
    await one.seal(works(Job("t1")))
    made = await come_again(one, "t1")
    assert isinstance(made, Waits)
    assert (made.code, made.seconds) == (told, LATER)
    await one.seal(works(Job("t1")))  # it waited, and comes again
    await asyncio.sleep(0.05)
    assert (pen.asked, desk.asked) == (["t1", "t1"], 2)
    await one.close()


async def test_whoever_wants_no_stamp_never_meets_the_authority(pen: Pen) -> None:
    desk = Desk()
    for one in (Stamping(pen, desk, frozenset()), Stamping(pen, None, {"cục thuế"})):
        assert isinstance((await one.seal(works(Job("t1"))))["t1"], Sealed)
    assert desk.asked == 0


async def test_stamps_that_nobody_comes_for_are_few(pen: Pen) -> None:
    desk = Desk(code="HUB-TSP-001")
    desk.open.set()
    one = Stamping(pen, desk, {"cục thuế"})
    for number in range(stamping.MOST + 5):
        await one.seal(works(Job(f"t{number}")))
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    assert len(one._kept) == stamping.MOST
    await one.close()


async def test_closing_asks_no_more(pen: Pen) -> None:
    one = Stamping(pen, Desk(), {"cục thuế"})
    await one.seal(works(Job("t1")))
    await asyncio.sleep(0)
    await one.close()
    assert len(asyncio.all_tasks()) == 1
