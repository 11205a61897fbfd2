"""Every kind of partner opens its own room."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import connectors
from connectors.catalogue import ROOMS, Outfit
from schemas.library import Library

SETTINGS: dict[str, dict[str, Any]] = {
    "rest": {},
    "soap": {"wsdl": "land@1"},
    "national_portal": {
        "agency": "000.00.00.H47",
        "username": "000.00.00.H47",
        "integration_path": "/mapi/g",
        "share_path": "/mapi/g",
    },
}


@pytest.mark.parametrize("kind", ROOMS)
async def test_a_room_opens_from_its_settings_alone(kind: str, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("m4t-kh4u-r4t-d4i")
    keys = {"base_url": "https://partner.example.vn", **SETTINGS[kind]}
    if kind == "national_portal":
        keys["password_file"] = tmp_path / "password"
    outfit = Outfit(library=Library(), now=lambda: datetime.now(UTC), seconds=time.monotonic)
    connector = ROOMS[kind].connect(ROOMS[kind].settings.model_validate(keys), (), outfit)
    await connector.close()


def test_every_folder_with_a_client_is_in_the_list() -> None:
    folder = Path(connectors.__file__).parent
    assert {file.parent.name for file in folder.glob("*/client.py")} == set(ROOMS)
