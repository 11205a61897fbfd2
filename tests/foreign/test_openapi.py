"""What the hub says of itself, in foreign hands: linted, taken at its word by a fuzzer, made into a client that is then used."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.intake_house import KEYS, PROVINCE, House, house, partner_files, parts, sender
from tests.integration.test_mailbox_door import NOW, laid, office, working
from tools import obtain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.doubles.pki import Pki

pytestmark = [pytest.mark.xdist_group("foreign"), pytest.mark.timeout(180)]

FOLDER = Path(__file__).parent / "openapi"
SECRET = "a secret of 32 bytes or more, or so"


def client(name: str) -> str:
    """How a partner's file lets a client of this name in."""
    digest = hashlib.sha256(f"{SECRET} {name}".encode()).hexdigest()
    return f'[[access.clients]]\nid = "{name}"\nsecrets = ["sha256:{digest}"]\n'


@asynccontextmanager
async def described(folder: Path, pki: Pki) -> AsyncIterator[tuple[House, Path]]:
    """A hub, and its description in a file."""
    files = partner_files(folder / "partners", pki["seal-2048"].certificate_file)
    (files / "desk.toml").write_text(sender("desk", PROVINCE, [PROVINCE]) + client("desk"))
    (files / "land.toml").write_text(office().replace("[receives]", client("land") + "[receives]"))
    async with house(folder, parts(files), lambda: NOW) as hub:
        told = folder / "openapi.json"
        told.write_bytes((await hub.get("/openapi.json", sender=None)).body)
        yield hub, told


async def ran(*command: str | Path, said: bytes = b"", tools: bool = True) -> bytes:
    """Run it to a good end and return what it printed. ``tools``: with the foreign libraries, and none of ours."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(obtain.openapi_tools()) if tools else ""},
    )
    told, _ = await process.communicate(said)
    assert process.returncode == 0, told.decode()
    return told


async def test_a_linter_of_others_finds_nothing_wrong_with_the_description(tmp_path: Path, pki: Pki) -> None:
    async with described(tmp_path, pki) as (_, told):
        rules = ("--ruleset", FOLDER / "ruleset.yaml", "--fail-severity", "hint")
        await ran(obtain.openapi_linter(), "lint", told, *rules, tools=False)


async def test_whatever_the_description_allows_is_answered_as_it_says(tmp_path: Path, pki: Pki) -> None:
    async with described(tmp_path, pki) as (hub, told):
        await ran(
            *(sys.executable, "-S", "-m", "schemathesis.cli", "--config-file", FOLDER / "schemathesis.toml"),
            *("run", told, "--url", hub.url, "-H", f"Authorization: Bearer {KEYS['desk']}", "--no-color"),
        )


async def test_a_generated_client_sends_reads_brings_and_fetches(tmp_path: Path, pki: Pki) -> None:
    async with described(tmp_path, pki) as (hub, told), working(hub):
        only = "apiTests=false,modelTests=false,apiDocs=false,modelDocs=false"
        archive = obtain.openapi_tools() / "openapi_generator_cli" / "openapi-generator.jar"
        await ran(
            *("java", "-jar", archive, "generate", "-g", "python", "-i", told, "-o", tmp_path / "client"),
            *("--package-name", "lienthong_client", "--global-property", only),
        )
        await hub.post(hub.received(), key="for-the-reader")
        (letter,) = await laid(hub)
        code = hub.code()
        job = {
            "url": hub.url,
            "client": "desk",
            "secret": f"{SECRET} desk",
            "reader": "land",
            "reader_secret": f"{SECRET} land",
            "code": code,
            "key": "first",
            "message": hub.received(code),
            "wrong": {**hub.received(), "dossier": {"code": "không phải mã"}},
        }
        said = json.dumps(job).encode()
        found = json.loads(
            await ran(sys.executable, "-S", FOLDER / "client.py", tmp_path / "client", said=said)
        )
        message, partners = found.pop("receipt")
        assert sorted(partners) == ["land", "portal"]
        kept = await hub.store.message(message)
        assert kept is not None
        assert found == {
            "same": [True, "true"],
            "message": "first",
            "transfer": found["transfer"],
            "dossier": [code],
            "wrong": {"status": 422, "code": "HUB-DOS-001", "places": ["/dossier/code"]},
            "missing": {"status": 404, "code": "HUB-INT-003", "places": []},
            "document": ["uploading", True],
            "letter": [True, "acknowledged", False],
        }
        told_by = await hub.store.transfer(letter["transfer"])
        assert told_by is not None
        assert told_by.receipt_at == NOW
