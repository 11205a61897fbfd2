"""The authority that the settings name is asked over a real socket."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from hub import settings
from hub.settings import Timestamps
from hub.wiring.timestamps import anchors_of, stamper
from schemas.problems import Refusal
from signing.timestamps import read
from tests.doubles.pki import Pki
from tests.doubles.tsa import POLICY, tsa

if TYPE_CHECKING:
    from pathlib import Path

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
