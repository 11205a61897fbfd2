"""The tax gateway's room: a question with a number of its own, and an answer that counts only when it is about that question."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from lxml import etree
from msgspec.structs import replace

from connectors.contract import Deferred, Delivered, Numbers, Opened, Parcel, Refused, Sealed, Unsure
from connectors.credentials.settings import SoapUser
from connectors.gip import codec
from connectors.gip.client import connect
from connectors.gip.data import numbered, question, unwrapped, wrapped
from connectors.gip.settings import Settings
from connectors.line import Line
from connectors.replies import Row
from connectors.simulators.desk import Journal
from connectors.simulators.gip import Gip, Habits
from connectors.simulators.gip_seal import Seal
from connectors.simulators.server import Server
from connectors.transport import Http
from hub.delivery.sealing import Order, Unsigned, Workbench, seal
from hub.story.owed import duties
from schemas.dossier import Dossier, Event, Kind, Message, to_json
from schemas.library import BUILTIN
from schemas.mapping import load
from schemas.problems import Refusal
from signing.keys.ring import KeySource
from signing.keys.ring import load as load_key
from signing.profiles import ScopedProfile
from signing.trust.pins import load_pins
from signing.xml.scoped import ScopedSigner, ScopedVerifier
from tests.contract.room import now, shows
from tests.contract.room_gip import parcel_of, settings
from tests.doubles.pki import Pki

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from connectors.contract import Connector, Envelope, Outcome
    from tests.doubles.pki import Issued

NOON = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
ONE, TWO, UNKNOWN = (f"000.00.15.H47-190412-{number}" for number in ("0001", "0002", "0400"))
MAPPING = load(BUILTIN / "mappings" / "gip.data-1.toml")
OWN = {"base_url": "http://127.0.0.1:9", "sender": "H47", "sender_name": "Tỉnh & <Tỉnh>"}


def sealed(number: int, at: datetime = NOON, key: str = "t-1") -> Sealed:
    bench = Workbench(
        codecs={"tax": codec.build(Settings.model_validate(OWN), MAPPING)}, sealers={"tax": Unsigned()}
    )
    event = Event(kind=Kind.TRANSFERRED, at=NOON)
    message = Message(event=event, key="k", sender="s", agency="a", dossier=Dossier(code=ONE))
    made = seal(bench, Order("t", "tax", "TruyVan", key, to_json(message), number=number, at=at))
    assert isinstance(made, Sealed), made
    return made


def header(payload: bytes) -> dict[str, str]:
    return {each.tag: each.text or "" for each in etree.fromstring(payload).iterfind("HEADER/*")}


@asynccontextmanager
async def gateway(
    folder: Path, *rows: Row, envelopes: Any = None, desk: Gip | None = None, **more: Any
) -> AsyncIterator[Connector]:
    server = Server(desk or spoiled())
    told = settings(f"http://127.0.0.1:{await server.start()}", folder).model_copy(update=more)
    http = Http(told, clock=now)
    room = connect(told, Line(http, shows(told, http), envelopes), rows)
    try:
        yield room
    finally:
        await room.close()
        await server.stop()


def spoiled(change: Callable[[bytes], bytes] = bytes, habits: Habits = Habits()) -> Gip:  # noqa: B008 - a frozen tuple
    return Gip(Journal(None, now), clock=lambda: NOON, spoil=change, habits=habits)


def asked(dossier: str = ONE, number: int = 1) -> Parcel:
    return parcel_of(Settings.model_validate(OWN), dossier, number)


def test_a_question_has_the_transfers_number_whatever_is_tried() -> None:
    assert isinstance(codec.build(Settings.model_validate(OWN), MAPPING), Numbers)
    said = header(sealed(12_345_678_901).payload)
    assert said["MSG_ID"] == "H47202611205678901"
    assert said["SEND_DATE"] == "20-NOV-2026 12:00:00"
    assert (said["SENDER_NAME"], said["MSG_REFID"], said["TRAN_CODE"]) == ("Tỉnh & <Tỉnh>", "", "00046")
    assert sealed(5).payload == sealed(5).payload
    assert header(sealed(6).payload)["MSG_ID"] != header(sealed(5).payload)["MSG_ID"]
    late = datetime(2026, 11, 20, 18, tzinfo=UTC)  # the next day in Vietnam
    assert header(sealed(5, late).payload)["MSG_ID"] == "H47202611210000005"
    assert sealed(5).facts["msg_id"] == "H47202611200000005"


def test_a_question_stands_in_its_call_byte_for_byte() -> None:
    payload = sealed(1).payload
    for qualified in (False, True):
        call = wrapped(Settings.model_validate({**OWN, "qualified": qualified}), payload)
        assert b"<![CDATA[" + payload + b"]]>" in call
        names = [etree.QName(each) for each in etree.fromstring(call).iter()]
        assert names[2].namespace == "http://gip.request.com/"
        assert names[3].namespace == ("http://gip.request.com/" if qualified else None)


async def test_a_gateway_that_knows_its_callers_by_name_and_password_lets_the_hub_in(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("mật khẩu", "utf-8")
    user = SoapUser(kind="soap_user", username="H47", secret_file=tmp_path / "password")
    for password, outcome in (("mật khẩu", Delivered), ("khác", Deferred)):
        desk = Gip(Journal(None, now), password, clock=lambda: NOON)
        async with gateway(tmp_path, desk=desk, auth=user) as room:
            said = [await room.deliver(asked()) for _ in range(2)]
        assert [type(each) for each in said] == [outcome] * 2
        assert len(desk.journal.entries) == (outcome is Delivered)
        assert "mật khẩu" not in repr(said)


async def test_a_gateway_that_wants_the_dossier_deeper_inside_gets_it_there(tmp_path: Path) -> None:
    told = Settings.model_validate(OWN)
    row = {"TRUYVAN": {"MA_HS": ONE}, "TYPE": "00046", "NAME": "Truy vấn"}
    plain = asked()
    deeper = numbered(question(told, row), plain.sealed.facts["msg_id"], NOON)
    desk = spoiled(habits=Habits(asks_by="TRUYVAN/MA_HS"))
    async with gateway(tmp_path, Row(code=("01",), outcome="refused"), desk=desk) as room:
        assert isinstance(
            await room.deliver(replace(plain, sealed=replace(plain.sealed, payload=deeper))), Delivered
        )
        assert isinstance(await room.deliver(plain), Refused)
    for wrong in ({"MA_HS": 1}, {"TRUYVAN": {"MA_HS": None}}, {"MA_HS": [ONE]}):
        with pytest.raises(Refusal) as refused:
            question(told, wrong)
        assert refused.value.problems[0].code == "HUB-MAP-003"


@pytest.mark.parametrize(("dossier", "count"), [(ONE, 1), (TWO, 2)])
async def test_an_answer_is_a_message_with_each_notice(tmp_path: Path, dossier: str, count: int) -> None:
    async with gateway(tmp_path) as room:
        outcome = await room.deliver(asked(dossier))
        again = await room.deliver(asked(dossier))
    assert isinstance(outcome, Delivered)
    assert isinstance(again, Delivered)
    assert outcome.answer
    assert again.answer == outcome.answer
    message = MAPPING.read(outcome.answer.body, "tax", outcome.answer.key, "a")
    assert (message.kind, message.event.at) == (Kind.DUTY_ANNOUNCED, datetime(2019, 4, 15, 17, tzinfo=UTC))
    assert message.dossier
    assert message.dossier.code == dossier
    assert [duty.amount for duty in message.dossier.duties] == [1_250_000, 5_000_000][:count]
    first = message.dossier.duties[0]
    assert (first.item_code, first.payer_tax_code, first.account) == ("2801", "8000000001", None)
    assert first.due_at == datetime(2019, 5, 15, 17, tzinfo=UTC)


async def test_what_says_which_parcel_is_taxed_is_kept(tmp_path: Path) -> None:
    """Two demands of one decision differ by nothing else."""

    def parcels(data: bytes) -> bytes:
        second = b"<SO_THUADAT>16</SO_THUADAT><DIA_CHI_TS>T\xe1\xbb\x95 2</DIA_CHI_TS><MA_GCN>BA 1</MA_GCN>"
        before, old, after = data.rpartition(b"<SO_THUADAT>15</SO_THUADAT>")
        return (before + second + after if old else data).replace(b"TK0000002", b"TK0000001")

    async with gateway(tmp_path, desk=spoiled(parcels)) as room:
        outcome = await room.deliver(asked(TWO))
    assert isinstance(outcome, Delivered)
    assert outcome.answer
    message = MAPPING.read(outcome.answer.body, "tax", outcome.answer.key, "a")
    kept = message.extensions["gip.data"]["TraLoi"]["SOTHUE"]
    assert [kept[place]["SO_THUADAT"] for place in ("0", "1")] == ["15", "16"]
    assert [kept[place]["SO_TO_BANDO"] for place in ("0", "1")] == ["7", "7"]
    assert (kept["1"]["DIA_CHI_TS"], kept["1"]["MA_GCN"]) == ("Tổ 2", "BA 1")
    assert [kept[place]["TT_NNT"] for place in ("0", "1")] == ["6250000", "6250000"]
    assert [kept[place]["LOAI_TK_NSNN"] for place in ("0", "1")] == ["7111", "7111"]
    assert sum(duty.amount or 0 for duty in duties([message])) == 6_250_000


async def test_the_same_notices_are_the_same_message_whatever_the_answer_is_called(tmp_path: Path) -> None:
    def called(name: bytes) -> Gip:
        return spoiled(
            lambda data: data.replace(b"GIP202611200000001", name).replace(b"20-NOV-2026", b"21-NOV-2026")
        )

    said = []
    for name in (b"GIP201904169999999", b"GIP201904169999998"):
        desk = called(name)
        async with gateway(tmp_path, desk=desk) as room:
            outcome = await room.deliver(asked())
        assert isinstance(outcome, Delivered)
        assert outcome.answer
        assert outcome.reference == name.decode()
        said.append((outcome.answer.key, outcome.answer.body))
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("old", "new", "detail"),
    [
        (b"H47201904120000001", b"H47201904120000002", "another question"),
        (b"H47201904120000001", b"", "another question"),
        (b"05011", b"05012", "another kind of answer"),
        (b"00110", b"00047", "another kind of answer"),
        (b"190412-0001", b"190412-0009", "another dossier"),
        (b"ROW_SOTHUE", b"ROW_KHAC", "another dossier"),
    ],
)
async def test_an_answer_about_something_else_proves_nothing(
    tmp_path: Path, old: bytes, new: bytes, detail: str
) -> None:
    async with gateway(tmp_path, desk=spoiled(lambda data: data.replace(old, new))) as room:
        outcome = await room.deliver(asked())
    assert isinstance(outcome, Unsure)
    assert (outcome.reason.code, outcome.reason.detail) == ("HUB-PAR-002", detail)


async def test_an_answer_that_names_no_question_is_believed_only_where_that_is_declared(
    tmp_path: Path,
) -> None:
    def other(data: bytes) -> bytes:
        return data.replace(b"H47201904120000001", b"H47201904120000002")

    async with gateway(tmp_path, desk=spoiled(habits=Habits(silent=True)), echo="when_said") as room:
        assert isinstance(await room.deliver(asked()), Delivered)
    async with gateway(tmp_path, desk=spoiled(other), echo="when_said") as room:
        assert isinstance(await room.deliver(asked()), Unsure)


@pytest.mark.parametrize(
    ("rows", "change", "outcome"),
    [
        ((), None, Unsure),
        ((Row(code=("TT02",), outcome="refused"),), None, Refused),
        ((Row(code=("99",), outcome="refused"),), (b"<ERROR_CODE>00", b"<ERROR_CODE>99"), Refused),
        ((), (b"<ERROR_CODE>00", b"<ERROR_CODE>99"), Unsure),
        ((), (b"<TRANGTHAI>02", b"<TRANGTHAI>"), Unsure),
    ],
)
async def test_what_no_row_knows_is_unsure(
    tmp_path: Path, rows: tuple[Row, ...], change: tuple[bytes, bytes] | None, outcome: type[Outcome]
) -> None:
    desk = spoiled(lambda data: data.replace(*change) if change else data)
    async with gateway(tmp_path, *rows, desk=desk) as room:
        assert isinstance(await room.deliver(asked(UNKNOWN)), outcome)


@pytest.mark.parametrize("code", [b"00", b"0", b""])
async def test_an_error_code_of_zeros_or_none_is_none(tmp_path: Path, code: bytes) -> None:
    desk = spoiled(lambda data: data.replace(b"<ERROR_CODE>00", b"<ERROR_CODE>" + code))
    async with gateway(tmp_path, desk=desk) as room:
        assert isinstance(await room.deliver(asked()), Delivered)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<a/>",
        b'<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body/></S:Envelope>',
        b'<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><xuLyTruyVanMsgResponse><return/><return/></xuLyTruyVanMsgResponse></S:Body></S:Envelope>',
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    ],
)
def test_what_is_no_answer_is_read_as_none(raw: bytes) -> None:
    assert unwrapped(raw) is None


class Scoped:
    """``connectors.contract.Envelopes`` of a partner whose replies are to be signed."""

    signs, checks = False, True

    def __init__(self, verifier: ScopedVerifier) -> None:
        self._verifier = verifier

    async def sign(self, envelope: Envelope) -> Envelope:
        return envelope

    async def open(self, envelope: Envelope) -> Opened:
        found = self._verifier.verify(envelope.body, NOON)
        return Opened(payload=found.payload, signer=found.signer.fingerprint)


async def test_both_sides_sign_header_and_body_and_only_what_is_signed_is_read(tmp_path: Path) -> None:
    pki = Pki(tmp_path, NOON)
    own, theirs = pki["seal-2048"], pki["seal-2048-next"]
    ours, strangers = (
        ScopedSigner(
            load_key(KeySource(name="k", file=str(each.key_file), certificate=str(each.certificate_file))),
            ScopedProfile(),
        )
        for each in (own, theirs)
    )
    of_them = Scoped(ScopedVerifier(load_pins([theirs.certificate_file]), ScopedProfile()))
    plain = asked()
    payload = ours.sign(plain.sealed.payload, NOON)

    def gateway_of(seal: Issued | None, change: Callable[[bytes], bytes] = bytes) -> Gip:
        sealed = Seal(seal.key, seal.certificate) if seal and isinstance(seal.key, RSAPrivateKey) else None
        callers = (own.certificate,)
        return Gip(Journal(None, now), clock=lambda: NOON, callers=callers, seal=sealed, spoil=change)

    def carrying(document: bytes) -> Parcel:
        changed = replace(plain.sealed, payload=document)
        return Parcel(key=plain.key, operation=plain.operation, dossier=plain.dossier, sealed=changed)

    desk = gateway_of(theirs)
    async with gateway(tmp_path, desk=desk, envelopes=of_them) as room:
        outcome = await room.deliver(carrying(payload))
        assert isinstance(outcome, Delivered), outcome
        strange = strangers.sign(plain.sealed.payload, NOON)
        for wrong in (plain.sealed.payload, payload.replace(b"0001<", b"0002<"), strange):
            assert isinstance(await room.deliver(carrying(wrong)), Unsure), "the gateway says 02"
    assert outcome.answer
    assert json.loads(outcome.answer.body)["MA_HS"] == ONE
    assert outcome.exchanges[-1].signer
    assert len(desk.journal.entries) == 1
    for spoiled_one in (
        gateway_of(None),  # not signed at all
        gateway_of(theirs, lambda data: data.replace(b"1250000", b"125")),
        gateway_of(own),  # signed by somebody else
    ):
        async with gateway(tmp_path, desk=spoiled_one, envelopes=of_them) as room:
            outcome = await room.deliver(carrying(payload))
        assert isinstance(outcome, Unsure)
        assert outcome.reason.code == "HUB-PAR-013"
