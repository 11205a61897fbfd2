"""No golden file is stale and none lies about: what is made is what ``tests/golden/make.py`` makes, what is written by hand a test reads."""

from __future__ import annotations

import json
import re
import tomllib
from base64 import b64decode
from pathlib import Path

import pytest

from connectors.catalogue import ROOMS
from schemas.mapping import mappings
from tests.golden.asking import EXAMPLES, TOLD
from tests.golden.make import HERE, TABLES, every
from tests.golden.meanings import WIRE

MADE = dict(every(mappings(TABLES)))
READERS = [path.read_text("utf-8") for path in Path(__file__).parents[1].glob("*/test_*.py")]
BY_HAND = sorted(
    path
    for path in HERE.rglob("*")
    if path.suffix in {".json", ".xml"} and path not in MADE and WIRE not in path.parents
)
"""Those of ``wire/`` have a test of their own (``test_wire_goldens``)."""
MADE_UP = re.compile(r"""\{\w+[^"']*\.(?:json|xml)["']""")
"""A name that a test makes of an operation's."""


@pytest.mark.parametrize("path", sorted(MADE), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_made_file_is_what_is_made_today(path: Path) -> None:
    assert path.read_bytes() == MADE[path], "python tests/golden/make.py"


@pytest.mark.parametrize("path", BY_HAND, ids=lambda path: "/".join(path.relative_to(HERE).parts))
def test_a_file_that_is_not_made_is_read_by_a_test_that_names_its_folder(path: Path) -> None:
    assert path.parent not in {made.parent for made in MADE}, "nothing makes it any more"
    folder = f'"{path.parent.name}"'
    name = path.name.removesuffix(".json").removesuffix(".canonical")
    told = [text for text in READERS if folder in text]
    assert any(path.name in text or f'"{name}"' in text or MADE_UP.search(text) for text in told)


def test_every_room_that_calls_partners_shows_what_it_sends_and_all_of_it_is_taken() -> None:
    files = [tomllib.loads((EXAMPLES / f"{name}.toml").read_text("utf-8"))["receives"] for name in TOLD]
    rooms = {room for receives in files for room in ROOMS if room in receives}
    assert rooms == ROOMS.keys() - {"mailbox", "folder"}, "an office without a system is called by nobody"
    asked = [json.loads(MADE[path]) for path in MADE if path.parent.name == "requests"]
    assert {each["outcome"] for told in asked for each in told} == {"Delivered"}
    assert [each["operation"] for told in asked for each in told if not each["calls"]] == []


def test_what_the_portal_is_sent_is_the_published_call_around_the_published_record() -> None:
    told = json.loads(MADE[HERE / "requests" / "dvcqg.json"])
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


def test_what_a_gateway_is_shown_is_the_published_token_with_our_values() -> None:
    told = json.loads(MADE[HERE / "requests" / "lgsp-gateway.json"])
    published = json.loads((HERE / "facts" / "lgspaccesstoken.json").read_bytes())
    for call in told[0]["calls"]:
        shown = json.loads(b64decode(call["headers"]["lgspaccesstoken"]))
        assert shown.keys() == published.keys()
        assert {type(value) for value in shown.values()} == {str}
