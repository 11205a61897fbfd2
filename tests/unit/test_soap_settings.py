"""``[receives.soap]`` is closed, and the WSDL is read from disk only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.soap import wsdl
from connectors.soap.settings import Settings
from schemas.problems import Refusal

WSDL = Path(__file__).with_name("test_soap_intake.wsdl")
GOOD: dict[str, Any] = {"base_url": "https://land.example.vn/soap", "wsdl": "land.intake@1"}
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


def test_each_version_has_its_own_port() -> None:
    assert wsdl.load(WSDL, version="1.1").address.endswith("/soap")
    assert wsdl.load(WSDL, version="1.2").address.endswith("/soap12")


IMPORT = '<xs:schema targetNamespace="urn:x"><xs:import namespace="urn:y" schemaLocation="{}"/></xs:schema>'


@pytest.mark.parametrize("place", ["http://127.0.0.1:9/x.xsd", "../outside.xsd", "file:///etc/outside.xsd"])
def test_a_wsdl_reaches_for_nothing_outside_its_folder(tmp_path: Path, place: str) -> None:
    (tmp_path / "outside.xsd").write_text('<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>')
    folder = tmp_path / "library"
    folder.mkdir()
    text = WSDL.read_text("utf-8").replace("<wsdl:types>", "<wsdl:types>" + IMPORT.format(place))
    (folder / "a.wsdl").write_text(text)
    with pytest.raises(Refusal) as refusal:
        wsdl.load(folder / "a.wsdl", version="1.1")
    assert refusal.value.code == "HUB-CFG-001"


def test_a_wsdl_may_import_from_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "y.xsd").write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:y"/>'
    )
    text = WSDL.read_text("utf-8").replace("<wsdl:types>", "<wsdl:types>" + IMPORT.format("y.xsd"))
    (tmp_path / "a.wsdl").write_text(text)
    assert "Submit" in wsdl.load(tmp_path / "a.wsdl", version="1.1").calls


@pytest.mark.parametrize("text", ["", "<html/>", "not xml", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'])
def test_what_is_not_a_wsdl_is_a_configuration_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.wsdl").write_text(text)
    with pytest.raises(Refusal):
        wsdl.load(tmp_path / "a.wsdl", version="1.1")
