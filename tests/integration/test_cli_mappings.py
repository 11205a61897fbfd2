"""``lienthong mapping``: a mapping tried on a payload, and a new version held to the old one over what really came."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from connectors.contract import Sealed
from hub.cli.opening import wired
from hub.demo.cast import EXAMPLES
from hub.demo.scene import build
from hub.settings.file import load
from hub.store.contract.views import Filter
from hub.wiring.parts import store_of
from schemas.dossier import to_json
from schemas.library import BUILTIN
from schemas.mapping import mappings
from tests.store.samples import NOON, acceptance, roomy, transfer
from tests.unit.test_cli_double import line

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.test_cli_double import Ran

RECEIVED = EXAMPLES / "messages" / "01-received.json"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with one dossier received and sealed, and with second versions of both formats in which two fields changed places."""
    file = build(tmp_path_factory.mktemp("site"), 1, (2, 3, 4)).settings
    own = file.parent / "mappings"
    own.mkdir()
    for ref, rows in {
        "motcua.rest": (("SoBienNhan", "receipt_number"), ("GhiChu", "note")),
        "land.soap": (("TrichYeu", "dossier.summary"), ("GhiChu", "dossier.note")),
    }.items():
        text = (BUILTIN / "mappings" / f"{ref}-1.toml").read_text("utf-8")
        text = text.replace("version = 1", "version = 2", 1)
        for (wire, at), (_, other) in zip(rows, reversed(rows), strict=True):
            text = text.replace(
                f'{{ wire = "{wire}", at = "{at}" }}', f'{{ wire = "{wire}", at = "{other}" }}', 1
            )
        (own / f"{ref}-2.toml").write_text(text, "utf-8")
    file.write_text('mappings = "mappings"\n' + file.read_text("utf-8"), "utf-8")
    asyncio.run(filled(file))
    return file


async def filled(file: Path) -> None:
    store, formats = store_of(load(file, {})), mappings(BUILTIN / "mappings")
    raw = RECEIVED.read_bytes()
    message = formats["motcua.rest@1"].read(raw, "motcua-tinh", "k", "000.00.00.H47")
    new = acceptance("m1", dossier="d1", raw=raw, transfers=(transfer("m1", subject="d1"),))
    copies = tuple(msgspec.structs.replace(each, operation="TiepNhanHoSo") for each in new.transfers)
    await store.capacities(roomy("so-tnmt", "motcua-tinh"))
    await store.accept(
        msgspec.structs.replace(
            new, canonical=to_json(message), transfers=copies, digest=hashlib.sha256(raw).hexdigest()
        )
    )
    (work,) = await store.claim("w", NOON, 10, 30)
    payload = formats["land.soap@1"].write("TiepNhanHoSo", message, work.key)
    sealed = Sealed(payload=payload, media_type="text/xml", facts={"code": "a"})
    await store.seal(work.token, {work.transfer: sealed})
    await store.close()


def mapping(settings: Path, *words: str) -> Ran:
    return line("mapping", *words, "--settings", str(settings), "--lang", "en", opener=wired)


def test_it_is_told_who_speaks_which_format(settings: Path) -> None:
    told = {row["mapping"]: row for row in json.loads(mapping(settings, "list", "--json").out)}
    assert (told["motcua.rest@1"]["sent_by"], told["land.soap@1"]["received_by"]) == (
        ["motcua-tinh"],
        ["so-tnmt"],
    )
    assert told["land.soap@2"]["received_by"] == []


def test_a_payload_is_read_and_written_and_nothing_is_kept(settings: Path, tmp_path: Path) -> None:
    own = mapping(settings, "try", "motcua.rest@1", str(RECEIVED))
    assert (own.status, json.loads(own.out)["dossier"]["code"]) == (0, "000.00.15.H47-261120-0001")
    theirs = mapping(settings, "try", "motcua.rest@1", str(RECEIVED), "--into", "land.soap@1")
    assert "<SoBienNhan>000.00.15.H47-261120-0001</SoBienNhan>" in theirs.out
    assert "TiepNhanHoSo" in theirs.err
    piped = line(
        *("mapping", "try", "motcua.rest@1", "-", "--settings", str(settings)),
        opener=wired,
        piped=RECEIVED.read_text("utf-8"),
    )
    assert (piped.status, piped.out) == (0, own.out)
    wrong = tmp_path / "wrong.json"
    wrong.write_text(RECEIVED.read_text("utf-8").replace('"TIEP_NHAN"', '"NHO"'), "utf-8")
    refused = mapping(settings, "try", "motcua.rest@1", str(wrong))
    assert refused.status == 3
    assert "/LoaiSuKien" in refused.err
    assert mapping(settings, "try", "nobody@1", str(wrong)).status == 1
    assert mapping(settings, "try", "motcua.rest@1", str(tmp_path / "none")).status == 2


