"""Every kind of partner opens its own room."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import connectors
from connectors.catalogue import COLLECTING, ROOMS, Outfit
from connectors.contract import Deferred, Parcel, Sealed, Unsure
from connectors.reach import Reach
from schemas.library import Library

SETTINGS: dict[str, dict[str, Any]] = {
    "rest": {},
    "soap": {"wsdl": "land@1"},
    "folder": {"outbox": "/nowhere"},
    "national_portal": {
        "agency": "000.00.00.H47",
        "username": "000.00.00.H47",
        "integration_path": "/mapi/g",
        "share_path": "/mapi/g",
    },
    "national_portal_g2": {"auth": {"kind": "none"}},
    "gip": {"sender": "H47", "sender_name": "Sở TN&MT"},
    "edge": {"serves": ["000.00.21.H47"]},
    "edxml": {
        "organ": "000.00.15.H47",
        "own": "000.00.00.H47",
        "way": {"kind": "vxp", "system": "VN:GOV:H47"},
    },
}


@pytest.mark.parametrize("kind", ROOMS)
async def test_a_room_opens_from_its_settings_alone(kind: str, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("m4t-kh4u-r4t-d4i")
    room = ROOMS[kind]
    called = {"base_url": "https://partner.example.vn"} if issubclass(room.settings, Reach) else {}
    keys = {**called, **SETTINGS.get(kind, {})}
    if kind == "national_portal":
        keys["password_file"] = tmp_path / "password"
    if kind == "edxml":
        keys["way"] = {**keys["way"], "secret_file": tmp_path / "password"}
    outfit = Outfit(library=Library(), now=lambda: datetime.now(UTC), seconds=time.monotonic)
    connector = room.connect(room.settings.model_validate(keys), (), outfit)
    await connector.close()


def test_every_folder_with_settings_is_in_the_list_and_those_that_are_called_have_a_client() -> None:
    folder = Path(connectors.__file__).parent
    assert {file.parent.name for file in folder.glob("*/settings.py")} >= set(ROOMS)
    called = {kind for kind, room in ROOMS.items() if issubclass(room.settings, Reach)}
    assert {file.parent.name for file in folder.glob("*/client.py")} == called


async def test_whoever_calls_a_partner_that_comes_itself_has_sent_nothing_and_learns_nothing() -> None:
    outfit = Outfit(library=Library(), now=lambda: datetime.now(UTC), seconds=time.monotonic)
    room = ROOMS["mailbox"].connect(ROOMS["mailbox"].settings(), (), outfit)
    parcel = Parcel(key="k", operation="o", sealed=Sealed(payload=b"", media_type="text/plain"))
    assert isinstance(await room.deliver(parcel), Deferred)
    assert isinstance(await room.find(parcel), Unsure)


def test_the_rooms_that_pick_up_are_named_without_loading_any() -> None:
    assert {kind for kind, room in ROOMS.items() if room.collect} == COLLECTING


def test_what_only_some_hubs_speak_is_loaded_when_it_is_named() -> None:
    asked = "import sys; from connectors.catalogue import DESKS, ROOMS; assert 'gip' in ROOMS and 'lgsp' in DESKS; print('connectors.gip.codec' in sys.modules, 'connectors.lgsp.desk' in sys.modules); ROOMS['gip'], DESKS['lgsp']; print('connectors.gip.codec' in sys.modules, 'connectors.lgsp.desk' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "False", "True", "True"]
