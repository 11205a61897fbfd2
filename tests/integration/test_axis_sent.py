"""An unclear document of the axis is asked after in the list of what was sent, and sent again only when it is not there."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pytest

from connectors.contract import Deferred, Delivered, Draft, Parcel, Sealed, Unsure
from connectors.edxml import letters
from connectors.edxml.client import connect
from connectors.edxml.sent import MOST
from connectors.simulators.axis import FETCH, SEND, SENT, Axis
from connectors.simulators.desk import Journal, say
from connectors.simulators.orders import Order
from hub.delivery.decide import Policy
from hub.lifecycle import State
from tests.contract.room import SECRET, now
from tests.contract.room_edxml import OWN, THEIRS, document, line, settings
from tests.doubles.loopback import loopback
from tests.integration.delivery_house import Partner, house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from connectors.contract import Connector, Outcome
    from connectors.simulators.desk import Call, Said
    from connectors.simulators.server import Server
    from schemas.dossier import Message

CODE, KEY = "000.00.15.H47-190412-0007", "01K9:axis:7"
PARCEL = Parcel(key=KEY, operation="VanBan", sealed=Sealed(payload=document(CODE, KEY), media_type="application/xml"))  # fmt: skip


class Nameless(Axis):
    """Its list says of a document whom it went to and when, and not what it is called."""

    def answer(self, call: Call) -> Said:
        said = super().answer(call)
        if SENT not in call.path:
            return said
        told = msgspec.json.decode(said.body)
        for each in told.get("data", []):
            each.pop("notation", None), each.pop("title", None)
        return msgspec.structs.replace(said, body=msgspec.json.encode(told))


class Stage(NamedTuple):
    axis: Axis
    server: Server
    room: Connector

    def put(self, raw: bytes, kind: str = "edoc", to: str = THEIRS) -> str:
        return self.axis.lodge(OWN, raw, kind, to)


@asynccontextmanager
async def staged(folder: Path, axis: Axis | None = None) -> AsyncIterator[Stage]:
    axis = axis or Nameless(Journal(None, now), SECRET, OWN)
    async with loopback(axis) as (server, url):
        room = connect(line(settings("vxp", url, folder, max_reply_bytes=1 << 20)))
        try:
            yield Stage(axis, server, room)
        finally:
            await room.close()


@pytest.mark.parametrize("axis", [Nameless, Axis])
async def test_among_others_exactly_one_with_our_number_is_the_proof(
    tmp_path: Path, axis: type[Axis]
) -> None:
    async with staged(tmp_path, axis(Journal(None, now), SECRET, OWN)) as stage:
        for number in range(3):
            stage.put(document(CODE, f"01K9:axis:{number}"))
        assert isinstance(await stage.room.find(PARCEL), Deferred)
        name = stage.put(PARCEL.sealed.payload)
        found = await stage.room.find(PARCEL)
        assert isinstance(found, Delivered)
        assert found.reference == name
        stage.put(PARCEL.sealed.payload)
        assert detail(await stage.room.find(PARCEL)) == "2 of this number"


async def test_what_went_to_others_or_is_no_document_is_not_fetched(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.put(PARCEL.sealed.payload, to="000.00.99.H47")
        stage.put(PARCEL.sealed.payload, kind="status")
        assert isinstance(await stage.room.find(PARCEL), Deferred)
        assert not any(FETCH.encode() in each.split(b"\r\n")[0] for each in stage.server.requests)


@pytest.mark.parametrize("raw", [b"<edXML", b""])
async def test_one_that_cannot_be_read_may_be_ours(tmp_path: Path, raw: bytes) -> None:
    async with staged(tmp_path) as stage:
        stage.put(raw)
        assert detail(await stage.room.find(PARCEL)) == "1 were not read"
        stage.put(PARCEL.sealed.payload)
        assert isinstance(await stage.room.find(PARCEL), Delivered)


async def test_a_page_instead_of_a_document_proves_nothing(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.put(document(CODE, "01K9:axis:1"))
        stage.server.order(Order(kind="html", operation=FETCH))
        assert detail(await stage.room.find(PARCEL)) == "1 were not read"
        assert isinstance(await stage.room.find(PARCEL), Deferred)


async def test_of_more_than_can_be_looked_at_the_latest_are(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        for _ in range(MOST + 1):
            stage.put(b"")
        assert detail(await stage.room.find(PARCEL)) == f"{MOST + 1} were not read"
        name = stage.put(PARCEL.sealed.payload)
        stage.server.requests.clear()
        found = await stage.room.find(PARCEL)
        assert isinstance(found, Delivered)
        assert found.reference == name
        assert len(stage.server.requests) == MOST + 1  # the list itself, too


class Told(Axis):
    """Answers the question with ``listed``."""

    listed: object = None

    def answer(self, call: Call) -> Said:
        return say(self.listed) if SENT in call.path else super().answer(call)


@pytest.mark.parametrize("told", [{"to": "000.00.07.H47"}, {"messagetype": "VanBanDi"}], ids=["code", "type"])
async def test_what_went_under_another_code_of_its_addressee_or_a_strange_type_may_be_ours(
    tmp_path: Path, told: dict[str, str]
) -> None:
    """Otherwise it would count as never sent, and go once more."""
    axis = Told(Journal(None, now), SECRET, OWN)
    async with loopback(axis) as (_, url):
        name = axis.lodge(OWN, PARCEL.sealed.payload, "edoc", THEIRS)
        axis.listed = {"ErrorCode": "0", "data": [{"docId": name, "from": OWN, "to": THEIRS, **told}]}
        room = connect(line(settings("vxp", url, tmp_path, also=("000.00.07.H47",))))
        assert isinstance(await room.find(PARCEL), Delivered)
        await room.close()


@pytest.mark.parametrize("notation", [f"{KEY}/{CODE}", f"{OWN},2026/11/20,{KEY}/{CODE}"])
async def test_a_list_that_names_our_number_is_enough(tmp_path: Path, notation: str) -> None:
    axis = Told(Journal(None, now), SECRET, OWN)
    async with staged(tmp_path, axis) as stage:
        axis.listed = {"ErrorCode": "0", "data": [{"senderDocId": "d-9", "toCode": [THEIRS], "notation": notation}]}  # fmt: skip
        found = await stage.room.find(PARCEL)
        assert isinstance(found, Delivered)
        assert found.reference == "d-9"


@pytest.mark.parametrize(
    "listed",
    [{"ErrorCode": "0"}, {"ErrorCode": "0", "data": None}, {"ErrorCode": "-1", "data": []}, {"data": []}, []],
)
async def test_an_answer_without_a_list_is_no_empty_list(tmp_path: Path, listed: object) -> None:
    axis = Told(Journal(None, now), SECRET, OWN)
    axis.listed = listed
    async with staged(tmp_path, axis) as stage:
        assert isinstance(await stage.room.find(PARCEL), Unsure)


async def test_a_document_without_a_number_of_its_own_cannot_be_told_from_others(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        other = msgspec.structs.replace(PARCEL, key="01K9:axis:8")
        stage.put(PARCEL.sealed.payload)
        assert detail(await stage.room.find(other)) == "no number of its own"


async def test_a_status_message_is_known_by_its_words(tmp_path: Path) -> None:
    told = settings("vxp", "http://127.0.0.1:9", tmp_path)
    about = letters.Head(sender=THEIRS, document="d", code="1/A", day="2026/11/20", is_status=False)
    words = [letters.status(told, about, code, "", now()) for code in ("01", "02")]
    sealed = Sealed(payload=words[0], media_type="application/xml", facts={letters.KIND: letters.STATUS})
    parcel = msgspec.structs.replace(PARCEL, sealed=sealed)
    async with staged(tmp_path) as stage:
        stage.put(words[1], kind="status")
        assert isinstance(await stage.room.find(parcel), Deferred)
        for _ in range(2):
            stage.put(words[0], kind="status")
            assert isinstance(await stage.room.find(parcel), Delivered)


def detail(outcome: Outcome) -> str:
    assert isinstance(outcome, Unsure)
    return outcome.reason.detail


class Letter:
    """A format whose documents have a number of their own."""

    def operations(self, _: Message) -> tuple[str, ...]:
        return ("submit",)

    def encode(self, _operation: str, _message: Message, key: str) -> Draft:
        return Draft(payload=document(CODE, key), media_type="application/xml")


class Unit(Partner):
    """A department that is reached over the axis."""

    def __init__(self, room: Connector) -> None:
        super().__init__(
            policy=Policy(schedule=(0.02, 0.02, 0.02), jitter=0, can_be_asked=True, ask_after=0.02)
        )
        self.codec, self._room = Letter(), room

    @property
    def connector(self) -> Connector:  # type: ignore[override]
        return self._room


@pytest.mark.parametrize("arrived", [True, False])
async def test_what_is_unclear_is_asked_after_before_anything_is_sent_again(
    tmp_path: Path, *, arrived: bool
) -> None:
    async with staged(tmp_path) as stage, house(tmp_path, land=Unit(stage.room)) as hub:
        stage.server.order(Order(kind="reset", operation=SEND, after=arrived))
        await hub.accept("m1", "land", dossier="d1")
        async with hub.working():
            await hub.reaches("m1.land", State.DELIVERED)
        assert len(stage.axis.sent("edoc")) == 1
        asked = [("find", "delivered")] if arrived else [("find", "deferred"), ("deliver", "delivered")]
        tries = [(verb, outcome) for verb, outcome, _ in await hub.attempts("m1.land")]
        assert tries == [("deliver", "unsure"), *asked]
