"""A hub below changes its key: made there, certified above, both believed until the new one was used, and nothing is lost meanwhile."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import aiohttp
import msgspec
import pytest

from hub.cli import opening
from hub.edges import enrolling
from hub.edges.renewing import Life, is_due
from hub.rounds.syncing import Broke
from hub.wiring.enrolment import enrol
from hub.wiring.parts import utc_now
from signing.keys import authority
from tests.integration.hubs import Hub, received, until
from tests.integration.test_enrolment import _port, below, invited, province, refused

if TYPE_CHECKING:
    from pathlib import Path

    from hub.store.contract.enrolments import Enrolled


async def counting(above: Hub) -> list[Enrolled]:
    """What counts of its certificates, the latest first."""
    found = await above.store.enrolments.certificates("tam-ky")
    return [each for each in found if each.until is None]


async def enrolled(above: Hub, site: Path) -> Hub:
    await enrol(above.url, await invited(above), site, f"127.0.0.1:{_port()}", None)
    return below(above, site)


async def test_what_was_signed_by_the_key_before_arrives_by_the_new_one(tmp_path: Path) -> None:
    async with province(tmp_path) as above:
        district = await enrolled(above, tmp_path / "site")
        (old,) = await counting(above)
        await above.stop()
        await district.start()
        try:
            await district.say("mot-cua", received(waiting := district.code()))

            async def sealed() -> bool:
                return (await district.store.edges.waiting("hub-above")).offered == 1

            await until(sealed)
            await district.stop()
            async with opening.edge_side(district.settings) as side:
                assert side.peers.above is not None
                _, written = await side.carrying.write(side.peers.above)  # numbered, signed by the old key
                assert written.batches == 1
            await above.start()
            await opening.edge_renewed(district.settings)
            assert [each.fingerprint for each in await counting(above)][1:] == [old.fingerprint]
            (key,) = (tmp_path / "site" / "keys" / "renewed").glob("*.key")
            assert stat.S_IMODE(key.stat().st_mode) == 0o600
            newest = (await counting(above))[0]
            assert await above.store.enrolments.used(newest.fingerprint, utc_now()) == 1  # as by a greeting
            await above.stop()
            await above.start()
            await district.start()
            await above.knows(waiting, "received")
            await district.say("mot-cua", received(last := district.code()))
            await above.knows(last, "received")
        finally:
            await district.stop()


async def test_a_hub_renews_by_itself_when_two_thirds_of_its_certificate_are_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with province(tmp_path) as above:
        with monkeypatch.context() as short:
            short.setattr(enrolling, "LIFE", timedelta(minutes=4))  # it begins ten minutes before
            district = await enrolled(above, tmp_path / "site")
        await district.start()
        try:

            async def renewed() -> bool:
                return len(await counting(above)) == 2

            await until(renewed)
            newest = (await counting(above))[0]
            assert newest.ends_at - utc_now() > timedelta(days=700)

            async def asked() -> bool:
                return (tmp_path / "site" / "data" / "replica" / "begin-anew").exists()

            await until(asked)
        finally:
            await district.stop()


async def test_two_keys_count_until_the_new_one_was_used_and_then_it_alone(tmp_path: Path) -> None:
    async with province(tmp_path) as above:
        district = await enrolled(above, tmp_path / "site")
        (old,) = await counting(above)
        await opening.edge_renewed(district.settings)
        assert [each.fingerprint for each in await counting(above)][1:] == [old.fingerprint]
        await district.start()
        try:

            async def changed() -> bool:
                return len(await counting(above)) == 1

            await until(changed)
            assert (await counting(above))[0].fingerprint != old.fingerprint
        finally:
            await district.stop()


async def test_an_answer_that_was_lost_comes_again_and_of_two_requests_the_later_one_counts(
    tmp_path: Path,
) -> None:
    async with province(tmp_path) as above:
        await enrolled(above, tmp_path / "site")
        (old,) = await counting(above)
        office = opening.enrolling(above.settings, above.store)
        one, other = _request(authority.new_key()), _request(authority.new_key())
        first, again = [await office.renew("tam-ky", one, old.fingerprint) for _ in range(2)]
        told = [msgspec.json.decode(body, type=enrolling.Renewed) for body, _ in (first, again)]
        assert told[0].certificate == told[1].certificate
        await office.renew("tam-ky", other, old.fingerprint)
        newest, before = await counting(above)
        assert before.fingerprint == old.fingerprint
        assert newest.pem != told[0].certificate
        await refused("HUB-EDG-062", office.renew("tam-ky", one, old.fingerprint))
        await refused("HUB-EDG-062", office.renew("hoi-an", one, ""))
        assert await above.store.enrolments.used(old.fingerprint, utc_now()) == 0
        assert await above.store.enrolments.used(newest.fingerprint, utc_now()) == 1
        assert [each.fingerprint for each in await counting(above)] == [newest.fingerprint]


async def test_nobody_else_has_a_key_certified(tmp_path: Path) -> None:
    async with province(tmp_path) as above:
        district = await enrolled(above, tmp_path / "site")
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{above.url}/edge/v1/renew", data=_request(authority.new_key())) as got,
        ):
            assert got.status == 403  # HUB-EDG-023
        await above.store.enrolments.revoke("tam-ky", reason="lost", by="an", now=utc_now())
        await above.stop()
        await above.start()
        with pytest.raises(Broke, match=r"HUB-(SIG|CRT)-"):
            await opening.edge_renewed(district.settings)
        assert await counting(above) == []


def test_it_is_time_at_two_thirds() -> None:
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    life = Life(begins, begins + timedelta(days=30))
    assert not is_due(life, begins + timedelta(days=19, hours=23))
    assert is_due(life, begins + timedelta(days=20))


def _request(key: bytes) -> bytes:
    csr = authority.request(key, "edge").decode()
    return msgspec.json.encode(enrolling.Request(v=1, csr=csr))
