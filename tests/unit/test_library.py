"""The library: only what is listed, with the digest that is listed, and our own schemas as the code makes them."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path  # noqa: TC003 - fixtures are annotated
from typing import Any

import pytest
from zeep import Client, Settings

from schemas import errors
from schemas.library import BUILTIN, Library, source_of
from schemas.problems import Refusal
from schemas.published import files

SOURCES = sorted(
    path.parent for home in ("json", "xsd", "wsdl") for path in (BUILTIN / home).rglob("SOURCE.toml")
)


@pytest.mark.parametrize("folder", SOURCES, ids=lambda folder: str(folder.relative_to(BUILTIN)))
def test_every_vendored_file_has_the_digest_that_its_source_lists(folder: Path) -> None:
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.is_file() and path.name != "SOURCE.toml"
    }
    source = source_of(folder)
    assert found == source.files
    assert source.origin
    assert source.version


def test_every_folder_with_schemas_says_where_they_come_from() -> None:
    found = (path for home in ("json", "xsd", "wsdl") for path in (BUILTIN / home).rglob("*"))
    homes = {path.parent for path in found if path.is_file()}
    assert homes == set(SOURCES)


@pytest.mark.parametrize("path", sorted(files()), ids=lambda path: str(path.relative_to(BUILTIN)))
def test_a_published_schema_is_what_the_code_makes(path: Path) -> None:
    assert path.read_bytes() == files()[path], "run: python -m schemas.published"


@pytest.mark.parametrize(
    "ref",
    [
        "json:nothing@1",
        "xsd:land@2",
        "json:../json/motcua.rest@1",
        "json:motcua.rest@../1",
        "xsd:land",
        "pdf:land@1",
        "wsdl:land@1",
        "",
    ],
)
def test_what_is_not_in_the_library_is_refused(ref: str) -> None:
    with pytest.raises(Refusal, match="HUB-SCH-011"):
        Library().schema(ref)


def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    shutil.copytree(
        BUILTIN / "wsdl" / "land", folder / "wsdl" / "ward", ignore=shutil.ignore_patterns("*.wsdl")
    )
    (folder / "wsdl" / "ward" / "1" / "land.xsd").rename(folder / "wsdl" / "ward" / "1" / "ward.xsd")
    digest = hashlib.sha256((folder / "wsdl" / "ward" / "1" / "ward.xsd").read_bytes()).hexdigest()
    (folder / "wsdl" / "ward" / "1" / "SOURCE.toml").write_text(
        f'origin = "x"\nversion = "1"\ndate = 2026-11-22\n[files]\n"ward.xsd" = "{digest}"\n', "utf-8"
    )
    return folder


def test_a_site_adds_schemas_of_its_own(tmp_path: Path) -> None:
    library = Library((site(tmp_path), BUILTIN))
    assert library.find("xsd", "ward", "1").name == "ward.xsd"
    assert library.schema("xsd:ward@1").media == "xml"
    assert library.schema("xsd:land@1").media == "xml"


def test_a_file_that_was_changed_after_it_was_listed_is_refused(tmp_path: Path) -> None:
    folder = site(tmp_path)
    path = folder / "wsdl" / "ward" / "1" / "ward.xsd"
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(Refusal, match="HUB-SCH-011"):
        Library((folder,)).schema("xsd:ward@1")


def test_an_include_from_outside_the_library_is_refused(tmp_path: Path) -> None:
    folder = site(tmp_path)
    (tmp_path / "outside.xsd").write_text('<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>', "utf-8")
    path = folder / "wsdl" / "ward" / "1" / "ward.xsd"
    body = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="../../../../outside.xsd"/></xs:schema>'
    path.write_text(body, "utf-8")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (path.parent / "SOURCE.toml").write_text(
        f'origin = "x"\nversion = "1"\ndate = 2026-11-22\n[files]\n"ward.xsd" = "{digest}"\n', "utf-8"
    )
    with pytest.raises(Refusal, match="HUB-SCH-011"):
        Library((folder,)).schema("xsd:ward@1")


def test_the_land_service_is_a_wsdl_that_a_strict_client_reads() -> None:
    path = Library().find("wsdl", "land", "1")
    connect: Any = Client
    client = connect(str(path), settings=Settings(strict=True, forbid_dtd=True, forbid_entities=True))
    (service,) = client.wsdl.services.values()
    names = {port: sorted(bound.binding._operations) for port, bound in service.ports.items()}
    assert set(names) == {"LandSoap11", "LandSoap12"}
    assert names["LandSoap11"] == ["CapNhatHoSo", "TiepNhanHoSo", "TraCuuGiaoDich"]


def test_every_code_of_this_room_is_in_the_catalogue() -> None:
    catalogue = errors.load()
    codes = {f"HUB-SCH-{number:03d}" for number in range(1, 13)} | {
        f"HUB-MAP-{number:03d}" for number in range(1, 5)
    }
    assert codes <= set(catalogue.entries)
