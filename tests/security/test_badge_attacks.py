"""Bearer tokens that a seal signed, over HTTP: what else its owner signed is none, and nobody comes in as somebody else by one."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from signing.contract import Wire
from signing.jose.compact import encode, written
from signing.jose.modi import ModiSigner
from signing.keys.ring import KeySource, load
from signing.profiles import Identity, ModiProfile
from tests.doubles.pki import Pki
from tests.integration.intake_house import KINDS, PROVINCE, House, house, partner_files, parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from signing.contract import Key
    from tests.integration.intake_house import Parts

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
HUB = "urn:hub"
PROFILE = ModiProfile(audience=HUB, identity=Identity.ID_AUTH_REST_02)
SEALS = {"first": "seal-2048", "second": "seal-2048-next", "third": "seal-p256"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Parts:
    """Three partners whose certificates lie in folders of their own, in files of one name."""
    home = tmp_path_factory.mktemp("house")
    folder = partner_files(home / "partners", pki["seal-2048"].certificate_file)
    for name, seal in SEALS.items():
        pin = home / name / "seal.pem"
        pin.parent.mkdir()
        shutil.copy(pki[seal].certificate_file, pin)
        (folder / f"{name}.toml").write_text(
            f'id = "{name}"\nagency = "{PROVINCE}"\nroom = "rest"\nname = {{ vi = "{name}", en = "{name}" }}\n'
            f'[sends]\nformat = "lienthong.message@1"\nkinds = {json.dumps(KINDS)}\ncodes = ["{PROVINCE}"]\n'
            f'authority = "{PROVINCE}"\n[sends.signature]\nbinding = "modi-rest"\nidentity = "ID_AUTH_REST_02"\n'
            f'audience = "{HUB}"\ncertificates = ["{pin}"]\n'
        )
    return parts(folder)


@pytest.fixture
async def hub(tmp_path: Path, made: Parts) -> AsyncIterator[House]:
    async with house(tmp_path, made, lambda: NOW) as opened:
        yield opened


def key(pki: Pki, partner: str) -> Key:
    one = pki[SEALS[partner]]
    return load(KeySource(name=partner, file=str(one.key_file), certificate=str(one.certificate_file)))


def signed(pki: Pki, partner: str, body: bytes) -> dict[str, str]:
    return dict(ModiSigner(key(pki, partner), PROFILE).sign(Wire(body=body, headers=JSON), NOW).headers)


async def post(hub: House, body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    async with hub.session.post(f"{hub.url}/v1/messages", data=body, headers={**JSON, **headers}) as got:
        return got.status, await got.json(content_type=None)


async def code(hub: House, path: str, token: str) -> str:
    return (await hub.get(path, sender=None, headers={"Authorization": f"Bearer {token}"})).code


async def test_what_signs_a_message_is_no_badge(hub: House, pki: Pki) -> None:
    """It travels in a header of its own, is kept with the message and handed out in evidence: whoever reads it would be its sender."""
    body = json.dumps(hub.received()).encode()
    headers = signed(pki, "first", body)
    status, receipt = await post(hub, body, headers)
    assert status == 202, receipt
    path = f"/v1/messages/{receipt['message']}"
    badge = headers["Authorization"].partition(" ")[2]
    assert await code(hub, path, badge) == ""
    assert await code(hub, path, headers[PROFILE.header]) == "HUB-SIG-005"
    other = json.dumps(hub.received()).encode() + b" "
    stolen = {**headers, "Authorization": f"Bearer {headers[PROFILE.header]}"}
    assert (await post(hub, other, stolen))[1]["code"] == "HUB-SIG-005"


async def test_a_badge_of_one_carries_no_message_of_another(hub: House, pki: Pki) -> None:
    body = json.dumps(hub.received()).encode()
    first, second = signed(pki, "first", body), signed(pki, "second", body)
    mixed = {**second, "Authorization": first["Authorization"]}
    status, told = await post(hub, body, mixed)
    assert (status, told["code"]) == (401, "HUB-CRT-001")
    only = {"Authorization": first["Authorization"]}
    assert (await post(hub, body, only))[1]["code"] == "HUB-SIG-001"
    assert (await post(hub, body, second))[0] == 202


async def test_a_caught_badge_reads_its_owners_things_until_it_ends_and_sends_nothing(
    tmp_path: Path, made: Parts, pki: Pki
) -> None:
    now = [NOW]
    async with house(tmp_path, made, lambda: now[0]) as hub:
        body = json.dumps(hub.received()).encode()
        headers = signed(pki, "first", body)
        receipt = (await post(hub, body, headers))[1]
        path, badge = f"/v1/messages/{receipt['message']}", headers["Authorization"].partition(" ")[2]
        assert (await post(hub, body + b" ", headers))[1]["code"] == "HUB-SIG-003"
        now[0] += PROFILE.lifetime + PROFILE.skew - timedelta(seconds=1)
        assert await code(hub, path, badge) == ""
        now[0] += timedelta(seconds=1)
        assert await code(hub, path, badge) == "HUB-SIG-031"
        now[0] = NOW - PROFILE.skew - timedelta(seconds=1)
        assert await code(hub, path, badge) == "HUB-SIG-031"


def named(key_: Key, **hints: str) -> str:
    issued = int(NOW.timestamp())
    claims = {"aud": HUB, "iat": issued, "exp": issued + 60, "jti": "i"}
    algorithm = "RS256" if key_.is_rsa else "ES256"
    head = ".".join(written(part) for part in ({"alg": algorithm, "typ": "JWT", **hints}, claims))
    return f"{head}.{encode(key_.sign(head.encode()))}"


@pytest.mark.parametrize("partner", SEALS)
async def test_files_of_one_name_shut_nobody_out_and_let_nobody_else_in(
    hub: House, pki: Pki, partner: str
) -> None:
    """A key id is the name of a file where nothing else is agreed; it says where to look, not who it is."""
    body = json.dumps(hub.received()).encode()
    _, receipt = await post(hub, body, signed(pki, partner, body))
    path = f"/v1/messages/{receipt['message']}"
    for other in SEALS:
        found = await code(hub, path, named(key(pki, other), kid="seal"))
        assert found == ("" if other == partner else "HUB-INT-003"), other
    stranger = pki["stranger-2048"]
    forged = load(
        KeySource(name="s", file=str(stranger.key_file), certificate=str(stranger.certificate_file))
    )
    assert await code(hub, path, named(forged, kid="seal")) in {"HUB-SIG-002", "HUB-SIG-004"}
