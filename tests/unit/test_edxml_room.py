"""What goes out over the axis: both ends named, the files inside, sealed like everything else."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from connectors.contract import Sealed
from connectors.edxml import letters
from connectors.edxml.codec import build
from connectors.edxml.ways import way_of
from connectors.simulators.axis_papers import faults
from hub.delivery.sealing import Pool, Unsigned, Workbench, seal
from hub.documents.contract import Enclosure
from hub.documents.links import Desk, Linking
from hub.store.contract.delivery import Work
from schemas.dossier import Document, Dossier, Event, Kind, Message, Result, to_json
from schemas.edxml_files import files
from schemas.library import Library
from schemas.mapping import load
from schemas.problems import Problem
from schemas.strict_xml import parse_xml
from signing.keys.ring import KeySource
from signing.keys.ring import load as load_key
from signing.profiles import EdxmlProfile
from signing.trust.pins import load_pins
from signing.xml.edxml import EdxmlSigner, EdxmlVerifier
from tests.contract.room_edxml import OWN, THEIRS, settings
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from connectors.edxml.codec import EdxmlCodec
    from hub.delivery.sealing import Order

ROOT = Path(__file__).parents[2]
PATH = ROOT / "schemas" / "mappings" / "edxml.qcvn102-1.toml"
MAPPING = load(PATH, Library())
NOW = datetime(2026, 11, 20, 5, 0, 0, 250_000, tzinfo=UTC)
FORM, CERTIFICATE = b"%PDF-1.4 don", b"%PDF-1.4 giay chung nhan"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


SHELF = {digest(FORM): FORM, digest(CERTIFICATE): CERTIFICATE}
MESSAGE = Message(
    event=Event(kind=Kind.FINISHED, at=NOW, from_agency="000.00.09.H47", content="Đã giải quyết"),
    key="m1",
    sender="motcua-tinh",
    agency=OWN,
    dossier=Dossier(
        code="000.00.15.H47-190412-0007",
        documents=(Document(id="d1", name="don.pdf", reference="https://elsewhere.example/1", media_type="application/pdf"),),
        results=(Result(code="KQ-1", name="gcn.pdf", sha256=digest(CERTIFICATE)),),
    ),
)  # fmt: skip
ENCLOSED = (
    Enclosure(message="m1", place="documents/0", sha256=digest(FORM)),  # the hub fetched it
    Enclosure(message="m1", place="results/0", sha256=digest(CERTIFICATE)),
)


class Shelf:
    async def enclosed(self, messages: Sequence[str]) -> Mapping[str, tuple[Enclosure, ...]]:
        return dict.fromkeys(messages, ENCLOSED)

    async def content(self, sha256: str) -> AsyncGenerator[bytes, None]:
        yield SHELF[sha256][:5]
        yield SHELF[sha256][5:]


@pytest.fixture
def codec(tmp_path: Path) -> EdxmlCodec:
    return build(settings("vxp", "http://127.0.0.1:9", tmp_path, progress=True, recalls=True), MAPPING)


def linking(codec: EdxmlCodec, inside: int) -> Linking:
    bench = Workbench(codecs={"axis": codec}, sealers={"axis": Unsigned()})

    async def run(orders: Sequence[Order]) -> list[Sealed | Problem]:
        return [seal(bench, order) for order in orders]

    return Linking(Pool(run), Shelf(), {"axis": Desk(base="", grace=0.0, inside=inside)}, b"secret")


WORK = Work(
    token="t",
    transfer="t1",
    message="m1",
    partner="axis",
    operation="VanBan",
    part=0,
    key="01K9:axis:0",
    kind="finished",
    dossier="d",
    canonical=to_json(MESSAGE),
    sealed=None,
    doubt=False,
    attempts=0,
    sends=0,
    accepted_at=NOW,
)  # fmt: skip


async def test_papers_and_results_travel_inside_what_is_sealed(codec: EdxmlCodec) -> None:
    sealed = (await linking(codec, 1 << 20).seal([WORK]))["t1"]
    assert isinstance(sealed, Sealed)
    assert [(one.name, one.content) for one in files(sealed.payload)] == [
        ("don.pdf", FORM),
        ("gcn.pdf", CERTIFICATE),
    ]
    assert sealed.links == ()
    assert b"elsewhere" not in sealed.payload
    head = letters.head(sealed.payload)
    assert (head.sender, head.code) == (OWN, "01K9:axis:0/000.00.15.H47-190412-0007")
    assert head.document == f"{OWN},2026/11/20,01K9:axis:0/000.00.15.H47-190412-0007"
    heard = MAPPING.read(sealed.payload, "us", head.document, THEIRS)
    assert heard.kind is Kind.FINISHED
    assert heard.event.to_agency == THEIRS
    assert heard.dossier is not None
    assert [each.sha256 for each in heard.dossier.documents] == [digest(FORM), digest(CERTIFICATE)]
    assert faults(sealed.payload) == [], "what a strict axis would say against it"
    again = (await linking(codec, 1 << 20).seal([WORK]))["t1"]
    assert again == sealed


def test_both_ends_are_called_by_their_names_whatever_a_document_that_was_taken_called_its_own(
    codec: EdxmlCodec,
) -> None:
    taken = MAPPING.read(DOCUMENT, "them", "k", THEIRS)
    assert taken.dossier is not None
    dossier = msgspec.structs.replace(taken.dossier, documents=())
    said = codec.encode("VanBan", msgspec.structs.replace(taken, dossier=dossier), "01K9:axis:1").payload
    header = parse_xml(said).find("{*}edXMLEnvelope/{*}edXMLHeader/{*}MessageHeader")
    assert header is not None
    names = [header.findtext(f"{{*}}{end}/{{*}}OrganName") for end in ("From", "To")]
    assert names == ["UBND tỉnh", "Sở Tài nguyên và Môi trường"]
    assert header.find("{*}From/{*}OrganizationInCharge") is None
    assert header.findtext("{*}PromulgationInfo/{*}Place") == "Tam Kỳ"
    assert faults(said) == []


GOLDEN = ROOT / "tests" / "golden" / "edxml"
DOCUMENT, STATUS = ((GOLDEN / name).read_bytes() for name in ("document.xml", "status.xml"))
STEP = msgspec.structs.replace(
    MESSAGE,
    event=Event(kind=Kind.STEP, at=NOW),
    dossier=Dossier(code="000.00.15.H47-190412-0007"),
)


@pytest.mark.parametrize(
    ("message", "opened", "answered"),
    [
        (STEP, DOCUMENT, True),
        (MESSAGE, DOCUMENT, False),
        (msgspec.structs.replace(STEP, dossier=MESSAGE.dossier), DOCUMENT, False),
        (msgspec.structs.replace(STEP, event=Event(kind=Kind.RECALLED, at=NOW)), DOCUMENT, False),
        (STEP, STATUS.replace(b"001.00.10.H47", THEIRS.encode()), False),
        (STEP, DOCUMENT.replace(b"OrganId>000.00.15.H47", b"OrganId>000.00.16.H47"), False),
        (STEP, b'{"event": {}}', False),
    ],
    ids=[
        "a step",
        "files",
        "papers",
        "no code says it",
        "by a status",
        "by another organisation",
        "by no document",
    ],
)
def test_only_what_a_status_can_say_about_their_own_document_is_said_so(
    codec: EdxmlCodec, message: Message, opened: bytes, *, answered: bool
) -> None:
    draft = codec.answer(message, opened)
    assert (draft is not None) == answered


def test_a_document_that_came_over_the_axis_goes_on_under_a_number_of_ours(codec: EdxmlCodec) -> None:
    """Else nobody could lead an answer about it back, or ask after it."""
    copy = b"<edXML:To><edXML:OrganId>000.00.77.H47</edXML:OrganId></edXML:To>"
    came = MAPPING.read(
        DOCUMENT.replace(b"<edXML:DocumentId>", copy + b"<edXML:DocumentId>"), "axis", "K", THEIRS
    )
    goes = codec.encode("VanBan", came, "01K9:b:0").payload
    head = letters.head(goes)
    assert head.document == f"{OWN},2019/04/12,01K9:b:0/000.00.15.H47-190412-0007"
    assert head.code == "01K9:b:0/000.00.15.H47-190412-0007"
    assert [one.text for one in parse_xml(goes).iterfind(".//{*}To/{*}OrganId")] == [THEIRS]


async def test_what_is_signed_with_its_files_is_believed_and_read(codec: EdxmlCodec, tmp_path: Path) -> None:
    pki = Pki(tmp_path, datetime.now(UTC))
    key = load_key(
        KeySource(
            name="seal",
            file=str(pki["seal-2048"].key_file),
            certificate=str(pki["seal-2048"].certificate_file),
        )
    )
    sealed = (await linking(codec, 1 << 20).seal([WORK]))["t1"]
    assert isinstance(sealed, Sealed)
    signed = EdxmlSigner(key, EdxmlProfile()).sign(sealed.payload, NOW)
    assert faults(signed) == [], "what a strict axis would say against it"
    assert faults(signed.replace("Tam Kỳ".encode(), "Hội An".encode())) == [
        "Signature: văn bản đã bị thay đổi sau khi ký"
    ]
    pins = load_pins([pki["seal-2048"].certificate_file])
    verified = EdxmlVerifier(pins, EdxmlProfile()).verify(signed, datetime.now(UTC))
    heard, plain = (MAPPING.read(raw, "us", "k", THEIRS) for raw in (verified.payload, sealed.payload))
    assert heard == plain == MAPPING.read(signed, "us", "k", THEIRS)
    assert [one.content for one in files(signed)] == [FORM, CERTIFICATE]


async def test_files_that_are_too_much_for_a_document_park_it(codec: EdxmlCodec) -> None:
    result = (await linking(codec, len(FORM) + 3).seal([WORK]))["t1"]
    assert isinstance(result, Problem)
    assert (result.code, result.place) == ("HUB-DOC-009", "results/0")


async def test_a_document_whose_files_are_not_there_is_never_sealed(codec: EdxmlCodec) -> None:
    bench = Workbench(codecs={"axis": codec}, sealers={"axis": Unsigned()})

    async def run(orders: Sequence[Order]) -> list[Sealed | Problem]:
        return [seal(bench, order) for order in orders]

    result = (await Pool(run).seal([WORK]))["t1"]
    assert isinstance(result, Problem)
    assert result.code == "HUB-MAP-004"


def test_each_call_of_the_national_interface_is_signed_as_it_wants(tmp_path: Path) -> None:
    told = settings("vxp", "http://127.0.0.1:9", tmp_path)
    request = way_of(told, "secret-of-the-unit").listing("edoc", NOW)
    assert request.headers["XroadVnpt-timestamp"] == "20112026T120000+0250"
    assert request.headers["XroadVnpt-sign-header-key"] == (
        "Content-Type;servicetype;messagetype;fromDate;toDate;systemid;timestamp;hash-file"
    )
    asked = {
        "servicetype": "eDoc",
        "messagetype": "edoc",
        "fromDate": "2026/10/21",
        "toDate": "2026/11/21",
    }
    assert msgspec.json.decode(request.body) == asked
    signed = msgspec.json.decode(request.headers["XroadVnpt-sign-header"], type=dict[str, str])
    assert {name: signed[f"XroadVnpt-{name}"] for name in asked} == asked
    assert all(request.headers[name] == value for name, value in signed.items())
    assert all(way_of(told, "secret-of-the-unit").fetch("d-1", NOW).headers.values())


@pytest.mark.parametrize("zeros", [True, False])
def test_the_content_is_signed_by_its_digest_with_all_digits_or_as_the_published_client_writes_it(
    tmp_path: Path, *, zeros: bool
) -> None:
    told = settings("vxp", "http://127.0.0.1:9", tmp_path)
    told = told.model_copy(update={"way": told.way.model_copy(update={"content_zeros": zeros})})
    request = way_of(told, "secret-of-the-unit").send(b"<edXML/>", "edoc", NOW)
    digest = hashlib.sha256(b"<edXML/>").digest()
    assert request.headers["XroadVnpt-hash-file"] == (
        digest.hex() if zeros else "".join(f"{each:x}" for each in digest)
    )
