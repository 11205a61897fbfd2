"""A leader signs at the centre: what is signed by whom it may be is accepted, anything else refused with its own code.

Over real sockets, against a real store, with signatures of real certificates.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from hub.store.contract.views import Filter
from signing.jose.detached import DetachedSigner
from signing.keys.ring import KeySource, load
from tests.doubles.pki import Pki
from tests.integration.intake_house import LAND, PROVINCE, House, house, parts, recipient, sender

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.intake_house import Answer, Parts

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
CENTRE, DIRECTOR, DEPUTY, CLERK = "seal-2048", "seal-p256", "seal-non-repudiation", "seal-3072"
SURVEYOR = "seal-2048-next"
KINDS = [
    "received",
    "transferred",
    "step",
    "finished",
    "result_handed_over",
    "returned",
    "corrected",
    "apology",
]
SIGNATORIES = """\
agency = "{land}"

[[signatories]]
id = "director"
name = {{ vi = "Giám đốc", en = "The director" }}
certificates = ["{director}"]
[[signatories.positions]]
title = {{ vi = "Giám đốc Sở", en = "Director" }}
kinds = ["finished", "corrected"]

[[signatories]]
id = "deputy"
name = {{ vi = "Phó giám đốc", en = "The deputy" }}
certificates = ["{deputy}"]
[[signatories.positions]]
title = {{ vi = "Phó Giám đốc Sở", en = "Deputy director" }}
kinds = ["returned"]

[[signatories]]
id = "clerk"
name = {{ vi = "Văn thư", en = "The clerk" }}
certificates = ["{clerk}"]
[[signatories.positions]]
title = {{ vi = "Văn thư", en = "Clerk" }}
agency = "{province}"
kinds = ["step"]

[[signatories]]
id = "surveyor"
name = {{ vi = "Trưởng phòng đo đạc", en = "The head of surveying" }}
certificates = ["{surveyor}"]
[[signatories.positions]]
title = {{ vi = "Trưởng phòng", en = "Head of division" }}
kinds = ["finished", "corrected"]
procedures = ["1.009995"]

