"""The door for partners' receipts, over a real socket and the real store."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from multidict import CIMultiDict

from connectors.contract import Sealed
from hub.lifecycle import State
from hub.settings.sections import Limits, Pace
from hub.store.contract.delivery import Settlement
from hub.trust.contract import Said, Standing
from schemas import errors
from signing.jose.detached import DetachedSigner
from signing.keys.ring import KeySource, load
from tests.doubles.pki import Pki
from tests.integration.intake_house import KEYS, Answer, house, partner_files, parts
from tests.store.samples import attempt

if TYPE_CHECKING:
    from pathlib import Path

    from hub.lifecycle import Move
    from tests.integration.intake_house import House, Parts

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
AT = "2026-11-23T12:00:00+07:00"
PAYLOAD = b"sealed bytes"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    place = tmp_path_factory.mktemp("house")
    return parts(partner_files(place / "partners", Pki(place, NOW)["seal-2048"].certificate_file))


async def to_land(hub: House, move: Move | None = None, *, sent: bool = True) -> tuple[str, str]:
    """A message that went to the land department; the transfer's id and key."""
    answer = await hub.post(hub.received(), key=f"k{hub.number}")
    assert answer.status == 202
    (work,) = [one for one in await hub.store.claim("w", NOW, 10, 30) if one.partner == "land"]
    if sent:
        sealed = Sealed(payload=PAYLOAD, media_type="text/plain")
        assert await hub.store.seal(work.token, {work.transfer: sealed})
        what = Settlement(
            transfer=work.transfer,
            move=move,
            attempts=(attempt(),),
            reference="TN-1",
            receipt_by=NOW + timedelta(days=3),
        )
        assert await hub.store.settle(work.token, [what], NOW)
    return work.transfer, work.key


async def bring(
    hub: House, body: Any, *, by: str = "land", media: str = "application/json", signature: str = ""
) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {KEYS.get(by, by)}", "Content-Type": media, "Accept-Language": "en"}
    if signature:
        headers["X-JWS-Signature"] = signature
    async with hub.session.post(f"{hub.url}/v1/receipts", data=raw, headers=headers) as got:
        return Answer(got.status, got.headers, await got.read())


async def state(hub: House, transfer: str) -> State:
    found = await hub.store.transfer(transfer)
    assert found is not None
    return found.state


async def test_a_receipt_is_taken_and_brought_again_gets_the_same_bytes(made: Parts, tmp_path: Path) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub:
        transfer, key = await to_land(hub)
        said = {"key": key, "at": AT, "digest": hashlib.sha256(PAYLOAD).hexdigest().upper()}
        first = await bring(hub, said)
        assert (first.status, first["transfer"], first["state"]) == (200, transfer, "acknowledged")
        again = await bring(hub, {"reference": "TN-1", "at": AT})
        assert again.body == first.body
        assert again.headers["Idempotency-Replayed"] == "true"
        assert await state(hub, transfer) is State.ACKNOWLEDGED
        rows = await hub.store.journal(transfer=transfer)
        facts = next(row.facts for row in rows if row.what == "acknowledge")
        assert facts["digest"] == hashlib.sha256(json.dumps(said).encode()).hexdigest()


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", ""),
        (b"[]", ""),
        (b"\xff\xfe", ""),
        (b'{"key":"k","at":"2026-11-23T12:00:00+07:00"', ""),
        ({"at": AT}, ""),
        ({"key": "k", "reference": "r", "at": AT}, ""),
        ({"key": "k"}, ""),
        ({"key": "k", "at": "2026-11-23T12:00:00"}, "/at"),
        ({"key": "k", "at": "yesterday"}, "/at"),
        ({"key": "", "at": AT}, "/key"),
        ({"key": "k" * 201, "at": AT}, "/key"),
        ({"key": 7, "at": AT}, "/key"),
        ({"key": "k", "at": AT, "digest": "abc"}, "/digest"),
        ({"key": "k", "at": AT, "more": 1}, ""),
    ],
)
async def test_what_is_no_receipt_is_refused_with_its_place(
    made: Parts, tmp_path: Path, body: Any, place: str
) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub:
        answer = await bring(hub, body)
        assert (answer.status, answer.code) == (400, "HUB-RCP-004")
        assert place in json.dumps(answer["errors"])


