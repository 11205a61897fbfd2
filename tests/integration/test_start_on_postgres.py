"""A hub whose settings name a PostgreSQL database: what is told when it cannot be opened, and where the password stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub import settings as settings_file
from hub.demo.scene import build
from hub.wiring.parts import store_of
from schemas.problems import Refusal
from tests.doubles.postgres import PASSWORD, PASSWORD_USER

if TYPE_CHECKING:
    from pathlib import Path

    from hub.settings import Settings
    from tests.doubles.postgres import Cluster


def configured(folder: Path, database: str, password: str | None = None) -> Settings:
    scene = build(folder / "site", 1, (2, 3, 4))
    text = f'database = "{database}"\n'
    if password is not None:
        (scene.settings.parent / "secret").write_text(f"{password}\n", "utf-8")
        text += 'database_password_file = "secret"\n'
    scene.settings.write_text(text + scene.settings.read_text("utf-8"), "utf-8")
    return settings_file.load(scene.settings)


async def test_a_store_opens_with_the_password_of_its_file(cluster: Cluster, tmp_path: Path) -> None:
    database = cluster.conninfo(cluster.database(), user=PASSWORD_USER)
    store = store_of(configured(tmp_path, database, PASSWORD))
    assert await store.ready()
    await store.close()
    with pytest.raises(Refusal, match="HUB-STO-011") as caught:
        store_of(configured(tmp_path / "wrong", database, "swordfish"))
    assert "swordfish" not in repr(caught.value.problems)


def test_a_server_that_is_away_is_told_with_its_address(cluster: Cluster, tmp_path: Path) -> None:
    away = cluster.conninfo("nowhere").replace(str(cluster.port), "1")
    with pytest.raises(Refusal, match="HUB-STO-011") as caught:
        store_of(configured(tmp_path, away))
    assert "127.0.0.1" in caught.value.problems[0].detail


async def test_no_master_key_is_made_for_a_database_that_has_one(cluster: Cluster, tmp_path: Path) -> None:
    database = cluster.conninfo(cluster.database())
    await store_of(configured(tmp_path / "one", database)).close()
    another = configured(tmp_path / "two", database)
    with pytest.raises(Refusal, match="HUB-STO-007"):
        store_of(another)
    assert not (another.data / "master.key").exists()
