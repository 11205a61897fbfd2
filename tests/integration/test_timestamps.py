"""The authority that the settings name is asked over a real socket."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest

from connectors.contract import Draft, Sealed
from hub.demo.scene import build
from hub.documents.contract import Waits
from hub.settings import file as settings
from hub.settings.sections import Timestamps
from hub.wiring.declared import declared
from hub.wiring.timestamps import anchors_of, stamped, stamper
from hub.wiring.tools import keys_of, pool_tools
from schemas.problems import Problem, Refusal
from signing import bindings
from signing.contract import Wire
from signing.profiles import Reference, XadesProfile
from signing.timestamps import read
from signing.trust.pins import Pins, pin
from tests.doubles.pki import Pki
from tests.doubles.tsa import POLICY, tsa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hub.delivery.sealing import Workbench
    from hub.store.contract.delivery import Work
    from hub.wiring.declared import Declared

DIGEST = hashlib.sha256(b"x").digest()


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path, datetime.now(UTC))


async def test_a_digest_is_stamped_by_the_authority_of_the_settings(pki: Pki) -> None:
    with tsa(pki) as server:
        told = Timestamps(url=server.url, certificates=(pki["root"].certificate_file,), policy=POLICY)
        async with stamper(told) as authority:
            assert authority is not None
            made = await authority.stamp(DIGEST)
    assert read(made, DIGEST, anchors_of(told)) is not None
    assert len(server.asked) == 1


async def test_without_an_authority_nothing_is_stamped() -> None:
    async with stamper(Timestamps()) as authority:
        assert authority is None


@pytest.mark.parametrize(
    ("mood", "code"), [("down", "HUB-TSP-001"), ("gone", "HUB-TSP-001"), ("babble", "HUB-TSP-003")]
)
async def test_an_authority_that_does_not_answer_is_told_so_and_asked_again(
    pki: Pki, mood: str, code: str
) -> None:
    with tsa(pki) as server:
        url = server.url if mood != "gone" else "http://127.0.0.1:1"
        told = Timestamps(url=url, certificates=(pki["root"].certificate_file,), timeout="2s")  # type: ignore[arg-type]  # as a person writes it
        async with stamper(told) as authority:
            assert authority is not None
            server.mood = mood
            with pytest.raises(Refusal, match=code):
                await authority.stamp(DIGEST)
            server.mood = ""
            if mood != "gone":
                assert await authority.stamp(DIGEST)


def test_an_authority_without_anchors_is_refused_with_its_path(tmp_path: Path) -> None:
    file = tmp_path / "hub.toml"
    file.write_text('[timestamps]\nurl = "http://tsa.example.vn"\n')
    with pytest.raises(Refusal, match=r"HUB-CFG-002 hub\.toml: timestamps"):
        settings.load(file, {})


def test_anchors_are_relative_to_the_settings(pki: Pki) -> None:
    root = pki["root"].certificate_file
    file = root.parent / "hub.toml"
    file.write_text(f'[timestamps]\nurl = "http://tsa.example.vn/q"\ncertificates = ["{root.name}"]\n')
    assert anchors_of(settings.load(file, {}).timestamps).roots == (pki["root"].certificate,)


async def test_a_partner_whose_file_says_so_is_sent_stamped_signatures(pki: Pki, tmp_path: Path) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    with tsa(pki) as server:
        told = scene.settings.read_text("utf-8").partition("[timestamps]")[0]
        lines = f'[timestamps]\nurl = "{server.url}"\ncertificates = ["{pki["root"].certificate_file}"]\n'
        scene.settings.write_text(told + lines, "utf-8")
        (file,) = (scene.settings.parent / "partners").glob("so-*.toml")
        text = file.read_text("utf-8").replace('"xmldsig-enveloped"', '"xades"\ntimestamp = true')
        file.write_text(text, "utf-8")
        what = declared(scene.settings)
        _, bench = pool_tools(str(scene.settings))
        name = next(partner.id for partner, _ in what.receiving if partner.file == file)
        async with stamped(what, Bench(bench)) as sealery:
            work = cast("Work", Job(name))
            first = (await sealery.seal([work]))["t1"]
            assert isinstance(first, Waits)
            made: Sealed | Problem | Waits = first
            async with asyncio.timeout(10):
                while isinstance(made, Waits):
                    await asyncio.sleep(made.seconds / 50)
                    made = (await sealery.seal([work]))["t1"]
    assert isinstance(made, Sealed)
    [key] = keys_of(what.settings, seal_of(what, name))
    verifier = bindings.verifier(
        Pins([pin(key.certificate)]),
        XadesProfile(reference=Reference.ID, timestamp=True),
        anchors_of(what.settings.timestamps),
    )
    verified = verifier.verify(Wire(body=made.payload), datetime.now(UTC) + timedelta(seconds=30))
    assert verified.stamped_at is not None
    assert len(server.asked) == 1


async def test_stamped_signatures_need_somebody_to_ask(tmp_path: Path) -> None:
    scene = build(tmp_path / "site", 1, (2, 3, 4))
    scene.settings.write_text(scene.settings.read_text("utf-8").partition("[timestamps]")[0], "utf-8")
    (file,) = (scene.settings.parent / "partners").glob("so-*.toml")
    text = file.read_text("utf-8").replace('"xmldsig-enveloped"', '"xades"\ntimestamp = true')
    file.write_text(text, "utf-8")
    with pytest.raises(Refusal, match=r"HUB-CFG-002 timestamps\.url"):
        declared(scene.settings)


def seal_of(what: Declared, name: str) -> str:
    seal = next(receives.signature for partner, receives in what.receiving if partner.id == name)
    assert seal is not None
    return seal.key


class Job:
    transfer = "t1"

    def __init__(self, partner: str) -> None:
        self.partner = partner


class Bench:
    """A sealery of this process."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    async def seal(self, works: Sequence[Work]) -> Mapping[str, Sealed | Problem | Waits]:
        draft = Draft(payload=b'<a xmlns="urn:a">x</a>', media_type="text/xml", facts={})
        return {work.transfer: self._bench.sealers[work.partner].seal(draft) for work in works}
