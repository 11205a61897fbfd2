"""Documents of the axis are picked up, taken in with their files, answered with a status message and marked, by both interfaces."""

from __future__ import annotations

import hashlib
import re
import subprocess
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest

from connectors.contract import Delivered, Sealed
from connectors.edxml.client import connect
from connectors.edxml.codec import build
from connectors.edxml.collector import collector
from connectors.simulators.axis import FETCH, FETCHED, LIST, MARK, SEND, Axis, Habits
from connectors.simulators.desk import Journal, Said
from connectors.simulators.orders import Order
from hub.delivery.answering import Answering
from hub.delivery.sealing import Pool, Unsigned, Workbench, seal
from hub.delivery.tries import parcel_of
from hub.store.contract.delivery import Work
from hub.store.contract.views import Filter
from schemas.dossier import Actor, Dossier, Event, Kind, Message, to_json
from schemas.library import Library
from schemas.strict_xml import parse_xml
from signing.keys.ring import KeySource
from signing.keys.ring import load as load_key
from signing.profiles import EdxmlProfile
from signing.xml.edxml import EdxmlSigner
from tests.contract.room import SECRET, now
from tests.contract.room_edxml import OWN, THEIRS, line, settings
from tests.doubles.loopback import loopback
from tests.doubles.pki import Pki
from tests.integration.collecting_house import NOON, Worker, messages
from tests.integration.intake_house import PROVINCE, house, partner_files, parts
from tests.store.samples import acceptance, at, delivered, roomy, sealed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from connectors.simulators.desk import Call
    from connectors.simulators.server import Server
    from hub.delivery.sealing import Order as Sealing
    from hub.intake.intake import Intake
    from schemas.problems import Problem
    from tests.contract.room_edxml import Kind as Way
    from tests.integration.intake_house import House, Parts

GOLDEN = Path(__file__).parents[1] / "golden" / "edxml"
DOCUMENT = (GOLDEN / "document.xml").read_text("utf-8").replace("001.00.10.H47", OWN)
STATUS = (
    (GOLDEN / "status.xml")
    .read_text("utf-8")
    .replace("<edXML:OrganId>000.00.15.H47", f"<edXML:OrganId>{OWN}")
    .replace("<edXML:OrganId>001.00.10.H47", f"<edXML:OrganId>{THEIRS}")
    .replace(
        ">000.00.15.H47,2019/04/12,123/STNMT-ĐĐ<", ">000.00.00.H47,2019/04/12,9/000.00.15.H47-190412-0007<"
    )
)
ERRORS = (
    "<edXML:ErrorList><edXML:Error><edXML:ErrorCode>E102</edXML:ErrorCode>"
    "<edXML:Description>Chữ ký số không hợp lệ</edXML:Description></edXML:Error></edXML:ErrorList>"
)
ERROR = STATUS.replace("<edXML:StatusCode>03</edXML:StatusCode>", "").replace(
    "</edXML:MessageHeader>", f"</edXML:MessageHeader>{ERRORS}"
)
PARTNER = f"""id = "axis"
agency = "{THEIRS}"
room = "edxml"
name = {{ vi = "Sở", en = "Department" }}
[sends]
format = "edxml.qcvn102@1"
kinds = ["received", "step", "finished", "refused_at_reception", "withdrawn", "recalled"]
codes = ["{THEIRS}"]
authority = "{PROVINCE}"
[sends.collect]
[sends.edxml]
base_url = "http://127.0.0.1:9"
organ = "{THEIRS}"
own = "{OWN}"
[sends.edxml.way]
kind = "vxp"
system = "VN:GOV:H47"
secret_file = "unit.txt"
"""
SEALED = "axis-sealed"
"""The same organisation as ``axis``, by a file that wants its documents signed."""
BOTH: tuple[Way, ...] = ("vxp", "truclienthong")


