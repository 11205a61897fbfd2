"""The commands that look after a store, typed: what they print, how they end, and that they change nothing unasked."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hub.demo.scene import build
from hub.settings.file import load
from hub.wiring.parts import store_of
from schemas.problems import Refusal
from tests.store.samples import acceptance, at, roomy
from tests.unit.test_cli_double import line

if TYPE_CHECKING:
    from tests.unit.test_cli_double import Ran


class Site:
    def __init__(self, folder: Path) -> None:
        self.settings = build(folder / "site", 1, (2, 3, 4)).settings
        self.data = self.settings.parent / "data"
        self.backup = folder / "backup"
        asyncio.run(self._filled())

    async def _filled(self) -> None:
        store = store_of(load(self.settings, {}))
        await store.capacities(roomy("so-tnmt"))
        for n in range(3):
            await store.accept(acceptance(f"m{n}", when=at(n)))
        await store.close()

    def run(self, *words: str) -> Ran:
        return line(*words, "--settings", str(self.settings), "--lang", "en")

    def archive(self) -> str:
        done = self.run("db", "backup", "--to", str(self.backup), "--json")
        assert done.status == 0, done.err
        return str(json.loads(done.out)["file"])


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_the_state_of_a_store_ends_with_3_while_there_is_something_to_worry_about(site: Site) -> None:
    before = site.run("db", "status")
    assert before.status == 3
    assert "No backup in the last two days" in before.err
    site.archive()
    after = site.run("db", "status", "--json")
    told = json.loads(after.out)
    assert (after.status, told["engine"], told["pending"], told["worries"]) == (0, "sqlite", 0, [])
    assert told["last_backup"]


def test_an_archive_is_checked_and_a_damaged_one_is_told_by_its_code(site: Site, tmp_path: Path) -> None:
    file = site.archive()
    assert site.run("db", "verify", file).status == 0
    (tmp_path / "cut.lienthong").write_bytes(Path(file).read_bytes()[:-100])
    cut = site.run("db", "verify", str(tmp_path / "cut.lienthong"))
    assert cut.status == 1
    assert "HUB-STO-003" in cut.err


def test_the_key_is_never_put_into_an_archive(site: Site) -> None:
    refused = site.run("db", "backup", "--with-key")
    assert refused.status == 2
    assert "never put into an archive" in refused.err


def test_a_store_is_restored_only_over_nothing_or_on_request(site: Site) -> None:
    file = site.archive()
    refused = site.run("db", "restore", file, "--yes")
    assert ("HUB-STO-002" in refused.err, "paused" in refused.err) == (True, False)
    assert site.run("db", "restore", file, "--replace").status == 2, "nobody agreed"
    done = site.run("db", "restore", file, "--replace", "--yes", "--json")
    assert json.loads(done.out)["in_doubt"] == 3
    assert [path.name for path in site.data.glob("hub.db.replaced-*") if path.is_file()]
    made_at = json.loads(site.run("db", "status", "--json").out)["restored_from"]
    assert made_at.endswith("Z")
    there = datetime.fromisoformat(made_at).astimezone(timezone(timedelta(hours=7)))
    shown = line("db", "status", "--settings", str(site.settings), terminal=True).out
    assert f"{there:%d/%m/%Y %H:%M:%S} (+07)" in shown
    resumed = site.run("db", "resume", "so-tnmt", "--reason", "looked", "--yes", "--json")
    assert json.loads(resumed.out) == [{"partner": "so-tnmt", "in_doubt": 3, "way": "ask"}]
    unknown = site.run("db", "resume", "so-tnmt", "--reason", "looked", "--yes")
    assert unknown.status == 1
    assert "is not paused" in unknown.err


def test_what_would_be_refused_is_refused_before_anything_is_said_of_what_follows(
    site: Site, tmp_path: Path
) -> None:
    file = site.archive()
    (tmp_path / "cut.lienthong").write_bytes(b"no archive")
    busy = ("db", "restore", file, "--replace", "--yes"), ("key", "rotate-master", "--yes")
    for words, code in (
        (("db", "restore", str(tmp_path / "cut.lienthong"), "--replace", "--yes"), "HUB-STO-003"),
        (("db", "restore", str(tmp_path / "none.lienthong"), "--replace", "--yes"), "no such file"),
        *((each, "HUB-STO-001") for each in busy),
    ):
        store = store_of(load(site.settings, {}))
        try:
            ran = site.run(*words)
        finally:
            asyncio.run(store.close())
        assert (ran.status, code in ran.err, "!" in ran.err.partition("✕")[0]) == (ran.status, True, False), (
            ran.err
        )
        assert ran.status != 0
        assert ran.err.startswith("✕"), "nothing was said before"


def test_a_store_without_its_key_is_told_so(site: Site) -> None:
    (site.data / "master.key").unlink()
    assert "HUB-STO-007" in site.run("db", "verify").err
    assert not (site.data / "master.key").exists()


def test_what_would_go_is_counted_and_what_goes_is_said(site: Site) -> None:
    counted = json.loads(site.run("db", "prune", "--dry-run", "--json").out)
    assert [row["what"] for row in counted] == ["payloads", "evidence", "records", "journal", "refusals"]
    assert [row["remove"] for row in counted] == [0, 0, 0, 0, 0]
    assert "Removed 0" in site.run("db", "prune").err


def test_the_master_key_is_changed_and_the_old_one_kept(site: Site) -> None:
    before = (site.data / "master.key").read_bytes()
    done = site.run("key", "rotate-master", "--yes", "--json")
    assert json.loads(done.out)["wrapped"] == 4
    assert [file.read_bytes() for file in site.data.glob("master.key.retired-*")] == [before]
    assert site.run("db", "verify", "--all").status == 0


def test_a_schema_is_migrated_on_request_where_the_hub_may_not(site: Site) -> None:
    assert "up to date" in site.run("db", "migrate").err
    with site.settings.open("r+", encoding="utf-8") as file:
        text = file.read()
        file.seek(0)
        file.write("migrate = false\n" + text)
    opened = asyncio.run(_opens(site))
    assert opened
    (site.data / "hub.db").unlink()
    with pytest.raises(Refusal, match="HUB-STO-005"):
        asyncio.run(_opens(site))


async def _opens(site: Site) -> bool:
    store = store_of(load(site.settings, {}))
    await store.close()
    return True
