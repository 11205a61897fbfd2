"""Departments whose services were written with other people's toolkits: our client reaches them with a mapping and a table only."""

from __future__ import annotations

import asyncio
import hashlib
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from connectors.contract import Deferred, Delivered, Draft, Encloses, Parcel, Refused, Sealed
from connectors.soap.client import connect
from connectors.soap.codec import build
from connectors.soap.settings import Settings
from connectors.transport import Http
from hub.demo.processes import free_ports
from schemas.library import BUILTIN, Library
from tests.contract.room import shows
from tests.foreign.test_soap_partner import FIND, STATUS, parcel
from tools import obtain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from connectors.contract import Connector
    from schemas.dossier import Message

pytestmark = pytest.mark.xdist_group("foreign")

HERE = Path(__file__).parent
LAND = BUILTIN / "wsdl" / "land" / "1" / "land.wsdl"


def now() -> datetime:
    return datetime.now(UTC)


def in_one_file(folder: Path) -> Path:
    """The WSDL with its schema inside: not every server reads imports."""
    schema = re.sub(r"^.*?(?=<xs:schema)", "", LAND.with_suffix(".xsd").read_text("utf-8"), flags=re.DOTALL)
    wsdl = re.sub(r"<xs:schema>.*?</xs:schema>", lambda _: schema, LAND.read_text("utf-8"), flags=re.DOTALL)
    file = folder / LAND.name
    file.write_text(wsdl, "utf-8")
    return file


@asynccontextmanager
async def served(port: int, *command: str, **environment: str) -> AsyncIterator[None]:
    """Run a department's server until it is no longer needed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **environment},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(30):
            while not await _answers(port):
                assert process.returncode is None, command
                await asyncio.sleep(0.05)
        yield
    finally:
        process.terminate()
        await process.wait()


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


def opened(port: int, more: Mapping[str, object]) -> Connector:
    told = {
        "base_url": f"http://127.0.0.1:{port}/{more.get('version', '1.1')}/land",
        "wsdl": "land@1",
        "status": STATUS,
        **more,
    }
    settings = Settings.model_validate(told)
    http = Http(settings, clock=now)
    return connect(settings, http, shows(settings, http), (), library=Library(), clock=now)


async def spoken_to(port: int, prefix: str, version: str = "1.1", number: int = 1) -> None:
    partner = opened(port, {"find": FIND, "reference": "SoTiepNhan", "version": version})
    try:
        mine = parcel(number)
        assert isinstance(await partner.find(mine), Deferred)
        code = "000.00.15.H47-190412-0001"
        for _ in range(2):
            delivered = await partner.deliver(mine)
            assert isinstance(delivered, Delivered), delivered
            assert delivered.reference == f"{prefix}-{code}"
        assert isinstance(await partner.find(mine), Delivered)
        other = parcel(number, "000.00.15.H47-190412-0002")
        refused = await partner.deliver(other)
        assert isinstance(refused, Refused), refused
    finally:
        await partner.close()


async def test_a_department_in_php_is_reached(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    state = tmp_path / "state"
    state.mkdir()
    server = ("php", "-S", f"127.0.0.1:{port}", str(HERE / "php" / "department.php"))
    async with served(port, *server, LAND_WSDL=str(in_one_file(tmp_path)), LAND_STATE=str(state)):
        await spoken_to(port, "PHP")
        await spoken_to(port, "PHP", "1.2", 2)


async def test_a_department_in_node_is_reached(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    server = ("node", str(HERE / "node" / "department.mjs"), str(obtain.node_modules()))
    async with served(port, *server, str(in_one_file(tmp_path)), str(port)):
        await spoken_to(port, "NODE")
        await spoken_to(port, "NODE", "1.2", 2)


@dataclass
class Written:
    """A mapping's work: the payload with digests where files will stand, and a place for the key."""

    payload: bytes
    id: str = "any"

    def operations(self, _message: Message) -> tuple[str, ...]:
        return ("NopHoSo",)

    def write(self, _operation: str, _message: Message, _key: str) -> bytes:
        return self.payload


def shelf(folder: Path) -> Library:
    home = folder / "wsdl" / "files" / "1"
    home.mkdir(parents=True)
    raw = (HERE / "php" / "files.wsdl").read_bytes()
    (home / "files.wsdl").write_bytes(raw)
    digest = hashlib.sha256(raw).hexdigest()
    listed = f'origin = "here"\nversion = "1"\ndate = 2026-01-01\n[files]\n"files.wsdl" = "{digest}"\n'
    (home / "SOURCE.toml").write_text(listed)
    return Library((folder,))


async def test_files_and_keys_inside_the_envelope_reach_a_department_in_php(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    (tmp_path / "key").write_text("a<key & more")
    contents = {hashlib.sha256(each).hexdigest(): each for each in (b"%PDF-1.7", bytes(range(256)) * 999)}
    files = "".join(
        f"<TaiLieu><Ten>{number}</Ten><NoiDung>{digest}</NoiDung></TaiLieu>"
        for number, digest in enumerate(contents)
    )
    payload = (
        f'<NopHoSo xmlns="http://tempuri.org/"><AcceptKey>-</AcceptKey><MaHoSo>HS</MaHoSo>{files}</NopHoSo>'
    )
    expected = "|".join(f"{number}={digest}" for number, digest in enumerate(contents))
    secret = {"secret_file": str(tmp_path / "key")}
    in_header = {
        "kind": "soap_header",
        "namespace": "http://tempuri.org/",
        "element": "AuthHeader",
        "fields": {"Username": "hub"},
        "secret_files": {"Password": str(tmp_path / "key")},
    }
    server = ("php", "-S", f"127.0.0.1:{port}", str(HERE / "php" / "files.php"))
    async with served(port, *server, FILES_WSDL=str(HERE / "php" / "files.wsdl")):
        for version in ("1.1", "1.2"):
            for auth, told in (
                ({"kind": "soap_element", "element": "AcceptKey", **secret}, "a<key & more|"),
                (in_header, "-|hub/a<key & more"),
            ):
                settings = Settings.model_validate(
                    {
                        "base_url": f"http://127.0.0.1:{port}/",
                        "wsdl": "files@1",
                        "version": version,
                        "status": {"code": "Ma", "delivered": ["0"]},
                        "reference": "Thay",
                        "files_at": ["TaiLieu.NoiDung"],
                        "auth": auth,
                    }
                )
                codec = build(settings, Written(payload.encode()))
                assert isinstance(codec, Encloses)
                sealed = codec.enclose(Draft(payload=payload.encode(), media_type="text/xml"), contents)
                http = Http(settings, clock=now)
                partner = connect(
                    settings,
                    http,
                    shows(settings, http),
                    (),
                    library=shelf(tmp_path / f"{version}{auth['kind']}"),
                    clock=now,
                )
                sent = Sealed(payload=sealed.payload, media_type="text/xml")
                outcome = await partner.deliver(Parcel(key="k", operation="NopHoSo", sealed=sent))
                await partner.close()
                assert isinstance(outcome, Delivered), outcome
                assert outcome.reference == f"{told}|{expected}"
                assert "a<key" not in repr(outcome.exchanges)