class Stage(NamedTuple):
    hub: House
    axis: Axis
    server: Server
    worker: Worker
    url: str

    async def round(self) -> int | None:
        return await self.worker.round()

    def state(self, name: str) -> str:
        return self.axis.state(name)

    def statuses(self) -> list[str]:
        """The status codes that the other side got, each message held to the schema of what the hub writes."""
        schema = Library().schema("xsd:edxml@1")
        found = []
        for raw in self.axis.sent("status"):
            root = parse_xml(raw)
            assert schema.problems(root) == ()
            found.append(root.findtext(".//{*}StatusCode") or "")
        return found

    async def messages(self) -> int:
        return await messages(self.hub)

    async def trouble(self) -> tuple[str, ...]:
        return await self.worker.trouble()


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOON)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Parts:
    folder = tmp_path_factory.mktemp("parts")
    files = partner_files(folder / "partners", pki["seal-p256"].certificate_file)
    (files / "axis.toml").write_text(PARTNER, "utf-8")
    pin = f'[sends.signature]\nbinding = "edxml"\ncertificates = ["{pki["seal-2048"].certificate_file}"]\n'
    (files / f"{SEALED}.toml").write_text(PARTNER.replace('id = "axis"', f'id = "{SEALED}"') + pin, "utf-8")
    (files / "unit.txt").write_text(SECRET, "utf-8")
    return parts(files)


@asynccontextmanager
async def staged(
    folder: Path,
    made: Parts,
    kind: Way = "vxp",
    more: dict[str, Any] | None = None,
    partner: str = "axis",
    habits: Habits | None = None,
    axis: type[Axis] = Axis,
) -> AsyncIterator[Stage]:
    kept: list[Intake] = []

    def keep(intake: Intake) -> Intake:
        kept.append(intake)
        return intake

    double = axis(Journal(None, now), SECRET, OWN, habits)
    async with house(folder, made, lambda: NOON, intake=keep) as hub, loopback(double) as (server, url):
        told = settings(kind, url, folder, **(more or {}))
        inbox = collector(told, line(told))
        worker = Worker(hub, kept[0], inbox, partner=partner)
        try:
            yield Stage(hub, double, server, worker, url)
        finally:
            await inbox.close()


@pytest.mark.parametrize("kind", BOTH)
async def test_a_document_is_taken_with_its_file_answered_and_marked(
    tmp_path: Path, made: Parts, kind: Way
) -> None:
    async with staged(tmp_path, made, kind) as stage:
        name = stage.axis.lodge(THEIRS, DOCUMENT.encode())
        assert await stage.round() == 1, await stage.trouble()
        assert (stage.state(name), stage.statuses()) == ("DONE", ["01"])
        (held,) = await stage.hub.store.documents.held()
        assert held.sha256 == hashlib.sha256(b"%PDF-1.4\n").hexdigest()
        dossier = await stage.hub.store.dossier("000.00.15.H47-190412-0007")
        assert dossier is not None
        assert await stage.round() == 0
        assert await stage.trouble() == ()


@pytest.mark.parametrize(
    ("kind", "habits"),
    [
        ("vxp", Habits(insists="headers", wraps=True)),
        ("vxp", Habits(insists="body")),
        ("truclienthong", Habits(bare=True)),
    ],
)
async def test_an_axis_may_want_and_answer_things_in_each_way_that_sources_tell_of(
    tmp_path: Path, made: Parts, kind: Way, habits: Habits
) -> None:
    async with staged(tmp_path, made, kind, habits=habits) as stage:
        name = stage.axis.lodge(THEIRS, DOCUMENT.encode())
        assert await stage.round() == 1, await stage.trouble()
        assert (stage.state(name), stage.statuses()) == ("DONE", ["01"])


@pytest.mark.parametrize("kind", BOTH)
async def test_what_is_refused_is_answered_with_its_code_and_marked_as_failed(
    tmp_path: Path, made: Parts, kind: Way
) -> None:
    async with staged(tmp_path, made, kind) as stage:
        name = stage.axis.lodge(
            THEIRS, DOCUMENT.replace("V/v chuyển hồ sơ 000.00.15.H47-190412-0007", "V/v").encode()
        )
        assert await stage.round() == 1
        assert (stage.state(name), stage.statuses()) == ("FAIL", ["02"])
        (noted,) = await stage.hub.store.refused(sender="axis")
        assert noted.code == "HUB-SCH-002"
        assert b"HUB-SCH-002" in stage.axis.sent("status")[0]
        assert await stage.messages() == 0


