"""All families of partners at once on loopback ports, each with a partner file that says how a hub reaches it.

``prepare`` makes the folder: ``partners/*.toml`` with their secrets, those of the partners that call the hub too, ``<name>.jsonl`` for what each
really processed. It keeps the secrets and journals that are there, so a sandbox may be stopped and started again.
"""

from __future__ import annotations

import hashlib
import secrets
import socket
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from connectors.simulators import axis, land, onestop, portal
from connectors.simulators.axis import Axis, Habits
from connectors.simulators.callers import CALLERS
from connectors.simulators.desk import Journal
from connectors.simulators.front import Front
from connectors.simulators.gateway import Doors, Gateway
from connectors.simulators.gip import Gip
from connectors.simulators.land import Land
from connectors.simulators.magic import Sandboxed
from connectors.simulators.offices import OFFICES, Seat
from connectors.simulators.onestop import OneStop
from connectors.simulators.opencps_actions import LOOK, OpenCpsActions
from connectors.simulators.portal import Portal
from connectors.simulators.portal_g2 import PortalG2
from connectors.simulators.vbdlis import Vbdlis

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    from connectors.simulators.desk import Desk

EXAMPLES = Path(__file__).parents[2] / "examples" / "sandbox"
PUBLISHED = EXAMPLES / "danh-muc-cong.json"
PULLED = ".pulled.jsonl"
FIRST_PORT = 9101
"""The port that the first example file names; the others follow in this order."""


def _now() -> datetime:
    return datetime.now(UTC)


class Family(NamedTuple):
    """``asks``: the operations that only ask (``Desk.name``). ``numbered`` false: no code of ours is in what it takes, so no number
    makes it misbehave; orders do.
    """

    make: Callable[[Journal, str], Desk]
    asks: frozenset[str] = frozenset()
    numbered: bool = True


def _gateway(journal: Journal, secret: str) -> Gateway:
    """One secret for its token and as its access key."""
    doors = Doors("hub", secret, secret, "VN:GOV:000.00.00.H47:motcua", "https://motcua.example.gov.vn")
    return Gateway(OneStop(journal), doors)


ANSWERS = ("01", "03")
"""What addressees on the axis say of a document: it arrived, it was accepted."""


def _province(journal: Journal, secret: str) -> Axis:
    """One secret for the gateway's client and as the unit's."""
    return Axis(journal, secret, habits=Habits(client=f"hub:{secret}", answers=ANSWERS))


def _published() -> dict[str, list[dict[str, Any]]]:
    """What the portals publish, by service."""
    told: dict[str, list[dict[str, Any]]] = msgspec.json.decode(PUBLISHED.read_bytes())
    return told


def _portal(journal: Journal, secret: str) -> Portal:
    """It fetches documents, too, and writes down what came beside its journal."""
    pulled = journal.file and journal.file.with_suffix(PULLED)
    return Portal(journal, secret, clock=_now, lists_progress=True, publishes=_published(), pulled=pulled)


FAMILIES: Mapping[str, Family] = {
    "mot-cua": Family(OneStop, frozenset({onestop.ASK})),
    "dat-dai-soap": Family(Land, frozenset({land.LOOK_UP})),
    "dat-dai-vbdlis": Family(lambda journal, secret: Vbdlis(journal, secret, clock=_now)),
    "dvcqg-g1": Family(_portal, frozenset({portal.LOOK_UP})),
    "dvcqg-g2": Family(lambda journal, secret: PortalG2(journal, secret, clock=_now)),
    "truc-vxp": Family(
        lambda journal, secret: Axis(journal, secret, habits=Habits(answers=ANSWERS)),
        frozenset({axis.LIST, axis.SENT}),
    ),
    "thue-gip": Family(lambda journal, secret: Gip(journal, secret, clock=_now)),
    "lgsp-mot-cua": Family(_gateway, frozenset({onestop.ASK})),
    "dvcqg-g1plus": Family(
        lambda journal, secret: Portal(journal, secret, clock=_now, generation="1+", lists_progress=True),
        frozenset({portal.LOOK_UP}),
    ),
    "dvcqg-ket-noi": Family(
        lambda journal, secret: Front(journal, secret, clock=_now, code="00", publishes=_published()),
        frozenset({portal.LOOK_UP}),
    ),
    "dvcqg-ba-lenh": Family(
        lambda journal, secret: Front(journal, secret, clock=_now, plain=True),
        frozenset({portal.LOOK_UP}),
    ),
    "opencps-mot-cua": Family(
        lambda journal, secret: OpenCpsActions(journal, secret, unit="000.00.00.H47"), frozenset({LOOK})
    ),
    "dvcqg-g2-2026": Family(
        lambda journal, secret: PortalG2(journal, secret, clock=_now, lists=True), numbered=False
    ),
    "truclienthong": Family(_province, frozenset({axis.LISTED})),
}
"""By the name of the partner file in ``examples/sandbox``."""


