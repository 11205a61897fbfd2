"""The folder room: a file is there whole or not at all, what happened can always be told, and nothing that lies there is lost."""

from __future__ import annotations

import json
import os
import resource
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from connectors.catalogue import ROOMS
from connectors.contract import (
    Deferred,
    Delivered,
    Missed,
    Parcel,
    Picked,
    Reason,
    Sealed,
    Taken,
    TurnedAway,
    Unsure,
)
from connectors.folder.drop import Drop, name_of
from connectors.folder.pickup import PickUp
from connectors.folder.settings import Settings
from schemas import errors

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.contract import Outcome

KEY = "01M80C8RM0GZMARCHSZRYN547E:so-tc:1"
NAME = "01M80C8RM0GZMARCHSZRYN547E_so-tc_1"
BODY = b'{"MaHoSo":"000.00.05.H47-261122-0001"}'
LIMIT = 1 << 16


def now() -> datetime:
    return datetime.now(UTC)


def later() -> datetime:
    """When whatever lies there was left alone long enough."""
    return now() + timedelta(hours=1)


@pytest.fixture
def box(tmp_path: Path) -> Path:
    folder = tmp_path / "box"
    (folder / ".lienthong").mkdir(parents=True)
    return folder


def parcel(key: str = KEY, body: bytes = BODY, signature: str = "") -> Parcel:
    headers = {"X-JWS-Signature": signature} if signature else {}
    sealed = Sealed(payload=body, media_type="application/json", headers=headers)
    return Parcel(key=key, operation="message", sealed=sealed)


def drop(box: Path, **more: Any) -> Drop:
    return Drop(Settings(outbox=box, **more), now)


def pickup(box: Path, **more: Any) -> PickUp:
    return PickUp(Settings(inbox=box, **more), later)


async def offered(room: PickUp, limit: int = LIMIT) -> list[Picked | Missed]:
    return [one async for one in room.collect(limit)]


async def picked(room: PickUp) -> Picked:
    (one,) = await offered(room)
    assert isinstance(one, Picked)
    return one


def shown(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir() if not each.name.startswith(".")}