@pytest.mark.parametrize(
    ("operation", "kind", "after"),
    [
        (MARK, "close", True),
        (MARK, "html", False),
        (SEND, "reset", False),
        (FETCH, "html", False),
        (LIST, "html", False),
    ],
)
async def test_what_breaks_on_the_way_loses_and_doubles_nothing(
    tmp_path: Path, made: Parts, operation: str, kind: str, *, after: bool
) -> None:
    async with staged(tmp_path, made) as stage:
        name = stage.axis.lodge(THEIRS, DOCUMENT.encode())
        stage.server.order(
            Order(kind=kind, operation=operation, after=after, times=2 if operation == LIST else 1)
        )
        assert await stage.round() == 0
        assert await stage.trouble() != ()
        await stage.round()
        assert stage.state(name) == "DONE"
        assert await stage.messages() == 1
        assert await stage.trouble() == ()


@pytest.mark.parametrize(
    ("kind", "order"),
    [
        ("vxp", Order(kind="status", status=200, operation=FETCH)),
        ("truclienthong", Order(kind="status", status=200, operation=FETCHED)),
        ("truclienthong", Order(kind="xml-bomb", operation=FETCHED)),
        ("truclienthong", Order(kind="bad-utf8", operation=FETCHED)),
    ],
)
async def test_what_is_no_answer_of_the_axis_is_not_taken_for_a_document(
    tmp_path: Path, made: Parts, kind: Way, order: Order
) -> None:
    async with staged(tmp_path, made, kind) as stage:
        name = stage.axis.lodge(THEIRS, DOCUMENT.encode())
        stage.server.order(order)
        assert await stage.round() == 0
        assert (stage.state(name), stage.statuses()) == ("INITIAL", [])
        assert await stage.trouble() != ()
        assert await stage.round() == 1
        assert (stage.state(name), stage.statuses()) == ("DONE", ["01"])


async def test_the_sender_of_a_document_without_an_id_hears_of_it_by_its_number(
    tmp_path: Path, made: Parts
) -> None:
    ids = "<edXML:DocumentId>000.00.15.H47,2019/04/12,123/STNMT-ĐĐ</edXML:DocumentId>"
    assert ids in DOCUMENT
    async with staged(tmp_path, made) as stage:
        name = stage.axis.lodge(THEIRS, DOCUMENT.replace(ids, "", 1).encode())
        assert await stage.round() == 1, await stage.trouble()
        assert (stage.state(name), stage.statuses()) == ("DONE", ["01"])
        assert ids.encode() in stage.axis.sent("status")[0]


async def test_the_same_document_under_another_number_is_one(tmp_path: Path, made: Parts) -> None:
    async with staged(tmp_path, made) as stage:
        names = [stage.axis.lodge(THEIRS, DOCUMENT.encode()) for _ in range(2)]
        assert await stage.round() == 2
        assert [stage.state(name) for name in names] == ["DONE", "DONE"]
        assert await stage.messages() == 1


async def test_other_words_under_the_id_of_a_document_that_was_taken_tell_its_sender_nothing_against_it(
    tmp_path: Path, made: Parts
) -> None:
    async with staged(tmp_path, made) as stage:
        stage.axis.lodge(THEIRS, DOCUMENT.encode())
        other = stage.axis.lodge(THEIRS, DOCUMENT.replace("Tam Kỳ", "Hội An").encode())
        assert await stage.round() == 2
        assert (stage.state(other), stage.statuses()) == ("FAIL", ["01"])


async def test_what_others_sent_is_left_alone_and_a_false_sender_is_turned_away(
    tmp_path: Path, made: Parts
) -> None:
    async with staged(tmp_path, made) as stage:
        strange = stage.axis.lodge("000.00.99.H47", DOCUMENT.encode())
        false = stage.axis.lodge(
            THEIRS, DOCUMENT.replace("<edXML:OrganId>000.00.15.H47", "<edXML:OrganId>000.00.09.H47").encode()
        )
        assert await stage.round() == 1
        assert (stage.state(strange), stage.state(false)) == ("INITIAL", "FAIL")
        (noted,) = await stage.hub.store.refused(sender="axis")
        assert noted.code == "HUB-AUT-003"
        assert stage.statuses() == []  # nobody but the partner is written to
        assert await stage.messages() == 0


async def test_an_organisation_may_send_under_its_former_code_too(tmp_path: Path, made: Parts) -> None:
    former = "000.00.10.H47"
    async with staged(tmp_path, made, more={"also": [former]}) as stage:
        raw = DOCUMENT.replace("<edXML:OrganId>000.00.15.H47", f"<edXML:OrganId>{former}")
        name = stage.axis.lodge(former, raw.encode())
        assert await stage.round() == 1, await stage.trouble()
        assert (stage.state(name), stage.statuses()) == ("DONE", ["01"])
        (said,) = stage.axis.sent("status")
        assert parse_xml(said).findtext(".//{*}ResponseFor/{*}OrganId") == THEIRS  # it is called so today