def test_a_mapping_is_tried_where_nothing_is_set_up(tmp_path: Path) -> None:
    tried = mapping(tmp_path / "lienthong.toml", "try", "motcua.rest@1", str(RECEIVED))
    assert tried.status == 0


def test_a_version_that_says_the_same_is_called_so(settings: Path) -> None:
    alike = mapping(settings, "replay", "land.soap@1", "land.soap@1", "--json")
    told = json.loads(alike.out)
    assert (alike.status, told["written"], told["read"], told["alike"], told["differ"]) == (0, 1, 0, 1, 0)


@pytest.mark.parametrize(
    ("ref", "side", "places"),
    [
        ("land.soap", "written", {"/TiepNhanHoSo/TrichYeu", "/TiepNhanHoSo/GhiChu"}),
        ("motcua.rest", "read", {"/dossier/receipt_number", "/dossier/note"}),
    ],
)
def test_what_a_new_version_says_otherwise_is_told_by_place_and_never_by_value(
    settings: Path, ref: str, side: str, places: set[str]
) -> None:
    differs = mapping(settings, "replay", f"{ref}@1", f"{ref}@2", "--json")
    told = json.loads(differs.out)
    assert (differs.status, told[side], told["differ"]) == (3, 1, 1)
    assert {row["place"] for row in told["differences"]} <= places
    assert told["differences"]
    assert "Mẫu" not in differs.out
    assert mapping(settings, "replay", f"{ref}@1", "lienthong.message@1").status in {2, 3}


def test_what_a_new_version_would_say_against_the_schema_is_told_and_nothing_is_sent(settings: Path) -> None:
    own = settings.parent / "mappings" / "land.soap-2.toml"
    text = (
        (BUILTIN / "mappings" / "land.soap-1.toml")
        .read_text("utf-8")
        .replace("version = 1", "version = 2", 1)
    )
    own.write_text(text.replace('default = "true"', 'default = "phải"', 1), "utf-8")  # no xs:boolean
    before = asyncio.run(kept(settings))
    ran = mapping(settings, "replay", "land.soap@1", "land.soap@2", "--json")
    (told,) = json.loads(ran.out)["differences"]
    assert (ran.status, told["change"], told["touched"]) == (3, "refused", 1)
    assert told["place"] == "HUB-MAP-004 /TiepNhanHoSo/LaQuyTrinhCapTinh"  # by the XSD of the WSDL
    assert asyncio.run(kept(settings)) == before


async def kept(settings: Path) -> tuple[object, ...]:
    """Everything that a sending, or a try, would leave behind."""
    store = store_of(load(settings, {}))
    try:
        return (await store.transfers(Filter()), await store.journal(), await store.queue())
    finally:
        await store.close()


def test_it_is_told_how_a_format_says_where_a_dossier_stands(settings: Path) -> None:
    told = {
        row["says_of"]: row for row in json.loads(mapping(settings, "states", "land.soap@2", "--json").out)
    }
    assert told["duty"]["told_as"] == ["TrangThai = CHO_NGHIA_VU", "TrangThaiHoSo = CHO_NGHIA_VU"]
    kinds = {
        (row["mapping"], row["says_of"]): row
        for row in json.loads(mapping(settings, "states", "--kinds", "--json").out)
    }
    assert kinds["vbdlis.rest@1", "received"]["told_as"] == ["tiepnhan"]
    assert (kinds["vbdlis.rest@1", "apology"]["told_as"], kinds["vbdlis.rest@1", "apology"]["untold"]) == (
        [],
        "no call for it",
    )
    assert mapping(settings, "states", "no.such@1").status != 0