def everything(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def linked_instead(box: Path, to: Path) -> None:
    (to / ".lienthong").mkdir(parents=True)
    box.rmdir()
    box.symlink_to(to)


def code(outcome: Outcome | Missed) -> str:
    assert not isinstance(outcome, Delivered)
    return outcome.reason.code


# --- dropping


async def test_a_file_is_dropped_whole_under_a_name_of_its_key(box: Path) -> None:
    outcome = await drop(box).deliver(parcel())
    assert isinstance(outcome, Delivered)
    assert outcome.reference == f"{NAME}.json"
    assert (box / f"{NAME}.json").read_bytes() == BODY
    assert everything(box) == {f"{NAME}.json", ".lienthong"}


async def test_a_second_copy_is_dropped_by_nobody_also_when_the_first_was_taken_away(box: Path) -> None:
    assert isinstance(await drop(box).deliver(parcel()), Delivered)
    (box / f"{NAME}.json").unlink()
    assert isinstance(await drop(box).find(parcel()), Delivered)
    assert isinstance(await drop(box).deliver(parcel()), Delivered)
    assert shown(box) == set()


@pytest.mark.parametrize(
    ("part", "mark", "says"),
    [(False, False, Deferred), (True, False, Deferred), (True, True, Deferred), (False, True, Delivered)],
    ids=["nothing began", "half a file", "not renamed yet", "renamed and taken away"],
)
async def test_what_a_process_left_that_died_says_what_happened_and_is_done_right_then(
    box: Path, *, part: bool, mark: bool, says: type[Outcome]
) -> None:
    if part:
        (box / f".{NAME}.json.part").write_bytes(BODY[:7])
    if mark:
        (box / ".lienthong" / f"{NAME}.json").touch()
    assert isinstance(await drop(box).find(parcel()), says)
    assert isinstance(await drop(box).deliver(parcel()), Delivered)
    assert shown(box) == (set() if says is Delivered else {f"{NAME}.json"})
    assert isinstance(await drop(box).find(parcel()), Delivered)


async def test_a_full_disk_leaves_nothing_that_looks_like_a_file(box: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        outcome = await drop(box).deliver(parcel(body=b"x" * 5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(outcome, Deferred)
    assert (outcome.reason.code, outcome.reason.detail) == ("HUB-FLD-001", "EFBIG")
    assert shown(box) == set()
    assert isinstance(await drop(box).deliver(parcel(body=b"x" * 5000)), Delivered)
    assert (box / f"{NAME}.json").stat().st_size == 5000


@pytest.mark.parametrize("missing", ["the folder", "its corner", "a link"])
async def test_a_place_that_was_not_agreed_gets_nothing(box: Path, tmp_path: Path, missing: str) -> None:
    if missing != "the folder":
        (box / ".lienthong").rmdir()
    if missing == "a link":
        linked_instead(box, tmp_path / "elsewhere")
    elsewhere = tmp_path / "gone" if missing == "the folder" else box
    assert code(await drop(elsewhere).deliver(parcel())) == "HUB-FLD-001"
    assert isinstance(await drop(elsewhere).find(parcel()), Unsure)
    assert shown(box) == set()


async def test_a_file_of_somebody_else_is_not_written_over(box: Path) -> None:
    (box / f"{NAME}.json").write_bytes(b"theirs")
    assert code(await drop(box).deliver(parcel())) == "HUB-FLD-002"
    assert (box / f"{NAME}.json").read_bytes() == b"theirs"
    (box / f"{NAME}.json").unlink()
    assert isinstance(await drop(box).deliver(parcel()), Delivered)


async def test_a_link_under_the_name_is_neither_followed_nor_written_through(
    box: Path, tmp_path: Path
) -> None:
    target = tmp_path / "passwd"
    target.write_bytes(b"root")
    (box / f".{NAME}.json.part").symlink_to(target)
    (box / f"{NAME}.json").symlink_to(target)
    assert code(await drop(box).deliver(parcel())) == "HUB-FLD-002"
    (box / f"{NAME}.json").unlink()
    assert isinstance(await drop(box).deliver(parcel()), Delivered)
    assert target.read_bytes() == b"root"
    assert not (box / f"{NAME}.json").is_symlink()


@pytest.mark.parametrize("key", ["../../etc/x", "a/b", "..", ".hidden", "a\x00b", "a..b", "ạ", "x" * 300, ""])
async def test_no_key_leads_out_of_the_folder(box: Path, tmp_path: Path, key: str) -> None:
    assert name_of(key).startswith("sha256_")
    assert isinstance(await drop(box).deliver(parcel(key)), Delivered)
    assert shown(tmp_path) == {"box"}
    assert len(shown(box)) == 1


async def test_the_last_file_says_that_all_are_there(box: Path) -> None:
    room = drop(box, ready=".ready")
    assert isinstance(await room.deliver(parcel(signature="a..b")), Delivered)
    assert shown(box) == {f"{NAME}.headers.json", f"{NAME}.json", f"{NAME}.json.ready"}
    assert json.loads((box / f"{NAME}.headers.json").read_bytes()) == {"X-JWS-Signature": "a..b"}
    (box / f"{NAME}.json.ready").unlink()
    (box / ".lienthong" / f"{NAME}.json.ready").unlink()  # as if it had died before the last
    assert isinstance(await room.deliver(parcel(signature="a..b")), Delivered)
    (box / ".lienthong" / f"{NAME}.json.ready").unlink()
    (box / f"{NAME}.json.ready").unlink()
    (box / f"{NAME}.json").write_bytes(b"theirs")
    assert code(await room.deliver(parcel())) == "HUB-FLD-002"


async def test_marks_that_nobody_will_ask_about_go_and_younger_ones_stay(box: Path) -> None:
    for name, days in (("old.json", 200), ("young.json", 100)):
        (box / ".lienthong" / name).touch()
        when = (now() - timedelta(days=days)).timestamp()
        os.utime(box / ".lienthong" / name, (when, when))
    await drop(box).deliver(parcel())
    assert shown(box / ".lienthong") == {"young.json", f"{NAME}.json"}


# --- picking up


async def test_a_file_is_offered_until_it_is_settled_and_then_gone(box: Path) -> None:
    (box / "hồ sơ 1.json").write_bytes(BODY)
    (box / "notes.txt").write_bytes(b"not ours")
    first = await picked(pickup(box))
    assert shown(box) == {"notes.txt"}
    again = await picked(pickup(box))  # the process died
    assert again == first
    assert (first.body, first.media_type) == (BODY, "application/json")
    room = pickup(box)
    assert await room.settle(first, Taken(message="m")) is None
    assert await room.settle(first, Taken(message="m")) is None
    assert await offered(room) == []
    assert shown(box / ".lienthong" / "claimed") == set()


async def test_the_same_content_has_the_same_key_whatever_it_is_called(box: Path) -> None:
    for name, body in (("a.json", BODY), ("b.json", BODY), ("c.json", b"{}")):
        (box / name).write_bytes(body)
    keys = [one.key for one in await offered(pickup(box)) if isinstance(one, Picked)]
    assert len(keys) == 3
    assert len(set(keys)) == 2


async def test_what_lay_there_first_is_offered_first(box: Path) -> None:
    for age, name in ((30, "b.json"), (20, "c.json"), (10, "a.json")):
        (box / name).write_bytes(name.encode())
        when = now().timestamp() - age
        os.utime(box / name, (when, when))
    bodies = [one.body for one in await offered(pickup(box)) if isinstance(one, Picked)]
    assert bodies == [b"b.json", b"c.json", b"a.json"]


async def test_what_is_not_complete_stays_where_it_is(box: Path) -> None:
    young = PickUp(Settings(inbox=box), now)
    (box / "a.json").write_bytes(BODY)
    (box / ".b.json").write_bytes(BODY)
    assert await offered(young) == []
    waits = pickup(box, ready=".ready")
    assert await offered(waits) == []
    (box / "a.json.ready").touch()
    assert (await picked(waits)).body == BODY
    assert shown(box) == set()


async def test_a_ready_file_of_an_earlier_file_says_nothing_about_a_new_one(box: Path) -> None:
    (box / "a.json.ready").touch()
    when = now().timestamp() - 60
    os.utime(box / "a.json.ready", (when, when))
    (box / "a.json").write_bytes(BODY[:5])
    assert await offered(pickup(box, ready=".ready")) == []


async def test_what_is_refused_is_set_aside_with_its_reason_beside_it(box: Path) -> None:
    (box / "a.json").write_bytes(b"{")
    one = await picked(pickup(box))
    reason = Reason(code="HUB-SCH-001", detail="/dossier")
    for _ in range(2):
        assert await pickup(box).settle(one, TurnedAway(reason=reason)) is None
    rejected = box / ".lienthong" / "rejected"
    assert (rejected / one.id).read_bytes() == b"{"
    told = json.loads((rejected / f"{one.id}.reason.json").read_text("utf-8"))
    assert (told["code"], told["detail"]) == ("HUB-SCH-001", "/dossier")
    assert told["vi"]["title"] == errors.load()["HUB-SCH-001"].title.vi
    assert await offered(pickup(box)) == []


@pytest.mark.parametrize("kind", ["link", "two names", "pipe", "folder", "somebody else's"])
async def test_what_is_no_plain_file_of_the_sender_is_turned_away_unread(
    box: Path, tmp_path: Path, kind: str
) -> None:
    secret = tmp_path / "master.key"
    secret.write_bytes(b"secret")
    there = box / "a.json"
    if kind == "link":
        there.symlink_to(secret)
    elif kind == "two names":
        there.hardlink_to(secret)
    elif kind == "pipe":
        os.mkfifo(there)
    elif kind == "folder":
        there.mkdir()
    else:
        there.write_bytes(BODY)
    room = pickup(box, owner=os.geteuid() + (kind == "somebody else's"))
    one = await picked(room)
    assert one.body == b""
    assert one.fault is not None
    assert one.fault.code == "HUB-FLD-003"
    assert await room.settle(one, TurnedAway(reason=one.fault)) is None
    assert await offered(room) == []
    assert secret.read_bytes() == b"secret"
    assert everything(box / ".lienthong" / "rejected") == {one.id, f"{one.id}.reason.json"}


async def test_what_is_too_long_is_turned_away_and_not_read_to_its_end(box: Path) -> None:
    (box / "a.json").write_bytes(b"x" * 1001)
    (one,) = await offered(pickup(box), 1000)
    assert isinstance(one, Picked)
    assert one.fault is not None
    assert (one.fault.code, one.body) == ("HUB-LIM-001", b"")


async def test_names_that_come_again_never_push_each_other_away(box: Path) -> None:
    seen = set()
    for number in range(3):
        (box / "a.json").write_bytes(b"{%d" % number)
        await offered(pickup(box))
        (*_, one) = await offered(pickup(box))
        assert isinstance(one, Picked)
        await pickup(box).settle(one, TurnedAway(reason=Reason(code="HUB-SCH-001")))
        seen.add((box / ".lienthong" / "rejected" / one.id).read_bytes())
    assert seen == {b"{0", b"{1", b"{2"}


async def test_a_share_that_is_not_mounted_is_missed_and_not_empty(box: Path) -> None:
    (box / ".lienthong").rmdir()
    (one,) = await offered(pickup(box))
    assert isinstance(one, Missed)
    assert code(one) == "HUB-FLD-001"


def test_every_code_that_the_room_says_is_in_the_catalogue() -> None:
    assert {f"HUB-FLD-00{number}" for number in range(1, 5)} <= set(errors.load().entries)
    assert ROOMS["folder"].collect is not None
