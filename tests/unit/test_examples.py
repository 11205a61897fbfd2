"""The example files are what they say: each is read as ``partner validate`` reads it, each is found from its how-to and from the list of all."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from connectors.catalogue import DESKS, ROOMS
from hub.registries import catalogues
from hub.wiring.validating import check_partner
from schemas.library import BUILTIN
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
SHOWN = sorted(path for folder in ("desks", "families") for path in (EXAMPLES / folder).iterdir())
PARTS = {"dvcqg-sends.toml": "partners/dvcqg.toml", "opencps-receives.toml": "desks/motcua-lgsp.toml"}
"""What goes to the end of another file."""
FILES = sorted(path for path in EXAMPLES.rglob("*.toml") if path.parent.name != "province")
TEXTS = {path: path.read_text("utf-8") for path in FILES}
SETTINGS = """data = "data"
partners = "partners"
listen = "127.0.0.1:8080"
public_url = "http://127.0.0.1:8080"
[keys.province-seal]
certificate = "leaf.pem"
file = "leaf.key"
"""


def whole(path: Path) -> str:
    host = PARTS.get(path.name)
    return (EXAMPLES / host).read_text("utf-8") + "\n" + TEXTS[path] if host else TEXTS[path]


def named(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a file with the key that it stands under."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from named(each, name if not key.endswith("_files") else key)
    elif isinstance(value, list):
        for each in value:
            yield from named(each, key)
    elif isinstance(value, str):
        yield key, value


def settled(site: Path, pki: Pki, partner: dict[str, Any]) -> None:
    """Put what a file names where it looks for it: secrets, certificates, shares."""
    for key, value in named(partner):
        place = site / "partners" / value
        if key in {"ca_file", "certificates"}:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(
                pki["seal-p256" if key == "certificates" else "root"].certificate_file.read_bytes()
            )
        elif key.endswith(("_file", "_files")):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text("x" * 40 + "\n", "utf-8")
            place.chmod(0o600)
        elif key in {"inbox", "outbox"}:
            (place / ".lienthong").mkdir(parents=True)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), datetime.now(UTC))


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-2:]))
def test_an_example_is_a_partners_file_without_a_fault(path: Path, tmp_path: Path, pki: Pki) -> None:
    (tmp_path / "partners").mkdir()
    file = tmp_path / "partners" / path.name
    file.write_text(whole(path), "utf-8")
    (tmp_path / "leaf.pem").write_bytes(pki["seal-p256"].certificate_file.read_bytes())
    (tmp_path / "leaf.key").write_bytes(pki["seal-p256"].key_file.read_bytes())
    (tmp_path / "leaf.key").chmod(0o600)
    (tmp_path / "lienthong.toml").write_text(SETTINGS, "utf-8")
    settled(tmp_path, pki, tomllib.loads(whole(path)))
    assert check_partner(tmp_path / "lienthong.toml", file) == ()


def test_every_room_desk_and_format_has_an_example_to_copy() -> None:
    shown = {path: TEXTS[path] for path in SHOWN if path in TEXTS}
    whole_files = [tomllib.loads(text) for path, text in shown.items() if path.name not in PARTS]
    assert {file["room"] for file in whole_files} == set(ROOMS)
    assert {desk for desk in DESKS if any(f"[desks] {desk}" in text for text in shown.values())} == set(DESKS)
    formats = {path.stem.rpartition("-")[0] for path in (BUILTIN / "mappings").glob("*.toml")}
    assert {format_ for format_ in formats if any(f'"{format_}@' in text for text in shown.values())} | {
        "dvcqg.g1"
    } == formats


def test_the_example_of_a_catalogue_is_one() -> None:
    path = EXAMPLES / "families" / "danh-muc.json"
    assert [entry["code"] for entry in catalogues.read(path.read_bytes(), path.name)] == ["B1", "B2", "B3"]


def test_every_example_to_copy_is_in_the_list_and_in_its_how_to() -> None:
    list_ = (EXAMPLES / "README.md").read_text("utf-8")
    links = set(re.findall(r"\]\(([^)]+)\)", list_))
    assert [link for link in links if not (EXAMPLES / link).exists()] == []
    assert [path.name for path in SHOWN if f"{path.parent.name}/{path.name}" not in links] == []
    manuals = "".join(path.read_text("utf-8") for path in (ROOT / "docs" / "howto").glob("*.md"))
    assert [path.name for path in SHOWN if f"{path.parent.name}/{path.name}" not in manuals] == []
    assert "../examples/README.md" in (ROOT / "docs" / "README.md").read_text("utf-8")
