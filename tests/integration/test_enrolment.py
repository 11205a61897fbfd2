"""A hub below is let in: by a code that is of use once, with a key that never leaves it, and for as long as nobody takes it back."""

from __future__ import annotations

import asyncio
import os
import stat
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hub.cli import opening
from hub.demo.processes import free_ports
from hub.edges import enrolling, inviting
from hub.settings import file as settings_file
from hub.wiring.enrolment import enrol, make_authority
from hub.wiring.parts import utc_now
from schemas.dossier import Kind
from schemas.problems import Refusal
from signing.keys import authority
from tests.integration.hubs import AT_PROVINCE, AT_TAM_KY, DISTRICT, Hub, hubs, received, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from hub.store.contract.edges import Link

KINDS = str([str(kind) for kind in Kind]).replace("'", '"')
TAM_KY = f"""id = "tam-ky"
agency = "{DISTRICT}"
room = "edge"
name = {{ vi = "Tam Kỳ", en = "Tam Ky" }}
[sends]
format = "lienthong.message@1"
kinds = {KINDS}
authority = "{DISTRICT}"
[sends.signature]
binding = "jws-detached"
[receives]
kinds = {KINDS}
mapping = "lienthong.message@1"
authority = "{DISTRICT}"
order_sensitive = false
[receives.edge]
serves = ["{DISTRICT}"]
"""


@asynccontextmanager
async def province(folder: Path) -> AsyncIterator[Hub]:
    """A hub that knows of one below which nobody has enrolled yet."""
    async with hubs(folder, province=AT_PROVINCE) as (hub,):
        await hub.stop()
        (hub.folder / "partners" / "tam-ky.toml").write_text(TAM_KY, "utf-8")
        (hub.folder / "partners" / "hoi-an.toml").write_text(
            TAM_KY.replace("tam-ky", "hoi-an").replace(DISTRICT, "000.00.22.H47"), "utf-8"
        )
        make_authority(settings_file.load(hub.settings), utc_now())
        await hub.start()
        yield hub


async def invited(hub: Hub, partner: str = "tam-ky", hours: float = 72) -> str:
    office = opening.enrolling(hub.settings, hub.store)
    code, _ = await office.invite(partner, timedelta(hours=hours), os.urandom, "an")
    return inviting.write(code)


def below(hub: Hub, folder: Path) -> Hub:
    """The hub that was written into this folder, with a system of its own."""
    settings = folder / "lienthong.toml"
    made = Hub("tam_ky", AT_TAM_KY, folder, settings_file.load(settings).port)
    made.session = hub.session
    for system in AT_TAM_KY.systems:
        (folder / "partners" / f"{system.id}.toml").write_text(system.file(), "utf-8")
    return made


async def linked(hub: Hub) -> Link:
    (found,) = await hub.store.edges.links()
    return found


async def refused(code: str, doing: object) -> None:
    with pytest.raises(Refusal) as caught:
        await doing  # type: ignore[misc]
    assert caught.value.code == code


async def test_a_hub_that_was_invited_enrols_runs_and_what_it_says_arrives(tmp_path: Path) -> None:
    async with province(tmp_path) as above:
        code = await invited(above)
        site = tmp_path / "site"
        told = await enrol(above.url, code, site, f"127.0.0.1:{_port()}", None)
        assert (told.code, told.hub) == (DISTRICT, AT_PROVINCE.code)
        key = site / "keys" / "hub.key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert b"PRIVATE" not in (await _stored(above))
        district = below(above, site)
        await district.start()
        try:
            dossier = district.code()
            await district.say("mot-cua", received(dossier))
            await above.knows(dossier, "received")
        finally:
            await district.stop()


async def test_a_code_is_of_use_once_not_for_ever_and_at_its_own_hub_only(tmp_path: Path) -> None:
    async with province(tmp_path) as above:
        other = inviting.read(await invited(above))._replace(fingerprint=inviting.shown("ab" * 32))
        two = tmp_path / "two"
        await refused("HUB-EDG-063", enrol(above.url, inviting.write(other), two, "127.0.0.1:1", None))
        over = await invited(above, hours=-1)
        await refused("HUB-EDG-060", enrol(above.url, over, two, "127.0.0.1:1", None))
        code = await invited(above)
        await enrol(above.url, code, tmp_path / "one", "127.0.0.1:1", None)
        await refused("HUB-EDG-060", enrol(above.url, code, two, "127.0.0.1:1", None))
        assert not two.exists()


async def test_one_key_is_never_certified_for_two_hubs(tmp_path: Path) -> None:
    async with province(tmp_path) as above:
        office = opening.enrolling(above.settings, above.store)
        key = authority.new_key()
        for number, partner in enumerate(("tam-ky", "hoi-an")):
            code, _ = await office.invite(partner, timedelta(hours=1), _counted(number), "an")
            asked, _ = enrolling.apply(code, key, "edge", "test")
            if number:
                await refused("HUB-EDG-062", office.enrol(asked))
            else:
                await office.enrol(asked)
        assert [each.partner for each in await above.store.enrolments.certificates()] == ["tam-ky"]


async def test_what_was_revoked_is_believed_no_more_while_the_hub_runs(tmp_path: Path) -> None:
    async with province(tmp_path) as above:
        site = tmp_path / "site"
        await enrol(above.url, await invited(above), site, f"127.0.0.1:{_port()}", None)
        district = below(above, site)
        await district.start()
        try:
            await district.say("mot-cua", received(dossier := district.code()))
            await above.knows(dossier, "received")
            await above.store.enrolments.revoke("tam-ky", reason="lost", by="an", now=utc_now())

            async def broken() -> bool:
                return (await linked(district)).error.startswith(("HUB-SIG-", "HUB-CRT-"))

            await until(broken, 30)
            await district.say("mot-cua", received(later := district.code()))
            await asyncio.sleep(1)
            assert await above.kinds(later) == []
        finally:
            await district.stop()


async def test_every_step_is_in_the_journal_without_a_secret(tmp_path: Path) -> None:
    async with province(tmp_path) as above:
        code = await invited(above)
        await enrol(above.url, code, tmp_path / "site", "127.0.0.1:1", None)
        await above.store.enrolments.revoke("tam-ky", reason="lost", by="an", now=utc_now())
        rows = [row for row in await above.store.journal() if row.what.startswith("edge_")]
        assert [row.what for row in rows] == ["edge_invited", "edge_enrolled", "edge_revoked"]
        secret = inviting.read(code)
        assert not [row for row in rows if secret.secret in str(row) or secret.key in str(row)]


def test_a_code_tells_that_it_was_mistyped() -> None:
    code = inviting.new_code(lambda count: bytes(range(7, 7 + count)), "5c" * 32)
    text = inviting.write(code)
    assert inviting.read(text) == code
    assert inviting.read(text.lower().replace("-", " ").replace("0", "o").replace("1", "l")) == code
    for at, letter in enumerate(text):
        if letter != "-":
            other = text[:at] + ("X" if letter != "X" else "Y") + text[at + 1 :]
            with pytest.raises(Refusal, match="HUB-EDG-065"):
                inviting.read(other)


async def _stored(hub: Hub) -> bytes:
    return str(await hub.store.enrolments.certificates()).encode()


def _counted(number: int) -> Callable[[int], bytes]:
    return lambda count: bytes([number] * count)


def _port() -> int:
    return free_ports(1)[0]
