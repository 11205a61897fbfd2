"""A hub with an office whose officers work in a browser: its partner files, its officers, and a browser of few words.

async with at_work(tmp_path, made) as hub:
lan = await Browser.of(hub).signed_in("lan.nt")
page = await lan.get("/office")
"""

from __future__ import annotations

import asyncio
import hashlib
import html
import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from hub.delivery.decide import Policy
from hub.delivery.delivery import Delivery
from hub.delivery.sealing import Pool, Unsigned, Workbench, seal
from hub.documents.links import Desk as LinkDesk
from hub.documents.links import Linking
from hub.partners.partner import capacities
from hub.store.contract.people import Officer
from tests.doubles.pki import Pki
from tests.integration.delivery_house import Partner, until
from tests.integration.intake_house import (
    CHEAP,
    KINDS,
    LAND,
    OTHER,
    PROVINCE,
    House,
    house,
    partner_files,
    parts,
    recipient,
    sender,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from connectors.contract import Sealed
    from hub.delivery.sealing import Order
    from schemas.problems import Problem
    from tests.integration.intake_house import Parts

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
PASSWORD = "một mật khẩu đủ dài"
SAYS = [
    "received",
    "step",
    "supplement_requested",
    "supplement_submitted",
    "fee_due",
    "fee_paid",
    "duty_announced",
    "duty_paid",
    "suspended",
    "resumed",
    "due_date_changed",
    "apology",
    "finished",
    "refused_at_reception",
    "withdrawn",
    "returned",
]
FETCHES = Partner(policy=Policy(schedule=(), fetches=True))


def office(name: str, agency: str, role: str = "decides", codes: Sequence[str] = ()) -> str:
    """A partner without a system: what is for it lies in its mailbox, and its officers answer by the form."""
    return (
        f'id = "{name}"\nagency = "{agency}"\nroom = "mailbox"\n'
        f'name = {{ vi = "Sở Tài nguyên (mẫu)", en = "Department of Land (sample)" }}\n[access]\nform = true\n'
        f'[sends]\nformat = "lienthong.message@1"\nkinds = {json.dumps(SAYS)}\ncodes = {json.dumps(list(codes))}\n'
        f'authority = "{PROVINCE}"\n[receives]\nkinds = {json.dumps(SAYS)}\nrole = "{role}"\n'
        f'mapping = "lienthong.message@1"\nauthority = "{PROVINCE}"\n'
    )


def made_in(place: Path, hears: Sequence[str] = tuple(SAYS)) -> Parts:
    """``hears``: what the one-stop is told."""
    folder = partner_files(place / "partners", Pki(place, NOW)["seal-2048"].certificate_file)
    (folder / "land.toml").write_text(office("land", LAND, codes=[LAND]))
    (folder / "other.toml").write_text(office("other", OTHER))
    told = recipient("desk", PROVINCE, "informed").partition("[receives]")[2]
    told = told.replace(json.dumps(KINDS), json.dumps([*hears]))
    (folder / "desk.toml").write_text(sender("desk", PROVINCE, [PROVINCE]) + "[receives]" + told)
    return parts(folder)


@asynccontextmanager
async def at_work(
    folder: Path,
    made: Parts,
    more: Mapping[str, Any] | None = None,
    now: datetime = NOW,
    clock: Callable[[], datetime] | None = None,
) -> AsyncIterator[House]:
    """Open the hub with a worker that seals, and three officers: two of ``land``, one of ``other``."""
    async with house(folder, made, clock or (lambda: now), more=more) as hub:
        for number, (login, partner) in enumerate((("lan.nt", "land"), ("minh", "land"), ("hoa", "other"))):
            await hub.store.people.add(officer(number, login, partner))
        await hub.store.capacities([one for one in capacities(made.partners) if one.fetches])
        bench = Workbench(codecs=made.codecs, sealers=dict.fromkeys(made.codecs, Unsigned()))

        async def run(orders: Sequence[Order]) -> list[Sealed | Problem]:
            return [seal(bench, order) for order in orders]

        desks = {name: LinkDesk(base=f"{hub.url}/f", grace=3600.0) for name in ("land", "other")}
        worker = Delivery(
            name="w",
            store=hub.store,
            sealery=Linking(Pool(run), hub.store.documents, desks, b"secret"),
            routes={"land": FETCHES, "other": FETCHES, "portal": Partner(), "desk": Partner()},
            codec_of=made.codecs.get,
            now=lambda: now,
            uniform=lambda low, _: low,
        )
        stop = asyncio.Event()
        running = asyncio.create_task(worker.run(stop))
        try:
            yield hub
        finally:
            stop.set()
            await running


def officer(number: int, login: str, partner: str) -> Officer:
    names = {"lan.nt": "Nguyễn Thị Lan", "minh": "Lê Minh", "hoa": "Trần Hoà"}
    return Officer(
        id=f"{number + 1:026}",
        login=login,
        name=names.get(login, login),
        partner=partner,
        password=CHEAP.hash(PASSWORD),
        added_at=NOW,
        added_by="an",
    )


async def laid(hub: House, partner: str = "land", count: int = 1) -> list[str]:
    """Return what lies there, as soon as so much does."""

    async def there() -> bool:
        return len(await hub.store.mailbox.letters(partner)) >= count

    await until(there)
    return [each.transfer for each in await hub.store.mailbox.letters(partner)]


@dataclass(frozen=True)
class Page:
    status: int
    headers: Mapping[str, str]
    text: str
    address: str

    @property
    def stamp(self) -> str:
        return self.hidden("stamp")

    def hidden(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        return html.unescape(found[1]) if found else ""


class Browser:
    """Keeps cookies, follows what it is led to, and sends what forms hold."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def get(self, path: str, **more: Any) -> Page:
        return await self._page("GET", path, **more)

    async def post(self, path: str, fields: Mapping[str, str] | aiohttp.FormData, **more: Any) -> Page:
        return await self._page("POST", path, data=fields, **more)

    async def _page(self, method: str, path: str, **more: Any) -> Page:
        async with self.session.request(method, f"{self.url}{path}", **more) as got:
            return Page(got.status, got.headers, await got.text(), got.url.path_qs)

    async def signed_in(self, login: str, password: str = PASSWORD) -> Self:
        """Sign in; raises ``AssertionError`` when that is refused."""
        page = await self.sign_in(login, password)
        assert page.status == 200, page.text
        return self

    async def sign_in(self, login: str, password: str = PASSWORD) -> Page:
        page = await self.get("/office/sign-in")
        return await self.post("/office/sign-in", {"stamp": page.stamp, "login": login, "password": password})

    def cookies(self) -> dict[str, str]:
        return {each.key: each.value for each in self.session.cookie_jar}


def file_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
