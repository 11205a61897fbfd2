"""``[receives.soap]`` is closed, and the WSDL is read from disk only."""

from __future__ import annotations

import tomllib
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors import soap
from connectors.soap import wsdl
from connectors.soap.settings import Settings
from schemas.library import Library
from schemas.problems import Refusal

WSDL = Path(__file__).with_name("test_soap_intake.wsdl")
GOOD: dict[str, Any] = {"base_url": "https://land.example.vn/soap", "wsdl": "land@1"}
ASKING: dict[str, Any] = {"operation": "Ask", "arguments": {"Khoa": "key"}, "element": "DaCo"}


@pytest.mark.parametrize(
    "keys",
    [
        {"unknown": 1},
        {"base_url": "http://land.example.vn/soap"},
        {"base_url": "https://user:pw@land.example.vn/soap"},
        {"version": "1.3"},
        {"status": {"code": "a/b", "delivered": ["0"]}},
        {"status": {"code": "Ma", "delivered": []}},
        {"find": ASKING | {"arguments": {"Khoa": "password"}}},
        {"find": ASKING | {"arguments": {}}},
        {"find": ASKING | {"has": ["1"], "has_not": ["1"]}},
        {"auth": {"kind": "basic", "username": "a:b", "secret_file": "k"}},
        {"auth": {"kind": "api_key"}},
        {"auth": {"kind": "ntlm"}},
        {"key_header": "X Key"},
    ],
    ids=str,
)
def test_what_is_not_a_setting_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(GOOD | keys)


def library(
    folder: Path, text: str = WSDL.read_text("utf-8"), *, listed: bool = True, **others: str
) -> Library:
    """A site's library with one WSDL, ``intake@1``."""
    home = folder / "site" / "wsdl" / "intake" / "1"
    home.mkdir(parents=True)
    files = {"intake.wsdl": text} | {f"{name}.xsd": other for name, other in others.items()}
    for name, content in files.items():
        (home / name).write_text(content, "utf-8")
    digests = [f'"{name}" = "{sha256(content.encode()).hexdigest()}"' for name, content in files.items()]
    head = ['origin = "here"', 'version = "1"', "date = 2026-01-01", "[files]"]
    (home / "SOURCE.toml").write_text("\n".join([*head, *(digests if listed else digests[:1])]))
    return Library((folder / "site",))


def test_each_version_has_its_own_port(tmp_path: Path) -> None:
    shelf = library(tmp_path)
    assert wsdl.load(shelf, "intake@1", version="1.1").address.endswith("/soap")
    assert wsdl.load(shelf, "intake@1", version="1.2").address.endswith("/soap12")


def test_a_wsdl_that_is_not_in_the_library_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refusal:
        wsdl.load(library(tmp_path), "intake@2", version="1.1")
    assert refusal.value.code == "HUB-SCH-011"


IMPORT = '<xs:schema targetNamespace="urn:x"><xs:import namespace="urn:y" schemaLocation="{}"/></xs:schema>'
OTHER = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:y"/>'


def importing(place: str) -> str:
    return WSDL.read_text("utf-8").replace("<wsdl:types>", "<wsdl:types>" + IMPORT.format(place))


@pytest.mark.parametrize("place", ["http://127.0.0.1:9/y.xsd", "../y.xsd", "file:///etc/y.xsd", "z.xsd"])
def test_a_wsdl_reaches_for_nothing_outside_its_folder(tmp_path: Path, place: str) -> None:
    shelf = library(tmp_path, importing(place), y=OTHER)
    (tmp_path / "site" / "wsdl" / "intake" / "y.xsd").write_text(OTHER)
    with pytest.raises(Refusal) as refusal:
        wsdl.load(shelf, "intake@1", version="1.1")
    assert refusal.value.code == "HUB-CFG-001"


def test_a_wsdl_imports_listed_files_only(tmp_path: Path) -> None:
    assert (
        "Submit"
        in wsdl.load(library(tmp_path / "a", importing("y.xsd"), y=OTHER), "intake@1", version="1.1").calls
    )
    with pytest.raises(Refusal):
        wsdl.load(
            library(tmp_path / "b", importing("y.xsd"), y=OTHER, listed=False), "intake@1", version="1.1"
        )


@pytest.mark.parametrize("text", ["", "<html/>", "not xml", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'])
def test_what_is_not_a_wsdl_is_a_configuration_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(Refusal) as refusal:
        wsdl.load(library(tmp_path, text), "intake@1", version="1.1")
    assert refusal.value.code == "HUB-CFG-001"


def test_the_example_service_of_the_library_is_readable_in_both_versions() -> None:
    for version in ("1.1", "1.2"):
        assert "TraCuuGiaoDich" in wsdl.load(Library(), "land@1", version=version).calls


def test_the_readmes_example_is_a_partners_table() -> None:
    text = (Path(soap.__file__).parent / "README.md").read_text("utf-8")
    examples = [tomllib.loads(part.partition("```")[0])["receives"] for part in text.split("```toml")[1:]]
    tables = [each["soap"] for each in examples]
    files, header, asking = (
        Settings.model_validate({"base_url": "https://x.example", "wsdl": "a@1", **each})
        for each in tables[:3]
    )
    assert asking.find is not None
    assert asking.find.arguments == {"MaGiaoDich": "key"}
    assert files.files_at == ("TaiLieu.NoiDung",)
    assert (files.auth.kind, header.auth.kind) == ("soap_element", "soap_header")
