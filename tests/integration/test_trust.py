"""Authorities are asked about certificates; what they say decides whose messages are believed, and no outage is for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from hub.settings.sections import Revocation
from hub.store.sqlite.store import open_store
from hub.trust.contract import Barred, Said
from hub.trust.inquiry import AGAIN, Inquiry
from hub.trust.state import Known
from hub.wiring.trust import Asker, sources_of, subjects_of
from schemas.problems import Refusal
from signing.trust.pins import pin
from tests.doubles.ocsp import ocsp
from tests.doubles.pki import Pki
from tests.store.samples import numbered_ids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from hub.store.contract.store import Store
    from tests.doubles.ocsp import Ocsp

START = datetime.now(UTC)
SEAL = "seal-p256"


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)  # answers come by the real clock

    def __call__(self) -> datetime:
        return self.now

    def later(self, **what: float) -> None:
        self.now += timedelta(**what)


class House:
    """One worker that asks and one web process that believes, over one store."""

    def __init__(self, store: Store, pki: Pki, theirs: Ocsp) -> None:
        self.store, self.pki, self.theirs = store, pki, theirs
        self.clock, self.asker = Clock(), Asker(5.0)
        self.fingerprint = pin(pki[SEAL].certificate).fingerprint
        self.known = Known(store.trust)

    def told(self, mode: str = "require", grace: str = "1m", **who: object) -> Revocation:
        return Revocation.model_validate({"mode": mode, "grace": grace, **(who or {"ocsp": self.theirs.url})})

    def inquiry(self, told: Revocation, holder: str = "w1") -> Inquiry:
        self.known = Known(self.store.trust, {"desk": told})
        subjects = subjects_of([(self.pki[SEAL].certificate, told)], [self.pki["root"].certificate])
        return Inquiry(self.store, subjects, self.asker, now=self.clock, holder=holder, every=3600.0)

    async def believed(self, stamped_at: datetime | None = None) -> str:
        """Return the code of the refusal, or nothing."""
        await self.known.read()
        try:
            self.known.vouch("desk", self.fingerprint, self.clock(), stamped_at)
        except Refusal as refusal:
            return refusal.code
        return ""


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    pki = Pki(tmp_path_factory.mktemp("pki"), START)
    for name in (SEAL, "ocsp"):
        assert pki[name]
    return pki


@pytest.fixture
def theirs(pki: Pki) -> Iterator[Ocsp]:
    with ocsp(pki) as server:
        yield server


@pytest_asyncio.fixture
async def house(tmp_path: Path, pki: Pki, theirs: Ocsp) -> AsyncIterator[House]:
    house = House(open_store(tmp_path / "hub.db", ids=numbered_ids(1)), pki, theirs)
    yield house
    await house.asker.close()
    await house.store.close()


async def test_a_silent_authority_stops_its_signers_after_the_grace_and_only_until_it_speaks_again(
    house: House,
) -> None:
    inquiry = house.inquiry(house.told(grace="1m"))
    assert await house.believed() == "HUB-CRT-005"
    house.theirs.minutes = 10
    assert await inquiry.round() == 1
    assert await house.believed() == ""
    house.theirs.mood = "down"
    house.clock.later(minutes=10, seconds=30)  # its answer is over
    assert await inquiry.round() == 1
    assert await house.believed() == ""
    house.clock.later(minutes=1)  # and the grace
    assert await inquiry.round() == 1
    assert await house.believed() == "HUB-CRT-005"
    house.clock.later(hours=30)
    assert await inquiry.round() == 1
    assert await house.believed() == "HUB-CRT-005"
    house.theirs.mood, house.theirs.minutes = "", 60 * 48
    house.clock.later(seconds=AGAIN)
    assert await inquiry.round() == 1
    assert await house.believed() == ""


@pytest.mark.parametrize("mood", ["down", ""])
async def test_a_clock_that_was_ahead_for_a_while_stops_no_asking(house: House, mood: str) -> None:
    inquiry = house.inquiry(house.told())
    house.theirs.mood, house.theirs.minutes = mood, 60 * 24 * 10
    house.clock.later(days=9)
    await inquiry.round()
    house.clock.later(days=-9)
    house.theirs.mood = ""
    assert await inquiry.round() == 1
    assert await house.believed() == ""
    assert await inquiry.round() == 0


async def test_where_the_last_answer_was_agreed_to_count_it_counts_so_long(house: House) -> None:
    inquiry = house.inquiry(house.told("cached", grace="12h"))
    await inquiry.round()
    house.theirs.mood = "down"
    house.clock.later(hours=11, minutes=59)
    await inquiry.round()
    assert await house.believed() == ""
    house.clock.later(minutes=2)
    assert await house.believed() == "HUB-CRT-005"


async def test_who_was_revoked_is_believed_no_more_but_for_what_was_stamped_before(house: House) -> None:
    inquiry = house.inquiry(house.told())
    house.theirs.revoke(SEAL, START - timedelta(hours=1))
    await inquiry.round()
    assert await house.believed() == "HUB-CRT-004"
    assert house.known.barred() == {house.fingerprint}  # nor would the hub sign with it
    assert await house.believed(stamped_at=START - timedelta(hours=2)) == ""
    assert await house.believed(stamped_at=START - timedelta(minutes=59)) == "HUB-CRT-004"
    told = await house.store.trust.standing(house.fingerprint)
    assert told is not None
    assert (told.state, told.answer) == (Said.REVOKED, house.theirs.first)


async def test_a_revocation_list_does_as_well_and_serves_all_that_stand_on_it(house: House) -> None:
    told = house.told(crl=house.theirs.crl_url)
    subjects = subjects_of(
        [(house.pki[name].certificate, told) for name in (SEAL, "ocsp")], [house.pki["root"].certificate]
    )
    inquiry = Inquiry(house.store, subjects, house.asker, now=house.clock, holder="w", every=3600.0)
    assert await inquiry.round() == 2
    assert {one.state for one in await house.store.trust.standings()} == {Said.GOOD}
    assert len(house.theirs.asked) <= 2


async def test_a_second_source_is_asked_when_the_first_has_no_answer(house: House) -> None:
    house.theirs.mood = "babble"
    inquiry = house.inquiry(house.told(ocsp=house.theirs.url, crl=house.theirs.crl_url))
    await inquiry.round()
    assert await house.believed() == ""


async def test_an_answer_is_asked_anew_long_before_it_is_over_and_not_all_the_time(house: House) -> None:
    inquiry = house.inquiry(house.told())
    house.theirs.minutes = 30
    assert [await inquiry.round(), await inquiry.round()] == [1, 0]
    house.clock.later(minutes=16)
    assert await inquiry.round() == 1


async def test_one_worker_asks_for_all(house: House) -> None:
    told = house.told()
    first, second = house.inquiry(told, "w1"), house.inquiry(told, "w2")
    assert await first.round() == 1
    assert await second.round() is None
    await first.end()
    assert await second.round() == 0


async def test_a_certificate_whose_issuer_nobody_declared_is_no_ones_to_ask_about(house: House) -> None:
    told = house.told()
    subjects = subjects_of([(house.pki[SEAL].certificate, told)], [])
    house.known = Known(house.store.trust, {"desk": told})
    await Inquiry(house.store, subjects, house.asker, now=house.clock, holder="w", every=60.0).round()
    (standing,) = await house.store.trust.standings()
    assert standing.problem == "HUB-CRT-006"
    assert await house.believed() == "HUB-CRT-005"


async def test_a_barred_certificate_is_refused_in_every_mode(house: House) -> None:
    told = Barred(fingerprint=house.fingerprint, name="x", since=START, at=START, by="an", reason="mất thẻ")
    assert await house.believed() == ""
    await house.store.trust.bar(told)
    assert await house.believed() == "HUB-CRT-004"
    assert await house.believed(stamped_at=START - timedelta(seconds=1)) == ""


def test_an_address_in_a_certificate_leads_to_declared_hosts_only(pki: Pki) -> None:
    named = pki["seal-that-names"].certificate
    assert list(sources_of(named, Revocation(mode="require", hosts=("elsewhere.example",)))) == []
    allowed = Revocation(mode="require", hosts=("ocsp.example.vn",))
    assert [(one.kind, one.url) for one in sources_of(named, allowed)] == [
        ("ocsp", "http://ocsp.example.vn/q"),
        ("crl", "http://ocsp.example.vn/ca.crl"),
    ]
