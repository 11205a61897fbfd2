"""``lienthong officer`` over the real store: passwords from the input only, bound to a partner that works by the form."""

from __future__ import annotations

import asyncio
import io
import json
import unicodedata
from typing import TYPE_CHECKING

from argon2 import PasswordHasher
from msgspec.structs import replace

from hub.cli.exits import Exit
from hub.cli.main import Surroundings, run
from hub.cli.opening import WiredPrograms, kept
from hub.cli.screen import screen_of
from hub.partners.declaration import Access
from tests.integration.test_cli_store import LATER, StoreHub, fill, typed
from tests.unit.test_cli_double import Ran, partner

if TYPE_CHECKING:
    from pathlib import Path

    from hub.cli.opening import Hub
    from hub.store.contract.people import Officer

PASSWORD = "một mật khẩu đủ dài"
OFFICES = {
    "so-tp": replace(partner("so-tp"), access=Access(form=True)),
    "so-tnmt": partner("so-tnmt"),
}


def line(path: Path, *words: str, piped: str = "") -> Ran:
    out, err = io.StringIO(), io.StringIO()

    async def opened(_: Path) -> Hub:
        return StoreHub(path, OFFICES)

    around = Surroundings(
        screen=screen_of(out, err, io.StringIO(piped), {}, 100),
        environment={},
        open=opened,
        check=lambda _, __: (),
        programs=WiredPrograms(),
        keep=kept,
        now=lambda: LATER,
        by="an",
    )
    return Ran(run(words, around), out.getvalue(), err.getvalue())


def known(path: Path, login: str) -> Officer | None:
    async def look() -> Officer | None:
        hub = StoreHub(path)
        try:
            return await hub.store.people.officer(login)
        finally:
            await hub.close()

    return asyncio.run(look())


def test_an_officer_is_added_given_another_password_and_disabled(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    add = ("officer", "add", "so-tp", "lan.nt", "--name", "Nguyễn Thị Lan")
    done = line(path, *add, piped=unicodedata.normalize("NFD", PASSWORD) + "\n")
    assert done.status == Exit.OK
    found = known(path, "lan.nt")
    assert found is not None
    assert PasswordHasher().verify(found.password, PASSWORD)
    assert (found.partner, found.name, found.added_by) == ("so-tp", "Nguyễn Thị Lan", "an")
    assert line(path, *add, piped=PASSWORD).status != Exit.OK
    assert line(path, "officer", "password", "lan.nt", piped=f"{PASSWORD} khác\n").status == Exit.OK
    changed = known(path, "lan.nt")
    assert changed is not None
    assert changed.password != found.password
    (row,) = json.loads(line(path, "officer", "list", "--json").out)
    assert (row["login"], row["officer_state"]) == ("lan.nt", "active")
    assert "password" not in row
    assert line(path, "officer", "disable", "lan.nt", "--reason", "left", "--yes").status == Exit.OK
    (row,) = json.loads(line(path, "officer", "list", "--json").out)
    assert row["officer_state"] == "disabled"


def test_what_cannot_be_an_officer_is_refused_and_nobody_is_added(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    for words, piped in (
        (("so-tnmt", "lan.nt"), PASSWORD),
        (("nobody", "lan.nt"), PASSWORD),
        (("so-tp", "Lan NT"), PASSWORD),
        (("so-tp", "lan.nt"), "ngắn"),
        (("so-tp", "lan.nt.nguyen"), "LAN.NT.NGUYEN"),
        (("so-tp", "lan.nt"), ""),
    ):
        assert line(path, "officer", "add", *words, "--name", "Lan", piped=piped).status != Exit.OK
    assert line(path, "officer", "password", "lan.nt", piped=PASSWORD).status == Exit.FAILED
    assert json.loads(line(path, "officer", "list", "--json").out) == []


def test_at_a_terminal_the_password_is_asked_twice(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    asyncio.run(fill(path))
    assert line(path, "officer", "add", "so-tp", "lan.nt", "--name", "Lan", piped=PASSWORD).status == Exit.OK
    before = known(path, "lan.nt")
    status, seen = typed(path, "officer", "password", "lan.nt", answers="first-password\nother-password\n")
    assert status == Exit.USAGE
    assert "Mật khẩu" in seen
    assert known(path, "lan.nt") == before
