"""The one-stop's action server, as its published code answers, behind the partner file that ships for it."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from connectors import catalogue
from connectors.catalogue import Outfit
from connectors.contract import Deferred, Delivered, Encloses, Parcel, Refused, Sealed
from connectors.simulators.desk import Call, Journal
from connectors.simulators.opencps_actions import OpenCpsActions
from schemas.dossier import Kind, Result
from schemas.library import BUILTIN, Library
from tests.doubles.loopback import loopback
from tests.integration.test_one_stop_actions import AT, CODE, MAPPING, partner, told

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.contract import Outcome
    from schemas.dossier import Message

PAPER = b"%PDF-1.7 \r\n--x"
DIGEST = sha256(PAPER).hexdigest()
UNIT = "000.00.00.H47"


def server(knows: str = "a password") -> OpenCpsActions:
    return OpenCpsActions(Journal(None, lambda: datetime.now(UTC)), knows, unit=UNIT)


async def delivered(folder: Path, url: str, said: Message, dossier: str = CODE) -> list[Outcome]:
    found = partner(folder, url)
    settings: Any = found.settings
    assert found.receives
    room = catalogue.ROOMS["rest"]
    codec = room.build(settings, MAPPING)
    assert isinstance(codec, Encloses)
    outfit = Outfit(library=Library((BUILTIN,)), now=lambda: AT, seconds=lambda: 0.0)
    connector = room.connect(settings, found.receives.replies, outfit)
    outcomes = []
    for operation in codec.operations(said):
        draft = codec.enclose(codec.encode(operation, said, "key"), {DIGEST: PAPER})
        sealed = Sealed(payload=draft.payload, media_type=draft.media_type, facts=draft.facts)
        parcel = Parcel(key="key", operation=operation, dossier=dossier, sealed=sealed, attempt=1)
        outcomes.append(await connector.deliver(parcel))
    await connector.close()
    return outcomes


async def test_a_result_and_its_action_are_on_the_dossier_of_a_one_stop_as_it_ships(tmp_path: Path) -> None:
    result = Result(name="Giấy chứng nhận.pdf", sha256=DIGEST, media_type="application/pdf")
    desk = server()
    async with loopback(desk) as (_, url):
        outcomes = await delivered(tmp_path, url, told(Kind.FINISHED, results=(result,)))
    assert [type(each) for each in outcomes] == [Delivered, Delivered]
    assert [(each.operation, each.dossier) for each in desk.journal.entries] == [
        ("files", CODE),
        ("LT_CO_KET_QUA", CODE),
    ]
    assert desk.journal.entries[0].digest == DIGEST
    assert getattr(outcomes[1], "reference", "") == desk.journal.entries[1].reference


async def test_a_one_stop_that_does_not_know_the_hub_says_203_and_that_is_no_success(tmp_path: Path) -> None:
    desk = server("another password")
    async with loopback(desk) as (_, url):
        (outcome,) = await delivered(tmp_path, url, told(Kind.STEP))
    assert isinstance(outcome, Deferred), outcome
    assert outcome.reason.code == "HUB-PAR-005"
    assert desk.journal.entries == []


async def test_a_dossier_that_is_not_its_own_is_refused(tmp_path: Path) -> None:
    async with loopback(server()) as (_, url):
        (outcome,) = await delivered(tmp_path, url, told(Kind.STEP), "000.00.15.H47-261120-0001")
    assert isinstance(outcome, Refused)


def test_it_takes_what_its_published_code_takes_and_nothing_else() -> None:
    desk = server("")
    head = {"content-type": "application/x-www-form-urlencoded", "groupid": "35301"}

    def status(body: bytes, what: str = "actions", method: str = "POST", **headers: str) -> int:
        path = f"/o/rest/v2/dossiers/{CODE}/{what}"
        call = Call(method=method, path=path, query="", headers={**head, **headers}, body=body)
        return desk.answer(call).status

    assert status(b"actionCode=LT_XU_LY&payment=%7B%22requestPayment%22%3A2%7D&dueDate=1763600000000") == 200
    assert status(b"actionNote=x") == 405
    assert status(b'{"actionCode":"LT_XU_LY"}', **{"content-type": "application/json"}) == 405
    assert status(b"actionCode=LT_XU_LY", groupid="1") == 405
    assert status(b"actionCode=LT_XU_LY&payment=x") == 403
    assert status(b"actionCode=LT_XU_LY&dueDate=2026-11-20") == 400
    assert status(b"no form", "files") == 403
    assert status(b"", "actions", "GET") == 404
    assert len(desk.journal.entries) == 1
