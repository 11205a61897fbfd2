"""``lienthong document`` over the real store: what is held, by whom, and whether it is whole."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from hub.documents.contract import Safety
from tests.integration.test_cli_store import StoreHub, line
from tests.store.samples import at
from tests.store.test_documents import bring, content, digest, naming

if TYPE_CHECKING:
    from pathlib import Path

SHARED, EVIL = digest(content(100_000)), digest(content(1000, 2))


async def fill(path: Path) -> None:
    """One document of a dossier and one that is infected."""
    hub = StoreHub(path)
    await bring(hub.store, "u1", content(100_000))
    await hub.store.accept(naming("m1", SHARED))
    await bring(hub.store, "u2", content(1000, 2), safety=Safety.CHECKING)
    await hub.store.documents.checked(EVIL, Safety.INFECTED, finding="Eicar", now=at(5))
    await hub.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "hub.db"
    asyncio.run(fill(path))
    return path


def test_documents_are_listed_by_what_the_scanner_said(path: Path) -> None:
    assert len(json.loads(line(path, "document", "list", "--json").out)) == 2
    (found,) = json.loads(line(path, "document", "list", "--safety", "infected", "--json").out)
    assert (found["sha256"], found["finding"], found["owners"]) == (EVIL, "Eicar", 1)
    assert line(path, "document", "list", "--safety", "checking").status == 0
    assert line(path, "document", "list", "--safety", "other").status == 2


def test_what_no_scanner_has_seen_is_not_called_clean_to_a_person(path: Path) -> None:
    shown = line(path, "document", "list", terminal=True).out.splitlines()
    assert any(SHARED[:16] in row and "không quét" in row for row in shown)
    assert any(EVIL[:16] in row and "có mã độc" in row for row in shown)
    assert "sạch" not in line(path, "document", "show", SHARED, terminal=True).out
    assert json.loads(line(path, "document", "show", SHARED, "--json").out)["safety"] == "clean"


@pytest.mark.parametrize("length", [8, 63, 64])
def test_a_document_is_shown_by_the_beginning_of_its_digest_with_who_holds_it(
    path: Path, length: int
) -> None:
    shown = json.loads(line(path, "document", "show", SHARED[:length].upper(), "--json").out)
    assert (shown["sha256"], shown["size"], shown["safety"]) == (SHARED, 100_000, "clean")
    assert [each["owner"] for each in shown["holders"]] == ["d1"]


@pytest.mark.parametrize("wanted", ["00" * 32, "zz", "0" * 80])
def test_what_is_not_there_is_told_by_its_code(path: Path, wanted: str) -> None:
    told = line(path, "document", "show", wanted)
    assert told.status != 0
    assert "HUB-DOC-001" in told.err


def test_verify_reads_everything_and_names_what_is_damaged(path: Path) -> None:
    assert line(path, "document", "verify").status == 0
    shown = json.loads(line(path, "document", "show", SHARED, "--json").out)
    file = path.with_name("hub.db.blobs") / shown["file"][:2] / shown["file"]
    raw = file.read_bytes()
    file.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    told = line(path, "document", "verify", "--json")
    assert told.status == 3
    assert [each["sha256"] for each in json.loads(told.out)] == [SHARED]
    assert line(path, "document", "verify", EVIL).status == 0
