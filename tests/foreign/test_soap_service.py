"""Foreign clients of the hub's own SOAP service, each made from the published WSDL and nothing else.

Each does the same errands in one process: submit, submit again, be refused, ask, list, get, acknowledge twice, send a file. It
gets its job as lines of ``name=value`` and reports so, too.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from connectors.catalogue import DESKS
from connectors.soap_desk.names import NS, SOAP
from tests.integration.intake_house import KEYS, PROVINCE, House, house, partner_files, parts, sender
from tests.integration.test_mailbox_door import laid, office, working
from tools import obtain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.doubles.pki import Pki
    from tests.foreign.peers import Peers

pytestmark = pytest.mark.xdist_group("foreign")

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
FILE = b"%PDF-1.7 k\xe1\xba\xbft qu\xe1\xba\xa3\r\n--b\x00" * 999
OPERATIONS = 6


@pytest.fixture
async def hub(tmp_path: Path, pki: Pki) -> AsyncIterator[House]:
    folder = partner_files(tmp_path / "partners", pki["seal-2048"].certificate_file)
    (folder / "land.toml").write_text(office())
    more = {"desks": {"/soap": DESKS["soap"]}}
    async with house(tmp_path, parts(folder), lambda: NOW, more=more) as running, working(running):
        yield running


def base64_of(message: Mapping[str, object]) -> str:
    return base64.b64encode(json.dumps(message).encode()).decode()


async def job_of(hub: House) -> dict[str, str]:
    """What a client is to do; a letter lies in the office's mailbox already."""
    assert (await hub.post(hub.received(), key="before")).status == 202
    await laid(hub)
    digest = hashlib.sha256(FILE).hexdigest()
    named = [{"id": "r-1", "name": "Kết quả.pdf", "sha256": digest, "size": len(FILE)}]
    return {
        "wsdl": f"{hub.url}/soap/v1?wsdl",
        "url": f"{hub.url}/soap/v1",
        "sender": KEYS["desk"],
        "office": KEYS["land"],
        "key": "k-1",
        "payload": base64_of(hub.received()),
        "other": base64_of(hub.received()),
        "result_key": "k-2",
        "result": base64_of(hub.received(documents=named)),
        "file": base64.b64encode(FILE).decode(),
    }


async def done(job: Mapping[str, str], *command: str) -> dict[str, str]:
    """Run a client; the hub answers from this process meanwhile."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    lines = "".join(f"{name}={value}\n" for name, value in job.items())
    out, err = await asyncio.wait_for(process.communicate(lines.encode()), 100)
    assert process.returncode == 0, (out, err)
    return dict(line.split("=", 1) for line in out.decode().splitlines())


async def held(hub: House, said: Mapping[str, str]) -> None:
    """The hub did what the client reports, and the client read what the hub said."""
    assert (said["replayed"], said["same"]) == ("true", "true")
    assert (said["fault"], said["gone"]) == ("HUB-IDM-002", "HUB-BOX-001")
    assert said["faultcode"].rpartition(":")[2] == "Client"
    assert said["advice"].startswith("Nếu đây là thông điệp mới")
    assert said["kind"] == "received"
    assert (said["settled"], said["resettled"]) == ("acknowledged", "true")
    transfer = await hub.store.transfer(said["letter"])
    assert transfer
    assert transfer.state == "acknowledged"
    assert json.loads(base64.b64decode(said["content"]))["event"]["kind"] == "received"
    for name, key in (("message", "k-1"), ("result", "k-2")):
        message = await hub.store.message(said[name])
        assert message
        assert (message.sender, message.key) == ("desk", key)
    digest = hashlib.sha256(FILE).hexdigest()
    assert b"".join([piece async for piece in hub.store.documents.content(digest)]) == FILE


async def test_wss4j_signs_an_envelope_that_the_service_believes(
    tmp_path: Path, pki: Pki, peers: Peers
) -> None:
    pin = pki["seal-2048"].certificate_file
    folder = partner_files(tmp_path / "partners", pin)
    proof = f'[access]\nsignature = true\n[sends.signature]\nbinding = "wss"\ncertificates = ["{pin}"]\n'
    (folder / "bureau.toml").write_text(sender("bureau", PROVINCE, [PROVINCE], proof=proof))
    more = {"desks": {"/soap": DESKS["soap"]}}
    async with house(tmp_path, parts(folder), lambda: datetime.now(UTC), more=more) as hub:
        payload = base64_of(hub.received())
        child = f'<SubmitMessage xmlns="{NS}"><Key>k</Key><ContentType>application/json</ContentType><Payload>{payload}</Payload></SubmitMessage>'
        document = f'<s:Envelope xmlns:s="{SOAP}"><s:Header/><s:Body>{child}</s:Body></s:Envelope>'.encode()
        key, certificate = pki["seal-2048"].key_file.read_bytes(), pin.read_bytes()
        job = {"document": document, "by": b"token", "certificate": certificate, "key": key}
        signed = await asyncio.to_thread(peers.ask, "wss4j", "sign", job)
        assert signed.word == "done", signed.said
        for envelope, status in ((signed.said, 200), (signed.said.replace(b"<Key>k", b"<Key>j"), 500)):
            headers = {"SOAPAction": f'"{NS}/SubmitMessage"', "Content-Type": "text/xml; charset=utf-8"}
            address = f"{hub.url}/soap/v1?sender=bureau"
            async with hub.session.post(address, data=envelope, headers=headers) as got:
                assert got.status == status, await got.text()


async def test_php_speaks_to_the_service(hub: House) -> None:
    said = await done(await job_of(hub), "php", str(HERE / "php" / "service.php"))
    assert int(said["operations"]) == OPERATIONS
    await held(hub, said)


async def test_node_speaks_to_the_service(hub: House) -> None:
    client = ("node", str(HERE / "node" / "service.mjs"), str(obtain.node_modules()))
    said = await done(await job_of(hub), *client)
    assert int(said["operations"]) == OPERATIONS
    await held(hub, said)


async def test_gsoap_speaks_to_the_service_and_sends_files_by_mtom(hub: House) -> None:
    said = await done(await job_of(hub), str(obtain.gsoap_client()))
    assert said["attached"] == "true"
    await held(hub, said)


async def test_dotnet_speaks_to_the_service(hub: House) -> None:
    said = await done(await job_of(hub), "mono", str(obtain.mono_client() / "Client.exe"))
    await held(hub, said)


def conforms(wsdl: Path) -> str:
    """What .NET's check says of a WSDL by WS-I Basic Profile 1.1; nothing when it keeps it."""
    checked = subprocess.run(
        ["mono", str(obtain.mono_client() / "Contract.exe"), str(wsdl)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert bool(checked.stdout) == bool(checked.returncode), checked.stderr
    return checked.stdout


def test_the_contract_keeps_the_basic_profile_by_dotnets_own_check(tmp_path: Path) -> None:
    wsdl = obtain.CONTRACT / "lienthong.wsdl"
    assert conforms(wsdl) == ""
    broken = tmp_path / wsdl.name
    broken.write_text(wsdl.read_text("utf-8").replace('use="literal"', 'use="encoded"'), "utf-8")
    assert "R2706" in conforms(broken)