@pytest.mark.parametrize("code", ["05", "15", "16"])
async def test_a_status_message_is_taken_and_never_answered(tmp_path: Path, made: Parts, code: str) -> None:
    async with staged(tmp_path, made) as stage:
        stage.axis.lodge(THEIRS, DOCUMENT.encode())
        assert await stage.round() == 1
        name = stage.axis.lodge(THEIRS, STATUS.replace(">03<", f">{code}<").encode(), kind="status")
        assert await stage.round() == 1
        assert (stage.state(name), stage.statuses()) == ("DONE", ["01"])
        assert await stage.messages() == 2


class Fails(Axis):
    """Says of what it refuses no more than that it failed."""

    def answer(self, call: Call) -> Said:
        said = super().answer(call)
        return (
            msgspec.structs.replace(said, body=said.body.replace(b'"OK"', b'"FAIL"'))
            if MARK in call.path
            else said
        )


async def test_a_failure_beside_the_code_of_success_is_none(tmp_path: Path, made: Parts) -> None:
    async with staged(tmp_path, made, axis=Fails) as stage:
        stage.axis.lodge(THEIRS, DOCUMENT.encode())
        assert await stage.round() == 0
        assert await stage.trouble() == ("HUB-PAR-006",)


@pytest.mark.parametrize("kind", BOTH)
async def test_a_list_that_holds_both_types_is_parted_by_what_it_says_of_each(
    tmp_path: Path, made: Parts, kind: Way
) -> None:
    async with staged(tmp_path, made, kind, habits=Habits(mixes=True)) as stage:
        names = [
            stage.axis.lodge(THEIRS, DOCUMENT.encode()),
            stage.axis.lodge(THEIRS, STATUS.replace(">03<", ">05<").encode(), kind="status"),
        ]
        assert await stage.round() == 2
        assert [stage.state(name) for name in names] == ["DONE", "DONE"]


@pytest.mark.parametrize("kind", ["status", "edoc"])
async def test_an_error_is_taken_whatever_the_axis_calls_it_and_never_answered(
    tmp_path: Path, made: Parts, kind: str
) -> None:
    async with staged(tmp_path, made) as stage:
        stage.axis.lodge(THEIRS, DOCUMENT.encode())
        assert await stage.round() == 1
        name = stage.axis.lodge(THEIRS, ERROR.encode(), kind=kind)
        assert await stage.round() == 1
        assert (stage.state(name), stage.statuses()) == ("DONE", ["01"])
        known = await stage.hub.store.known(PROVINCE, "000.00.15.H47-190412-0007")
        assert known
        kinds = [each.kind for each in await stage.hub.store.said.of(known.dossier)]
        assert kinds == ["received", "refused_at_reception"]
        raw = stage.axis.lodge(THEIRS, ERROR.replace("2019/04/15 08:02:11", "hôm qua").encode(), kind=kind)
        assert await stage.round() == 1
        assert (stage.state(raw), stage.statuses()) == ("FAIL", ["01"])  # nor is one that is refused


@pytest.mark.parametrize("names", [{}, {"list": "DanhSachLoi", "error": "Loi", "code": "Ma", "text": "MoTa"}])
async def test_a_partner_that_wants_an_error_list_is_told_why_in_one(
    tmp_path: Path, made: Parts, names: dict[str, str]
) -> None:
    wrong = DOCUMENT.replace("V/v chuyển hồ sơ 000.00.15.H47-190412-0007", "V/v").encode()
    async with staged(tmp_path, made, more={"errors": names}) as stage:
        stage.axis.lodge(THEIRS, wrong)
        stage.axis.lodge(THEIRS, DOCUMENT.encode())
        assert await stage.round() == 2
        refused, taken = stage.axis.sent("status")
        (told,) = parse_xml(refused).iterfind(f".//{{*}}edXMLHeader/{{*}}{names.get('list', 'ErrorList')}/*")
        assert told.findtext(f"{{*}}{names.get('code', 'ErrorCode')}") == "HUB-SCH-002"
        assert told.findtext(f"{{*}}{names.get('text', 'Description')}") == "Từ chối tiếp nhận"
        assert names.get("list", "ErrorList").encode() not in taken
        if not names:
            assert stage.statuses() == ["02", "01"]  # held to the schema of what the hub writes


