"""Departments whose services were written with other people's toolkits: our client reaches them with a mapping and a table only."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from connectors.contract import Deferred, Delivered, Refused
from connectors.soap.client import connect
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
    told = {"base_url": f"http://127.0.0.1:{port}/land", "wsdl": "land@1", "status": STATUS, **more}
    settings = Settings.model_validate(told)
    http = Http(settings, clock=now)
    return connect(settings, http, shows(settings, http), (), library=Library(), clock=now)


async def spoken_to(port: int, prefix: str) -> None:
    partner = opened(port, {"find": FIND, "reference": "SoTiepNhan"})
    try:
        assert isinstance(await partner.find(parcel()), Deferred)
        code = "000.00.15.H47-190412-0001"
        for _ in range(2):
            delivered = await partner.deliver(parcel())
            assert isinstance(delivered, Delivered), delivered
            assert delivered.reference == f"{prefix}-{code}"
        assert isinstance(await partner.find(parcel()), Delivered)
        other = parcel(1, "000.00.15.H47-190412-0002")
        refused = await partner.deliver(msgspec.structs.replace(other, key=parcel().key))
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


async def test_a_department_in_node_is_reached(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    server = ("node", str(HERE / "node" / "department.mjs"), str(obtain.node_modules()))
    async with served(port, *server, str(in_one_file(tmp_path)), str(port)):
        await spoken_to(port, "NODE")