async def test_an_endless_body_and_another_media_type_are_refused(made: Parts, tmp_path: Path) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub:
        assert (await bring(hub, b" " * 20_000)).code == "HUB-LIM-001"
        assert (await bring(hub, {"key": "k", "at": AT}, media="text/plain")).code == "HUB-SCH-010"


async def test_nobody_hears_anything_about_transfers_of_others(made: Parts, tmp_path: Path) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub:
        transfer, key = await to_land(hub)
        unknown = await bring(hub, {"key": "m:land:1", "at": AT})
        foreign = await bring(hub, {"key": key.replace(":land:", ":portal:"), "at": AT})
        ignored = {"request"}
        told = [
            {k: v for k, v in json.loads(one.body).items() if k not in ignored} for one in (unknown, foreign)
        ]
        assert told[0] == told[1]
        assert unknown.code == "HUB-RCP-001"
        assert (await bring(hub, {"key": key, "at": AT}, by="desk")).code == "HUB-RCP-005"
        assert (await bring(hub, {"key": key, "at": AT}, by="guessed")).code == "HUB-AUT-002"
        assert (await bring(hub, {"key": key, "at": AT}, by="")).code == "HUB-AUT-001"
        assert await state(hub, transfer) is State.IN_DOUBT


async def test_a_key_for_receipts_opens_no_other_door(made: Parts, tmp_path: Path) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub:
        assert (await hub.post(hub.received(), key="k", sender="land")).code == "HUB-AUT-011"
        assert (await hub.get("/v1/transfers/x", sender="land")).code == "HUB-AUT-011"


async def test_a_receipt_before_anything_left_or_for_other_bytes_is_a_conflict(
    made: Parts, tmp_path: Path
) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub:
        transfer, key = await to_land(hub, sent=False)
        early = await bring(hub, {"key": key, "at": AT})
        assert (early.status, early.code) == (409, "HUB-RCP-003")
    async with house(tmp_path / "2", made, lambda: NOW) as hub:
        transfer, key = await to_land(hub)
        other = await bring(hub, {"key": key, "at": AT, "digest": "0" * 64})
        assert (other.status, other.code) == (422, "HUB-RCP-002")
        assert await state(hub, transfer) is State.IN_DOUBT


async def test_what_was_refused_at_the_door_is_noted_without_its_content(made: Parts, tmp_path: Path) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub:
        body = b'{"applicant": "Nguyen Van A"'
        await hub.post(body, key="k")
        await hub.post(body, key="k", sender="guessed")
        await hub.refusals.write()
        await hub.refusals.write()
        noted = await hub.store.refused()
        assert sorted((one.sender, one.code[:7]) for one in noted) == [("", "HUB-AUT"), ("desk", "HUB-SCH")]
        (mine,) = await hub.store.refused(sender="desk")
        assert (mine.digest, mine.size) == (hashlib.sha256(body).hexdigest(), len(body))


async def test_a_flood_of_refusals_is_noted_up_to_a_bound(made: Parts, tmp_path: Path) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub:
        for _ in range(205):
            assert (await hub.post(b"{", key="k")).status == 400
        await hub.refusals.write()
        assert len(await hub.store.refused(limit=1000)) == 200


async def test_who_brings_its_receipts_slowly_leaves_the_others_their_places(
    made: Parts, tmp_path: Path
) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub:
        head = f"POST /v1/receipts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEYS['land']}\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        slow = []
        for _ in range(70):
            _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(hub.url).port)
            writer.write(head.encode())
            await writer.drain()
            slow.append(writer)
        await asyncio.sleep(0.3)
        assert (await bring(hub, {"at": AT, "key": "no:land:0"})).code == "HUB-LIM-002"
        assert (await bring(hub, {"at": AT, "key": "no:land:0"}, by="desk")).code == "HUB-RCP-005"
        for writer in slow:
            writer.close()


