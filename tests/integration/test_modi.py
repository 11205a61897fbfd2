"""Requests signed after ModI, over HTTP: what is signed comes in once, under whatever envelope it comes again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from signing.contract import Wire
from signing.jose.modi import ModiSigner
from signing.keys.ring import KeySource, load
from signing.profiles import ModiProfile
from tests.doubles.pki import Pki
from tests.integration.intake_house import PROVINCE, House, house, partner_files, parts, sender

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.integration.intake_house import Answer, Parts

HUB = "urn:lienthong:h47"
NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Parts:
    pin = pki["seal-2048"].certificate_file
    folder = partner_files(tmp_path_factory.mktemp("house") / "partners", pin)
    signed = f'[sends.signature]\nbinding = "modi-rest"\naudience = "{HUB}"\ncertificates = ["{pin}"]\n'
    (folder / "desk.toml").write_text(sender("desk", PROVINCE, [PROVINCE], proof=signed))
    return parts(folder)


@pytest.fixture
async def hub(tmp_path: Path, made: Parts) -> AsyncIterator[House]:
    async with house(tmp_path, made, lambda: NOW) as opened:
        yield opened


@pytest.fixture(scope="module")
def signer(pki: Pki) -> ModiSigner:
    one = pki["seal-2048"]
    key = load(KeySource(name="seal", file=str(one.key_file), certificate=str(one.certificate_file)))
    return ModiSigner(key, ModiProfile(audience=HUB))


def signed(
    signer: ModiSigner,
    body: Any,
    name: str = "m-1",
    *,
    at: datetime = NOW,
    **headers: str,
) -> tuple[bytes, Mapping[str, str]]:
    raw = json.dumps(body, ensure_ascii=False).encode()
    said = {"Content-Type": "application/json", **{n.replace("_", "-"): v for n, v in headers.items()}}
    return raw, signer.sign(Wire(body=raw, headers=said, id=name), at).headers


async def sent(hub: House, what: tuple[bytes, Mapping[str, str]], **changed: str) -> Answer:
    return await hub.post(what[0], headers={**what[1], **changed})


async def test_a_signed_request_is_accepted_under_what_it_signed(hub: House, signer: ModiSigner) -> None:
    answer = await sent(hub, signed(signer, hub.received(), Idempotency_Key="k-1"))
    assert answer.status == 202, answer.body
    assert answer["key"] == "k-1"


async def test_a_retry_is_signed_anew_and_gets_the_stored_receipt(hub: House, signer: ModiSigner) -> None:
    body = hub.received()
    first = await sent(hub, signed(signer, body))
    again = await sent(hub, signed(signer, body, at=NOW + timedelta(seconds=30)))
    assert (again.status, again.body) == (202, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_one_id_names_one_message_whatever_other_key_it_comes_under(
    hub: House, signer: ModiSigner
) -> None:
    body = hub.received()
    assert (await sent(hub, signed(signer, body, Idempotency_Key="a"))).status == 202
    same = await sent(hub, signed(signer, body, Idempotency_Key="b"))
    assert (same.status, same.headers.get("Idempotency-Replayed")) == (202, "true")
    other = await sent(hub, signed(signer, hub.received(), Idempotency_Key="c"))
    assert other.code == "HUB-IDM-002"


async def test_what_was_refused_may_be_mended_under_its_id(hub: House, signer: ModiSigner) -> None:
    wrong = hub.received(procedure={"national": "9.999999"})
    assert (await sent(hub, signed(signer, wrong, "m-7"))).code == "HUB-DOS-005"
    assert (await sent(hub, signed(signer, hub.received(), "m-7"))).status == 202


async def test_a_captured_request_cannot_be_moved_to_another_key_or_body(
    hub: House, signer: ModiSigner
) -> None:
    raw, headers = signed(signer, hub.received(), Idempotency_Key="k-1")
    assert (await sent(hub, (raw, headers), **{"Idempotency-Key": "k-2"})).code == "HUB-SIG-032"
    assert (await sent(hub, (raw + b" ", headers))).code == "HUB-SIG-003"
    bare = {name: value for name, value in headers.items() if name != "Idempotency-Key"}
    assert (await sent(hub, (raw, bare))).code == "HUB-SIG-032"


@pytest.mark.parametrize("header", ["Agid-JWT-Signature", "Digest", "Content-Type"])
async def test_a_header_that_stands_twice_is_refused(hub: House, signer: ModiSigner, header: str) -> None:
    raw, headers = signed(signer, hub.received())
    assert (await hub.post(raw, headers=headers, twice=header)).code == "HUB-IDM-004"


async def test_a_request_for_another_hub_leaves_no_row(hub: House, pki: Pki) -> None:
    one = pki["seal-2048"]
    key = load(KeySource(name="seal", file=str(one.key_file), certificate=str(one.certificate_file)))
    elsewhere = ModiSigner(key, ModiProfile(audience="urn:another"))
    body = hub.received()
    assert (await sent(hub, signed(elsewhere, body))).code == "HUB-SIG-030"
    assert await hub.store.dossier(body["dossier"]["code"]) is None
