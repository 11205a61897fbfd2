"""A hub whose settings name a PostgreSQL database: what is told when it cannot be opened, and where the password stands."""

from __future__ import annotations

import contextlib
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from hub.api.admission import Watermark
from hub.api.later import Later
from hub.demo.scene import build
from hub.metrics.page import page
from hub.settings import file as settings_file
from hub.wiring.parts import store_of
from hub.wiring.room import Room
from hub.wiring.web import open_web
from schemas.problems import Refusal
from tests.doubles.postgres import PASSWORD, PASSWORD_USER

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

    from hub.api.edge import Edge
    from hub.demo.scene import Scene
    from hub.settings.file import Settings
    from tests.doubles.postgres import Cluster


NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)


def configured(folder: Path, database: str, password: str | None = None) -> Settings:
    return settings_file.load(scene_on(folder, database, password).settings)


def scene_on(folder: Path, database: str, password: str | None = None) -> Scene:
    scene = build(folder / "site", 1, (2, 3, 4))
    text = f'database = "{database}"\n'
    if password is not None:
        (scene.settings.parent / "secret").write_text(f"{password}\n", "utf-8")
        text += 'database_password_file = "secret"\n'
    scene.settings.write_text(text + scene.settings.read_text("utf-8"), "utf-8")
    return scene


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


async def test_intake_watches_the_servers_database_only_where_a_bound_is_set(
    cluster: Cluster, tmp_path: Path
) -> None:
    settings = configured(tmp_path, cluster.conninfo(cluster.database()))
    store = store_of(settings)
    try:
        unbound = Room(settings, store)
        await unbound.ask()
        assert unbound()[1] == 0
        size = (await store.figures()).size
        assert size > 1 << 20
        for most, stops in ((size // 2, True), (size * 2, False)):
            limits = settings.limits.model_copy(update={"database": most})
            room = Room(settings.model_copy(update={"limits": limits}), store)
            mark = Watermark(room, time.monotonic, free=1, database=most)
            mark.check()
            await room.ask()
            assert room()[1] >= size
            again = Watermark(room, time.monotonic, free=1, database=most)
            with pytest.raises(Later, match="HUB-LIM-003") if stops else contextlib.nullcontext():
                again.check()
            told = await page(store, NOW, version="1", free=lambda: 1, most=most)
            (shown,) = re.findall(rb"^lienthong_database_limit_bytes (\S+)$", told, re.MULTILINE)
            assert float(shown) == most
            assert b"lienthong_database_bytes " in told
    finally:
        await store.close()


async def test_a_web_process_stops_intake_when_the_servers_database_is_too_large(
    cluster: Cluster, tmp_path: Path
) -> None:
    scene = scene_on(tmp_path, cluster.conninfo(cluster.database()))
    file = scene.settings
    text = file.read_text("utf-8")
    assert "[limits]" not in text
    file.write_text(f'{text}\n[limits]\ndatabase = "1MB"\n', "utf-8")
    async with open_web(file) as (edge, _):
        status, body = await post(edge, scene.api_key)
    assert (status, b"HUB-LIM-003" in body, b"database: at most 1048576 bytes" in body) == (503, True, True)


async def post(edge: Edge, key: str) -> tuple[int, bytes]:
    """One request past the sockets."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/messages",
        "raw_path": b"/v1/messages",
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"x"),
            (b"authorization", f"Bearer {key}".encode()),
            (b"content-type", b"application/json"),
            (b"idempotency-key", b'"k"'),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "state": {},
    }
    await edge(scope, receive, send)
    return int(sent[0]["status"]), b"".join(each.get("body", b"") for each in sent[1:])


async def test_no_master_key_is_made_for_a_database_that_has_one(cluster: Cluster, tmp_path: Path) -> None:
    database = cluster.conninfo(cluster.database())
    await store_of(configured(tmp_path / "one", database)).close()
    another = configured(tmp_path / "two", database)
    with pytest.raises(Refusal, match="HUB-STO-007"):
        store_of(another)
    assert not (another.data / "master.key").exists()