@pytest.mark.parametrize("key", ["m9:axis:0", "m8:axis:0"])
async def test_status_01_is_the_receipt_for_what_was_sent_and_for_nothing_else(
    tmp_path: Path, made: Parts, key: str
) -> None:
    async with staged(tmp_path, made) as stage:
        store = stage.hub.store
        await store.accept(acceptance("m9", partners=("axis",)))
        await store.capacities(roomy("axis"))
        (work,) = await store.claim("w1", at(1), 9, 60.0)
        await store.seal(work.token, {work.transfer: sealed()})
        assert await store.settle(work.token, [delivered(work.transfer)], at(2))
        about = f">{OWN},2019/04/12,{key}/000.00.15.H47-190412-0007<"
        raw = STATUS.replace(">03<", ">01<").replace(
            ">000.00.00.H47,2019/04/12,9/000.00.15.H47-190412-0007<", about
        )
        name = stage.axis.lodge(THEIRS, raw.encode(), kind="status")
        stop = msgspec.structs.replace(stage.worker.stop, receipts=True)
        assert await stage.worker.collecting.round(stop) == 1
        (found,) = await store.transfers(Filter())
        right = key == "m9:axis:0"
        assert (str(found.state), stage.state(name)) == (
            ("acknowledged", "DONE") if right else ("delivered", "FAIL")
        )
        assert [row.code for row in await store.refused()] == ([] if right else ["HUB-RCP-001"])


async def test_what_is_too_large_is_turned_away_unread(tmp_path: Path, made: Parts) -> None:
    async with staged(tmp_path, made) as stage:
        name = stage.axis.lodge(THEIRS, DOCUMENT.encode() + b" " * 100_000)  # over max_reply_bytes
        assert await stage.round() == 1
        assert stage.state(name) == "FAIL"
        (noted,) = await stage.hub.store.refused(sender="axis")
        assert noted.code == "HUB-LIM-001"


def signed(pki: Pki, document: str) -> bytes:
    """Sign it, then write it as no program here would: with a declaration, and with line ends that no canonical form has."""
    source = KeySource(
        name="seal",
        file=str(pki["seal-2048"].key_file),
        certificate=str(pki["seal-2048"].certificate_file),
    )
    written = EdxmlSigner(load_key(source), EdxmlProfile()).sign(document.encode(), NOON)
    return b'<?xml version="1.0" encoding="UTF-8"?>\r\n' + written.replace(b"\n", b"\r\n") + b"\r\n"