async def test_a_partner_over_its_rate_is_told_when_to_come_again_and_nobody_else_is(
    made: Parts, tmp_path: Path
) -> None:
    limits = Limits(receiver=Pace(rate=0.1, burst=2))
    async with house(tmp_path, made, lambda: NOW, limits=limits, seconds=lambda: 7.0) as hub:
        for _ in range(2):
            assert (await bring(hub, {"at": AT, "key": "no:land:0"})).code == "HUB-RCP-001"
        refused = await bring(hub, {"at": AT, "key": "no:land:0"})
        assert (refused.status, refused.code, refused.headers["Retry-After"]) == (429, "HUB-LIM-002", "10")
        assert refused["errors"][0]["rule"] == "rate: 0.1 requests a second"
        assert (await hub.post(hub.received(), key="k")).status == 202


async def test_of_two_credentials_none_counts(made: Parts, tmp_path: Path) -> None:
    async with house(tmp_path, made, lambda: NOW) as hub:
        headers = CIMultiDict([("Authorization", f"Bearer {KEYS[name]}") for name in ("land", "desk")])
        headers["Content-Type"] = "application/json"
        async with hub.session.post(f"{hub.url}/v1/receipts", data=b"{}", headers=headers) as got:
            assert (got.status, (await got.json())["code"]) == (400, "HUB-IDM-004")


def test_every_code_of_receipts_is_in_the_catalogue() -> None:
    catalogue = errors.load()
    assert all(f"HUB-RCP-00{n}" in catalogue for n in range(1, 8))


# --- receipts that a partner signs -----------------------------------------------------------------------------------


@pytest.fixture
def signing(tmp_path: Path) -> tuple[Parts, Pki]:
    """The department's file says that it signs its receipts."""
    folder = tmp_path / "signing"
    folder.mkdir()
    pki = Pki(folder, NOW)
    files = partner_files(folder / "partners", pki["seal-2048"].certificate_file)
    land = next(file for file in files.glob("*.toml") if 'id = "land"' in file.read_text("utf-8"))
    seal = pki["seal-p256"].certificate_file
    proof = f'[receives.receipt_signature]\nbinding = "jws-detached"\ncertificates = ["{seal}"]\n'
    land.write_text(f"{land.read_text('utf-8')}\n{proof}", "utf-8")
    return parts(files), pki


def jws(pki: Pki, name: str, body: bytes) -> str:
    issued = pki[name]
    source = KeySource(name=name, file=str(issued.key_file), certificate=str(issued.certificate_file))
    return DetachedSigner(load(source)).sign(body, NOW)


async def test_a_signed_receipt_is_kept_with_its_signature_and_who_signed(
    signing: tuple[Parts, Pki], tmp_path: Path
) -> None:
    made, pki = signing
    async with house(tmp_path, made, lambda: NOW) as hub:
        transfer, key = await to_land(hub)
        body = json.dumps({"key": key, "at": AT}).encode()
        token = jws(pki, "seal-p256", body)
        for wrong, code in (
            ("", "HUB-SIG-001"),
            (jws(pki, "seal-p256", b"other"), "HUB-SIG-002"),
            (jws(pki, "stranger-p256", body), "HUB-CRT-001"),
        ):
            refused = await bring(hub, body, signature=wrong)
            assert (refused.status in range(400, 500), refused["code"]) == (True, code)
        assert await state(hub, transfer) is not State.ACKNOWLEDGED
        fingerprint = pki["seal-p256"].certificate.fingerprint(hashes.SHA256()).hex()
        revoked = Standing(fingerprint=fingerprint, state=Said.REVOKED, revoked_at=NOW, heard_at=NOW)
        await hub.store.trust.hear([revoked], NOW)
        await hub.trust.read()
        assert (await bring(hub, body, signature=token))["code"] == "HUB-CRT-004"
        await hub.store.trust.forget([])
        await hub.trust.read()
        taken = await bring(hub, body, signature=token)
        assert (taken.status, taken["state"]) == (200, "acknowledged")
        kept = await hub.store.evidence.their_receipt(transfer)
        assert kept is not None
        assert (kept.raw, kept.signature) == (body, token)
        rows = await hub.store.journal(transfer=transfer)
        facts = next(row.facts for row in rows if row.what == "acknowledge")
        assert (facts["signer"], facts["algorithm"]) == (fingerprint, "ES256")
