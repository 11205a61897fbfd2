"""A worker knows of each partner of the axis whether it wants answers about its own documents, and which of ours a recall is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from connectors.contract import Sealed
from hub.delivery.answering import Answering
from hub.settings.file import load
from hub.store.contract.delivery import Work
from hub.wiring.parts import store_of
from hub.wiring.worker import open_worker
from tests.store.samples import NOON, acceptance, at, delivered, roomy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PARTNER = """id = "axis"
agency = "000.00.15.H47"
room = "edxml"
name = { vi = "Sở", en = "Department" }
[receives]
kinds = ["step", "recalled"]
mapping = "edxml.qcvn102@1"
authority = "000.00.00.H47"
[receives.edxml]
base_url = "http://127.0.0.1:9"
organ = "000.00.15.H47"
own = "000.00.00.H47"
progress = PROGRESS
recalls = RECALLS
[receives.edxml.way]
kind = "vxp"
system = "VN:GOV:H47"
secret_file = "unit.txt"
"""
WORK = Work(
    token="t",
    transfer="t1",
    message="m3",
    partner="axis",
    operation="VanBan",
    part=0,
    key="k",
    kind="step",
    dossier="d1",
    canonical=b"",
    sealed=None,
    doubt=False,
    attempts=0,
    sends=0,
    accepted_at=NOON,
)


class Pool:
    """Seals what it gets as what it knows of the message that opened the dossier."""

    async def seal(self, works: Sequence[Work]) -> Mapping[str, Sealed]:
        return {work.transfer: Sealed(payload=work.opened, media_type="text/plain") for work in works}


@pytest.mark.parametrize("wanted", [True, False])
async def test_what_is_sealed_knows_what_a_partner_wants_to_be_answered(
    tmp_path: Path, *, wanted: bool
) -> None:
    (tmp_path / "partners").mkdir()
    told = PARTNER.replace("PROGRESS", str(wanted).lower()).replace("RECALLS", str(wanted).lower())
    (tmp_path / "partners" / "axis.toml").write_text(told, "utf-8")
    (tmp_path / "partners" / "unit.txt").write_text("secret-of-the-unit", "utf-8")
    settings = tmp_path / "lienthong.toml"
    settings.write_text('data = "data"\npartners = "partners"\n', "utf-8")
    store = store_of(load(settings))
    try:
        await store.accept(acceptance("m1", dossier="d1", partners=(), sender="axis", raw=b"their letter"))
        end = acceptance("m2", dossier="d1", version=1, partners=("axis",))
        await store.accept(msgspec.structs.replace(end, kind="finished"))
        await store.capacities(roomy("axis"))
        (work,) = await store.claim("w1", at(1), 9, 60.0)
        await store.seal(work.token, {work.transfer: Sealed(payload=b"our letter", media_type="text/plain")})
        assert await store.settle(work.token, [delivered(work.transfer)], at(2))
        async with open_worker(settings) as delivery:
            step = sealery = delivery._sealery
            while not isinstance(step, Answering):
                step = step._inner  # type: ignore[attr-defined]
            step._inner = Pool()
            recall = msgspec.structs.replace(WORK, transfer="t2", kind="recalled")
            made = await sealery.seal([WORK, recall])
        said = [each.payload for each in made.values() if isinstance(each, Sealed)]
        assert said == ([b"their letter", b"our letter"] if wanted else [b"", b""])
    finally:
        await store.close()