AGREED = ".lienthong"
"""What stands in a shared folder that is the one that was agreed (``connectors.folder``)."""


class Place(NamedTuple):
    """One simulated partner. ``file``: how a hub reaches it; ``journal``: what it processed."""

    name: str
    port: int
    file: Path
    journal: Path
    secret: str

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def prepare(folder: Path, first_port: int = FIRST_PORT) -> tuple[Place, ...]:
    """Write what a hub needs to reach them. ``first_port`` 0: at whatever ports are free now."""
    (folder / "partners" / "secrets").mkdir(parents=True, exist_ok=True)
    for name in CALLERS.keys() - FAMILIES.keys():
        _write(folder, name, (EXAMPLES / "callers" / f"{name}.toml").read_text("utf-8"))
    for name, sits in OFFICES.items():
        _write(folder, name, (EXAMPLES / "offices" / f"{name}.toml").read_text("utf-8"))
        for shared in sits.shares:
            (folder / name / shared / AGREED).mkdir(parents=True, exist_ok=True)
    ports = range(first_port, first_port + len(FAMILIES)) if first_port else _free(len(FAMILIES))
    shown = range(FIRST_PORT, FIRST_PORT + len(FAMILIES))
    return tuple(_place(folder, *each) for each in zip(FAMILIES, shown, ports, strict=True))


def _free(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(each.getsockname()[1]) for each in sockets]


def _place(folder: Path, name: str, shown: int, port: int) -> Place:
    """``shown``: the port that its example file names."""
    file = folder / "partners" / f"{name}.toml"
    text = (EXAMPLES / file.name).read_text("utf-8")
    _write(folder, name, text.replace(f"127.0.0.1:{shown}", f"127.0.0.1:{port}"))
    return Place(name, port, file, folder / f"{name}.jsonl", secret_in(folder, name))


def _write(folder: Path, name: str, text: str) -> None:
    """Write a partner file; one that calls the hub has its secret's hash in it."""
    known = hashlib.sha256(secret_in(folder, name).encode()).hexdigest()
    (folder / "partners" / f"{name}.toml").write_text(text.replace("0" * 64, known), "utf-8")


def secret_in(folder: Path, name: str) -> str:
    """Return a partner's secret, made up the first time."""
    secret = secret_file(folder, name)
    if not secret.exists():
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_hex(16) + "\n", "utf-8")
    return secret.read_text("utf-8").strip()


def secret_file(folder: Path, name: str) -> Path:
    return folder / "partners" / "secrets" / f"{name}.txt"


def seat(folder: Path, name: str, address: str, dossier: str = "") -> Seat:
    """Where an office sits. ``address``: the hub's; ``dossier``: as of ``Seat``."""
    own = folder / name
    own.mkdir(parents=True, exist_ok=True)
    return Seat(address, secret_in(folder, name), own, Journal(folder / f"{name}.jsonl", _now), dossier)


@asynccontextmanager
async def running(places: Iterable[Place]) -> AsyncIterator[None]:
    """Let them answer. Raises ``OSError`` for a port that somebody else has."""
    async with AsyncExitStack() as opened:
        for place in places:
            family = FAMILIES[place.name]
            server = Sandboxed(family.make(Journal(place.journal, _now), place.secret), asks=family.asks)
            await server.start(place.port)
            opened.push_async_callback(server.stop)
        yield