[[delegations]]
from = "director"
to = "deputy"
since = 2026-11-01
until = 2026-11-22
decision = "12/QĐ-STNMT"
"""


class Centre:
    """One desk of the centre, and the certificates of who works there."""

    def __init__(self, hub: House, pki: Pki, code: str) -> None:
        self.hub, self._pki, self.code, self._number = hub, pki, code, 0

    def signed(self, raw: bytes, who: str) -> str:
        one = self._pki[who]
        key = load(KeySource(name=who, file=str(one.key_file), certificate=str(one.certificate_file)))
        return DetachedSigner(key).sign(raw, NOW)

    async def says(self, kind: str, who: str, *, key: str = "", other: bytes = b"", **dossier: Any) -> Answer:
        """``other``: what is sent in place of what was signed."""
        self._number += 1
        told = {"procedure": {"national": "1.009999"}, **dossier}
        event = told.pop("event", {})
        body = self.hub.message(kind, self.code, **{name: said for name, said in told.items() if said})
        body["event"] |= event
        raw = json.dumps(body, ensure_ascii=False).encode()
        headers = {"X-JWS-Signature": self.signed(raw, who)}
        return await self.hub.post(
            other or raw, key=key or f"{self.code}-{self._number}", sender="desk", headers=headers
        )


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Parts:
    folder = tmp_path_factory.mktemp("files")
    partners, signing = folder / "partners", folder / "signatories"
    partners.mkdir()
    signing.mkdir()
    proof = (
        f'[sends.signature]\nbinding = "jws-detached"\ncertificates = ["{pki[CENTRE].certificate_file}"]\n'
        'authority = ["finished"]\n'
    )
    (partners / "desk.toml").write_text(sender("desk", PROVINCE, [PROVINCE], proof=proof, kinds=KINDS))
    (partners / "land.toml").write_text(recipient("land", LAND, "decides"))
    files = {
        name: pki[seal].certificate_file
        for name, seal in (
            ("director", DIRECTOR),
            ("deputy", DEPUTY),
            ("clerk", CLERK),
            ("surveyor", SURVEYOR),
        )
    }
    (signing / "land.toml").write_text(SIGNATORIES.format(land=LAND, province=PROVINCE, **files))
    return parts(partners, signing=signing)


@pytest.fixture
async def centre(tmp_path: Path, made: Parts, pki: Pki) -> AsyncIterator[Centre]:
    async with house(tmp_path, made, lambda: NOW) as hub:
        yield Centre(hub, pki, hub.code())


async def until_signed(centre: Centre) -> None:
    for kind in ("received", "transferred", "step"):
        answer = await centre.says(kind, CENTRE)
        assert answer.status == 202, answer.body


async def test_a_leader_signs_at_the_centre_and_it_is_handed_over_and_returned(centre: Centre) -> None:
    await until_signed(centre)
    assert (await centre.says("finished", DIRECTOR)).status == 202
    for kind in ("result_handed_over", "returned"):
        assert (await centre.says(kind, CENTRE)).status == 202
    told = await centre.hub.store.dossier(centre.code)
    assert told is not None
    assert [one.kind for one in told.messages][-3:] == ["finished", "result_handed_over", "returned"]


@pytest.mark.parametrize(
    ("who", "code"),
    [(CENTRE, "HUB-SGN-001"), (CLERK, "HUB-SGN-002"), (DEPUTY, "HUB-SGN-003")],
    ids=["the system's own seal", "the wrong officer", "a lapsed delegation"],
)
async def test_a_result_that_somebody_else_signed_is_refused_and_may_be_signed_again(
    centre: Centre, who: str, code: str
) -> None:
    await until_signed(centre)
    refused = await centre.says("finished", who, key="result")
    assert (refused.status, refused.code) == (403, code)
    assert "vi" in refused.headers["Content-Language"]
    await centre.hub.refusals.write()
    known = await centre.hub.store.refused(sender="desk")
    assert [one.code for one in known] == [code]
    assert all(view.kind != "finished" for view in await centre.hub.store.transfers(Filter()))
    assert (await centre.says("finished", DIRECTOR, key="result")).status == 202


async def test_a_result_with_one_byte_changed_is_refused_as_such(centre: Centre) -> None:
    await until_signed(centre)
    other = json.dumps(centre.hub.message("finished", centre.code, note="changed")).encode()
    assert (await centre.says("finished", DIRECTOR, other=other)).code == "HUB-SIG-002"


async def test_nobody_slips_a_result_in_as_a_correction(centre: Centre) -> None:
    await until_signed(centre)
    assert (await centre.says("finished", DIRECTOR)).status == 202
    assert (await centre.says("corrected", CENTRE)).code == "HUB-SGN-001"


@pytest.mark.parametrize("said", [{"national": "1.009995"}, None], ids=["another", "none"])
@pytest.mark.parametrize("who", [SURVEYOR, DIRECTOR])
@pytest.mark.parametrize("kind", ["finished", "corrected"])
async def test_nobody_chooses_the_procedure_by_which_his_right_is_judged(
    centre: Centre, said: dict[str, str] | None, who: str, kind: str
) -> None:
    """What counts is the dossier's, whatever the message says of it."""
    await until_signed(centre)
    refused = await centre.says(kind, who, procedure=said)
    assert (refused.status, refused.code) == (403, "HUB-SGN-002")


@pytest.mark.parametrize(
    "said",
    [
        {"state": "finished"},
        {"state": "returned"},
        {"results": [{"name": "Giấy chứng nhận", "code": "GCN-1"}]},
        {"finished_at": "2026-11-23T01:00:00Z"},
        {"legs": [{"agency": LAND, "state": "finished"}]},
        {"event": {"state": "finished"}},
        {"events": [{"kind": "finished", "at": "2026-11-23T01:00:00Z"}]},
    ],
    ids=lambda said: next(iter(said)),
)
@pytest.mark.parametrize("kind", ["step", "apology"])
async def test_a_result_under_another_kinds_name_is_one_all_the_same(
    centre: Centre, kind: str, said: dict[str, Any]
) -> None:
    await until_signed(centre)
    refused = await centre.says(kind, CENTRE, **said)
    assert (refused.status, refused.code) == (403, "HUB-SGN-004")
    assert (await centre.says("finished", DIRECTOR, results=said.get("results", []))).status == 202
    assert (await centre.says("result_handed_over", CENTRE, **said)).status == 202


@pytest.mark.parametrize(("who", "code"), [(DIRECTOR, "HUB-SGN-002"), (DEPUTY, "HUB-SGN-002"), (CLERK, "")])
async def test_an_officer_is_not_the_whole_system(centre: Centre, who: str, code: str) -> None:
    """What needs no right of a person's is the system's own seal to sign, or a person's whose position says so."""
    for kind in ("received", "transferred"):
        assert (await centre.says(kind, CENTRE)).status == 202
    assert (await centre.says("step", who)).code == code