def verifies(pki: Pki, raw: bytes, folder: Path) -> bool:
    file = folder / "document.xml"
    file.write_bytes(raw)
    command = ["xmlsec1", "--verify", "--pubkey-cert-pem", str(pki["seal-2048"].certificate_file), str(file)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


async def test_a_signed_document_lies_byte_for_byte_in_the_store_and_others_verify_it_from_there(
    tmp_path: Path, made: Parts, pki: Pki
) -> None:
    raw = signed(pki, DOCUMENT)
    async with staged(tmp_path, made, partner=SEALED) as stage:
        good = stage.axis.lodge(THEIRS, raw)
        forged = stage.axis.lodge(THEIRS, raw.replace("Tam Kỳ".encode(), "Hội An".encode()))
        assert await stage.round() == 2
        assert (stage.state(good), stage.state(forged)) == ("DONE", "FAIL")
        dossier = await stage.hub.store.dossier("000.00.15.H47-190412-0007")
        assert dossier is not None
        held = await stage.hub.store.payloads(dossier.transfers[0].id)
        assert held is not None
        assert held.raw == raw
        assert verifies(pki, held.raw, tmp_path)
        assert not verifies(pki, held.raw.replace("Tam Kỳ".encode(), "Hội An".encode()), tmp_path)


BACK = (GOLDEN / "recall.xml").read_text("utf-8")
"""They ask for the document back that opened the dossier."""


def again(raw: str, number: str, reason: str) -> str:
    """Another document of theirs about the same dossier."""
    return raw.replace("123", number).replace("Văn bản điện tử mới", reason)


async def kinds(stage: Stage) -> list[str]:
    known = await stage.hub.store.known(PROVINCE, CODE)
    assert known is not None
    return [each.kind for each in await stage.hub.store.said.of(known.dossier)]


@pytest.mark.parametrize("kind", BOTH)
async def test_a_document_that_is_asked_back_in_time_is_given_back(
    tmp_path: Path, made: Parts, kind: Way
) -> None:
    async with staged(tmp_path, made, kind) as stage:
        stage.axis.lodge(THEIRS, DOCUMENT.encode())
        name = stage.axis.lodge(THEIRS, BACK.encode(), kind="status")
        assert await stage.round() == 2, await stage.trouble()
        assert (stage.state(name), stage.statuses()) == ("DONE", ["01", "15"])
        assert undated(stage.axis.sent("status")[-1]) == undated((GOLDEN / "agreed.xml").read_bytes())
        assert await kinds(stage) == ["received", "withdrawn"]
        stage.axis.box.mark(name, "INITIAL")  # the mark was lost
        assert await stage.round() == 1
        assert stage.statuses() == ["01", "15", "15"]
        assert await kinds(stage) == ["received", "withdrawn"]


def undated(raw: bytes) -> bytes:
    return re.sub(rb"<edXML:Timestamp>2\d{3}/\d\d/\d\d \d\d:\d\d:\d\d<", b"<edXML:Timestamp><", raw)


@pytest.mark.parametrize("ended", [False, True])
async def test_what_ended_a_dossier_is_taken_back_and_what_is_over_is_kept(
    tmp_path: Path, made: Parts, *, ended: bool
) -> None:
    async with staged(tmp_path, made) as stage:
        for number, reason in (("123", ""), ("124", "Xử lý hồ sơ"), ("125", "Kết thúc hồ sơ")):
            stage.axis.lodge(THEIRS, again(DOCUMENT, number, reason).encode())
        number = "125" if ended else "123"
        name = stage.axis.lodge(THEIRS, BACK.replace("123", number).encode(), kind="status")
        assert await stage.round() == 4, await stage.trouble()
        assert stage.statuses() == ["01", "01", "01", "15" if ended else "16"]
        assert stage.state(name) == ("DONE" if ended else "FAIL")
        assert await kinds(stage) == ["received", "step", "finished", *(["recalled"] if ended else [])]
        if not ended:
            kept = (GOLDEN / "kept.xml").read_bytes()
            assert undated(stage.axis.sent("status")[-1]) == undated(kept)


async def test_what_was_said_in_vain_after_it_keeps_no_document_from_being_taken_back(
    tmp_path: Path, made: Parts
) -> None:
    async with staged(tmp_path, made) as stage:
        stage.axis.lodge(THEIRS, DOCUMENT.encode())
        stage.axis.lodge(THEIRS, again(DOCUMENT, "124", "").encode())  # quarantined: it is open already
        stage.axis.lodge(THEIRS, BACK.encode(), kind="status")
        assert await stage.round() == 3, await stage.trouble()
        assert stage.statuses() == ["01", "01", "15"]


class Between(Axis):
    """A document and the wish to have it back arrive between two lists."""

    arrived = False

    def answer(self, call: Call) -> Said:
        said = super().answer(call)
        if LIST in call.path and not self.arrived:
            self.arrived = True
            self.lodge(THEIRS, DOCUMENT.encode())
            self.lodge(THEIRS, BACK.encode(), kind="status")
        return said


async def test_who_asks_back_what_has_just_arrived_gets_it(tmp_path: Path, made: Parts) -> None:
    async with staged(tmp_path, made, axis=Between) as stage:
        assert await stage.round() == 1
        assert await stage.round() == 1
        assert stage.statuses() == ["01", "15"]


async def test_who_asks_back_what_could_not_be_fetched_waits(tmp_path: Path, made: Parts) -> None:
    async with staged(tmp_path, made) as stage:
        stage.axis.lodge(THEIRS, DOCUMENT.encode())
        stage.axis.lodge(THEIRS, BACK.encode(), kind="status")
        stage.server.order(Order(kind="html", operation=FETCH))
        assert await stage.round() == 0
        assert await stage.round() == 2
        assert stage.statuses() == ["01", "15"]


class Broken(Axis):
    """One document cannot be fetched, today or ever."""

    lost = ""

    def answer(self, call: Call) -> Said:
        if FETCH in call.path and self.lost and self.lost.encode() in call.body:
            return Said(status=500, body=b"{}", media_type="application/json")
        return super().answer(call)


async def test_what_can_never_be_fetched_holds_back_no_wish_for_what_is_here(
    tmp_path: Path, made: Parts
) -> None:
    async with staged(tmp_path, made, axis=Broken) as stage:
        stage.axis.lodge(THEIRS, DOCUMENT.encode())
        assert await stage.round() == 1
        lost = stage.axis.lodge(THEIRS, again(DOCUMENT, "124", "Xử lý hồ sơ").encode())
        assert isinstance(stage.axis, Broken)
        stage.axis.lost = lost
        stage.axis.lodge(THEIRS, BACK.encode(), kind="status")
        assert await stage.round() == 1
        assert await stage.trouble()
        assert stage.statuses() == ["01", "15"]


async def test_only_what_ended_a_dossier_last_is_taken_back_and_who_asks_again_hears_the_same(
    tmp_path: Path, made: Parts
) -> None:
    reasons = {
        "123": "",
        "124": "Xử lý hồ sơ",
        "125": "Kết thúc hồ sơ",
        "126": "Thu hồi",
        "127": "Kết thúc hồ sơ",
    }
    async with staged(tmp_path, made) as stage:
        for number, reason in reasons.items():
            stage.axis.lodge(THEIRS, again(DOCUMENT, number, reason).encode())
        assert await stage.round() == 5, await stage.trouble()
        for number, moment in (("125", "08:02:11"), ("127", "08:02:12"), ("127", "08:02:13")):
            raw = BACK.replace("123", number).replace("08:02:11", moment)
            stage.axis.lodge(THEIRS, raw.encode(), kind="status")
            assert await stage.round() == 1, await stage.trouble()
        assert stage.statuses() == ["01"] * 5 + ["16", "15", "15"]
        assert await kinds(stage) == ["received", "step", "finished", "recalled", "finished", "recalled"]


@pytest.mark.parametrize(
    ("number", "code"), [("124", "HUB-DOS-010"), ("999", "HUB-DOS-002")], ids=["a step", "never came"]
)
async def test_what_cannot_be_taken_back_is_kept_and_its_sender_hears_why(
    tmp_path: Path, made: Parts, number: str, code: str
) -> None:
    async with staged(tmp_path, made) as stage:
        stage.axis.lodge(THEIRS, DOCUMENT.encode())
        stage.axis.lodge(THEIRS, again(DOCUMENT, "124", "Xử lý hồ sơ").encode())
        stage.axis.lodge(THEIRS, BACK.replace("123", number).encode(), kind="status")
        assert await stage.round() == 3, await stage.trouble()
        assert stage.statuses() == ["01", "01", "16"]
        assert [noted.code for noted in await stage.hub.store.refused(sender="axis")] == [code]


async def test_nobody_asks_back_what_another_brought(tmp_path: Path, made: Parts) -> None:
    async with staged(tmp_path, made) as stage:
        stage.axis.lodge(THEIRS, DOCUMENT.encode())
        strange = BACK.replace(f"<edXML:OrganId>{THEIRS}", "<edXML:OrganId>000.00.09.H47")
        name = stage.axis.lodge(THEIRS, strange.encode(), kind="status")
        assert await stage.round() == 2
        assert (stage.state(name), stage.statuses()) == ("FAIL", ["01"])
        assert await kinds(stage) == ["received"]


CODE = "000.00.15.H47-190412-0007"
STEP = Event(
    kind=Kind.STEP, at=NOON, content="Thẩm tra hồ sơ", actor=Actor(name="Lê Văn Xử", unit="Phòng Đất đai")
)


async def told(stage: Stage, folder: Path, way: Way, event: Event, dossier: str = "", **more: bool) -> bytes:
    """Seal what happened as a worker does, send it, and return what left."""
    if not dossier:
        known = await stage.hub.store.known(PROVINCE, CODE)
        assert known is not None
        dossier = known.dossier
    message = Message(event=event, key="m", sender="desk", agency=OWN, dossier=Dossier(code=CODE))
    work = Work(
        token="t",
        transfer="t1",
        message="m",
        partner="axis",
        operation="VanBan",
        part=0,
        key="m:axis:0",
        kind=str(event.kind),
        dossier=dossier,
        canonical=to_json(message),
        sealed=None,
        doubt=False,
        attempts=0,
        sends=0,
        accepted_at=NOON,
    )
    settled = settings(way, stage.url, folder).model_copy(update={"progress": True, **more})
    codec = build(settled, stage.hub.parts.formats["edxml.qcvn102@1"])
    bench = Workbench(codecs={"axis": codec}, sealers={"axis": Unsigned()})

    async def run(orders: Sequence[Sealing]) -> list[Sealed | Problem]:
        return [seal(bench, order) for order in orders]

    sealery = Answering(
        Pool(run),
        stage.hub.store,
        {"axis"} if codec.answers else (),
        {"axis"} if codec.recalls else (),
    )
    made = (await sealery.seal([work]))["t1"]
    assert isinstance(made, Sealed)
    room = connect(line(settled))
    assert isinstance(await room.deliver(parcel_of(work, made)), Delivered)
    await room.close()
    return made.payload


@pytest.mark.parametrize("way", BOTH)
async def test_what_becomes_of_a_dossier_that_came_as_a_document_is_told_as_its_status(
    tmp_path: Path, made: Parts, way: Way
) -> None:
    async with staged(tmp_path, made, way) as stage:
        stage.axis.lodge(THEIRS, DOCUMENT.encode())
        assert await stage.round() == 1
        said = await told(stage, tmp_path, way, STEP)
        assert said == (GOLDEN / "progress.xml").read_bytes()
        assert stage.axis.sent("status")[-1] == said
        for kind in (Kind.RECEIVED, Kind.TRANSFERRED, Kind.FINISHED):
            await told(stage, tmp_path, way, Event(kind=kind, at=NOON))
        assert stage.statuses() == ["01", "05", "03", "04", "06"]
        assert stage.axis.sent("edoc") == []


async def test_what_becomes_of_a_dossier_that_others_opened_goes_as_a_document(
    tmp_path: Path, made: Parts, pki: Pki
) -> None:
    async with staged(tmp_path, made, partner=SEALED) as stage:
        stage.axis.lodge(THEIRS, signed(pki, DOCUMENT))
        assert await stage.round() == 1
        said = await told(stage, tmp_path, "vxp", STEP)  # to the partner of another file
        assert stage.axis.sent("edoc") == [said]
        assert stage.statuses() == ["01"]


RECALL = Event(kind=Kind.RECALLED, at=NOON, content="Kết quả ghi sai thửa", actor=Actor(name="Lê Văn Xử"))


async def ended(stage: Stage, raw: bytes, *, arrived: bool) -> None:
    """The partner was told the end of dossier ``d1`` by ``raw``, or is being told."""
    store = stage.hub.store
    told = acceptance("m9", dossier="d1", partners=("axis",), when=NOON - timedelta(days=1))
    await store.accept(msgspec.structs.replace(told, kind="finished"))
    await store.capacities(roomy("axis"))
    (work,) = await store.claim("w1", NOON, 9, 60.0)
    await store.seal(work.token, {work.transfer: Sealed(payload=raw, media_type="application/xml")})
    if arrived:
        assert await store.settle(work.token, [delivered(work.transfer)], NOON)


@pytest.mark.parametrize(
    ("arrived", "status", "wanted", "code"),
    [
        (True, False, True, "13"),
        (False, False, True, None),
        (True, True, True, None),
        (True, False, False, None),
    ],
    ids=["it has our document", "it is not there yet", "it has a status message", "it wants none"],
)
async def test_a_recall_asks_our_document_back_where_the_partner_has_it(
    tmp_path: Path, made: Parts, arrived: bool, status: bool, wanted: bool, code: str | None
) -> None:
    async with staged(tmp_path, made) as stage:
        codec = build(settings("vxp", stage.url, tmp_path), stage.hub.parts.formats["edxml.qcvn102@1"])
        end = Event(kind=Kind.FINISHED, at=NOON)
        message = Message(event=end, key="m9", sender="desk", agency=OWN, dossier=Dossier(code=CODE))
        raw = (
            (GOLDEN / "progress.xml").read_bytes()
            if status
            else codec.encode("VanBan", message, "m9:axis:0").payload
        )
        await ended(stage, raw, arrived=arrived)
        said = await told(stage, tmp_path, "vxp", RECALL, "d1", recalls=wanted)
        assert parse_xml(said).findtext(".//{*}StatusCode") == code
        assert stage.axis.sent("status" if code else "edoc") == [said]
        if code:
            assert said == (GOLDEN / "asked_back.xml").read_bytes()
            assert stage.statuses() == [code]
