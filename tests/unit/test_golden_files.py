"""No golden file is stale and none lies about: what is made is what ``tests/golden/make.py`` makes, what is written by hand a test reads."""

from __future__ import annotations

import json
import tomllib
from base64 import b64decode
from pathlib import Path

import pytest

from connectors.catalogue import ROOMS
from connectors.simulators.vbdlis_shapes import SHAPES
from schemas.mapping import mappings
from tests.golden.asking import EXAMPLES, TOLD
from tests.golden.hubs import FOLDER as HUBS
from tests.golden.make import HERE, TABLES, every
from tests.golden.meanings import WIRE

pytestmark = pytest.mark.xdist_group("golden-files")
FOLDERS = {"full", "story", "kinds", "answers", "requests"}
"""What is made. ``wire/`` is written by hand and has a test of its own (``test_wire_goldens``)."""
BUILT = {f"vbdlis.rest/{operation}.json" for operation in SHAPES} | {
    "catalogue/lienthong.message@1.message.json",
    "catalogue/motcua.rest@1.ThongDiep.json",
}
"""Names that a test makes of an operation's."""


@pytest.fixture(scope="module")
def made() -> dict[Path, bytes]:
    return dict(every(mappings(TABLES)))


def test_every_made_file_is_what_is_made_today(made: dict[Path, bytes]) -> None:
    there = {path for folder in FOLDERS for path in (HERE / folder).iterdir()}
    assert {path.parent.name for path in made} == FOLDERS
    assert sorted(there - made.keys()) == [], "nothing makes them any more"
    stale = [path for path in made if path not in there or path.read_bytes() != made[path]]
    assert stale == [], "python tests/golden/make.py"


def test_a_file_that_is_not_made_is_read_by_a_test_that_names_its_folder() -> None:
    readers = [path.read_text("utf-8") for path in Path(__file__).parents[1].glob("*/test_*.py")]
    files = [path for path in HERE.rglob("*") if path.suffix in {".json", ".xml"}]
    by_hand = [
        path for path in files if path.relative_to(HERE).parts[0] not in {*FOLDERS, WIRE.name, HUBS.name}
    ]
    assert len(by_hand) > 10
    assert [path for path in by_hand if not is_read(path, readers)] == []


def is_read(path: Path, readers: list[str]) -> bool:
    name = path.name.replace(".canonical.", ".")
    told = [text for text in readers if f'"{path.parent.name}"' in text]
    named = any(path.name in text or f'"{path.stem}"' in text for text in told)
    return named or f"{path.parent.name}/{name}" in BUILT


def test_every_room_that_calls_partners_shows_what_it_sends_and_all_of_it_is_taken(
    made: dict[Path, bytes],
) -> None:
    files = [tomllib.loads((EXAMPLES / f"{name}.toml").read_text("utf-8"))["receives"] for name in TOLD]
    rooms = {room for receives in files for room in ROOMS if room in receives}
    assert rooms == ROOMS.keys() - {"mailbox", "folder", "edge"}, "who comes itself is called by nobody"
    asked = [json.loads(made[path]) for path in made if path.parent.name == "requests"]
    assert {each["outcome"] for told in asked for each in told} == {"Delivered"}
    assert [each["operation"] for told in asked for each in told if not each["calls"]] == []


def test_what_the_portal_is_sent_is_the_published_call_around_the_published_record(
    made: dict[Path, bytes],
) -> None:
    told = json.loads(made[HERE / "requests" / "dvcqg.json"])
    login, _, create = (call["body"] for call in told[0]["calls"])
    (progress,) = (call["body"] for call in told[1]["calls"])
    assert login.keys() == {"username", "password"}
    assert [*create] == ["session", "madonvi", "service", "isUpdating", "data"]
    assert [*progress] == ["session", "madonvi", "service", "data"]
    published = json.loads((HERE / "facts" / "DongBoHoSoMC.json").read_bytes())
    assert create["data"][0].keys() <= published[0].keys()
    steps = json.loads((HERE / "facts" / "CapNhatTienDoHoSoMC.json").read_bytes())
    assert progress["data"][0].keys() == steps[0].keys()
    assert {call["headers"]["dstcode"] for call in told[0]["calls"]} == {
        "VN:GOV:000.00.00.G22:vpcpdvcprovider"
    }


def test_what_a_gateway_is_shown_is_the_published_token_with_our_values(made: dict[Path, bytes]) -> None:
    told = json.loads(made[HERE / "requests" / "lgsp-gateway.json"])
    published = json.loads((HERE / "facts" / "lgspaccesstoken.json").read_bytes())
    for call in told[0]["calls"]:
        shown = json.loads(b64decode(call["headers"]["lgspaccesstoken"]))
        assert shown.keys() == published.keys()
        assert {type(value) for value in shown.values()} == {str}
