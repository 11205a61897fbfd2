"""A one-stop of the OpenCPS class that gets whole dossiers: opened where they are not there, then the papers, then the action."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from msgspec.structs import replace

from connectors import catalogue
from connectors.catalogue import Outfit
from connectors.contract import Deferred, Delivered, Encloses, Parcel, Particular, Sealed, Unsure
from connectors.credentials.settings import OAuth
from connectors.replies import ABSENT
from connectors.rest.settings import Settings
from connectors.simulators.desk import Journal, say
from connectors.simulators.opencps_actions import OpenCpsActions
from connectors.simulators.server import Server
from schemas.convert import CONVERTERS
from schemas.dossier import Applicant, Document, Kind, Procedure
from schemas.library import BUILTIN, Library
from schemas.problems import Refusal, Wrong
from tests.integration.test_one_stop_actions import AT, CODE, MAPPING, partner, told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from connectors.contract import Codec, Connector, Outcome
    from connectors.simulators.desk import Call, Said
    from schemas.dossier import Message

PAPERS = {sha256(each).hexdigest(): each for each in (b"%PDF-1 don", b"%PDF-1 so do")}
DUE = datetime(2026, 12, 1, 10, tzinfo=UTC)


def handed_in(procedure: str = "1.001193", code: str = CODE) -> Message:
    form, plan = PAPERS
    said = told(
        Kind.RECEIVED,
        procedure=Procedure(national=procedure),
        applicant=Applicant(name="Nguyễn Văn Mẫu"),
        due_at=DUE,
        documents=(
            Document(id="1", name="đơn.pdf", sha256=form, component="GT1"),
            Document(id="2", name="sơ đồ.pdf", sha256=plan),
            Document(id="3", name="bản giấy"),
        ),
    )
    assert said.dossier
    return replace(said, dossier=replace(said.dossier, code=code))


class Slipping(OpenCpsActions):
    """Its answers to what opens a dossier get lost, or every answer to a question; it knows one under its own number."""

    def __init__(self, lost: str = "", own: str = "") -> None:
        super().__init__(Journal(None, lambda: AT), "a password", unit="000.00.00.H47")
        self._lost, self._own = lost, own
        self.calls: list[str] = []

    def answer(self, call: Call) -> Said:
        self.calls.append(f"{call.method} {self.name(call)}")
        said = super().answer(call)
        if call.method == "GET" and self._own:
            return say({"dossierId": 1, "referenceUid": "0b4c", "dossierNo": self._own})
        return say({"oops": 1}, 500) if self._lost == self.name(call) else said


@asynccontextmanager
async def reached(
    tmp_path: Path, desk: OpenCpsActions, **changed: object
) -> AsyncIterator[tuple[Codec, Connector]]:
    server = Server(desk)
    found = partner(tmp_path, f"http://127.0.0.1:{await server.start()}")
    assert found.receives
    assert found.settings
    settings: Any = found.settings.model_copy(update=changed)
    room = catalogue.ROOMS["rest"]
    outfit = Outfit(library=Library((BUILTIN,)), now=lambda: AT, seconds=lambda: 0.0)
    connector = room.connect(settings, found.receives.replies, outfit)
    try:
        yield room.build(settings, MAPPING), connector
    finally:
        await connector.close()
        await server.stop()


def parcels(codec: Codec, said: Message) -> Sequence[Parcel]:
    assert isinstance(codec, Encloses)
    assert said.dossier
    made = []
    for operation in codec.operations(said):
        draft = codec.enclose(codec.encode(operation, said, f"key-{operation}"), PAPERS)
        sealed = Sealed(payload=draft.payload, media_type=draft.media_type, facts=draft.facts)
        made.append(Parcel(key=operation, operation=operation, dossier=said.dossier.code, sealed=sealed))
    return made


async def test_a_dossier_is_opened_then_its_papers_go_then_its_action(tmp_path: Path) -> None:
    desk = Slipping()
    async with reached(tmp_path, desk) as (codec, connector):
        for code in (CODE, "H57.132-260804-0583"):  # its own number, and one of another unit
            sent = parcels(codec, handed_in(code=code))
            assert [each.operation for each in sent] == ["ho_so", "paper.1", "paper.2", "tiep_nhan"]
            for each in sent:
                assert isinstance(await connector.deliver(each), Delivered)
    taken = [entry for entry in desk.journal.entries if entry.dossier == CODE]
    assert [entry.operation for entry in taken] == ["dossiers", "files", "files", "LT_TIEP_NHAN"]
    opened = dict(parse_qsl(taken[0].body))
    assert opened["referenceUid"] == CODE
    assert opened["dossierTemplateNo"] == "TP_001193"
    assert opened["originality"] == "2"
    action = dict(parse_qsl(taken[3].body))
    assert action["dueDate"] == str(int(DUE.timestamp() * 1000))


async def test_a_paper_goes_under_its_component_and_a_procedure_without_a_template_under_the_common_one(
    tmp_path: Path,
) -> None:
    async with reached(tmp_path, Slipping()) as (codec, _):
        opening, first, second, _action = parcels(codec, handed_in("2.000001"))
        assert isinstance(codec, Particular)
        assert "TP_001193" in codec.particulars
    assert dict(parse_qsl(opening.sealed.payload.decode()))["dossierTemplateNo"] == "TP_CHUNG"
    assert b"\r\n\r\nGT1\r\n" in first.sealed.payload
    assert b"\r\n\r\nTP1\r\n" in second.sealed.payload


async def test_a_dossier_that_is_there_is_not_opened_again(tmp_path: Path) -> None:
    for folder, own in (("a", ""), ("b", CODE)):
        desk = Slipping(own=own)
        (tmp_path / folder).mkdir()
        async with reached(tmp_path / folder, desk) as (codec, connector):
            opening = parcels(codec, handed_in())[0]
            outcomes = [await connector.deliver(opening) for _ in range(2)]
            assert all(isinstance(each, Delivered) for each in outcomes)
            assert isinstance(await connector.find(opening), Delivered)
        assert desk.calls.count("POST dossiers") == (0 if own else 1)


async def test_an_opening_whose_answer_got_lost_is_asked_for_and_an_unclear_question_sends_nothing(
    tmp_path: Path,
) -> None:
    outcomes: list[Outcome] = []
    desks = [Slipping(lost="dossiers"), Slipping(lost="look"), Slipping(own="another")]
    for number, desk in enumerate(desks):
        (tmp_path / str(number)).mkdir()
        async with reached(tmp_path / str(number), desk) as (codec, connector):
            outcomes.append(await connector.deliver(parcels(codec, handed_in())[0]))
    assert desks[0].calls == ["GET look", "POST dossiers", "GET look"]
    assert isinstance(outcomes[0], Delivered)
    assert len(outcomes[0].exchanges) == 3
    assert desks[1].calls == desks[2].calls == ["GET look"]
    assert [type(each) for each in outcomes[1:]] == [Deferred, Deferred]


async def test_a_question_that_never_left_sends_nothing(tmp_path: Path) -> None:
    (tmp_path / "client").write_text("a secret")
    nowhere = OAuth(
        kind="oauth", client_id="hub", client_secret_file=tmp_path / "client", token_path="/token"
    )
    desk = Slipping()
    async with reached(tmp_path, desk, auth=nowhere) as (codec, connector):
        outcome = await connector.deliver(parcels(codec, handed_in())[0])
    assert isinstance(outcome, Deferred)
    assert outcome.reason.code != ABSENT
    assert desk.calls == ["POST token"]


async def test_whether_an_action_came_cannot_be_asked(tmp_path: Path) -> None:
    async with reached(tmp_path, Slipping()) as (codec, connector):
        assert isinstance(await connector.find(parcels(codec, handed_in())[-1]), Unsure)


@pytest.mark.parametrize(
    "kind", [Kind.SUPPLEMENT_SUBMITTED, Kind.RESUMED, Kind.APOLOGY, Kind.DUE_DATE_CHANGED]
)
def test_a_new_date_goes_with_the_action_that_tells_it(kind: Kind) -> None:
    said = told(kind, due_at=DUE)
    (operation,) = MAPPING.operations(said)
    assert b'"dueDate":"%d"' % (DUE.timestamp() * 1000) in MAPPING.write(operation, said, "k")
    later = replace(said, event=replace(said.event, due_at=DUE + timedelta(days=1)))
    own = kind in {Kind.APOLOGY, Kind.DUE_DATE_CHANGED}
    goes = DUE + timedelta(days=1) if own else DUE
    assert b'"dueDate":"%d"' % (goes.timestamp() * 1000) in MAPPING.write(operation, later, "k")


def test_what_a_dossier_cannot_be_opened_without_parks_it() -> None:
    with pytest.raises(Refusal) as refused:
        MAPPING.write("ho_so", told(Kind.RECEIVED), "k")
    assert {each.code for each in refused.value.problems} == {"HUB-MAP-004"}


def test_what_opens_a_dossier_travels_as_a_form() -> None:
    opening = {"operation": "ho_so", "path": "/d", "look": "/d/{dossier}", "key": ["/no"]}
    with pytest.raises(ValueError, match="opening wants form"):
        Settings.model_validate({"base_url": "http://127.0.0.1:9", "opening": opening})
    with pytest.raises(ValueError, match="not both"):
        Settings.model_validate(
            {"base_url": "http://127.0.0.1:9", "papers": {"path": "/f"}, "files_at": ["/a"]}
        )


def test_milliseconds_are_digits_since_1970_and_nothing_else() -> None:
    clock = CONVERTERS["milliseconds"]
    assert clock.read("1796346000000") == datetime(2026, 12, 4, 1, 0, tzinfo=UTC)
    assert clock.write(clock.read("1796346000123")) == "1796346000123"
    for wrong in ("", "-1", "01", "1.5", 1796346000000, "9" * 15, "١"):
        with pytest.raises(Wrong):
            clock.read(wrong)
    with pytest.raises(Wrong):
        clock.write(datetime(1969, 12, 31, tzinfo=UTC))
