"""Judging, piece by piece: credentials, keys, wrapping, text, places."""

from __future__ import annotations

import hashlib
import pickle
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Draft
from hub.intake.intake import judge_all
from hub.judging.contract import Desk, Inbound, Judged, Recipient, Said, Sender
from hub.judging.judge import judge
from hub.judging.places import on_the_wire, places
from hub.judging.saying import allowed_aliases, nfc
from hub.judging.trying import trials
from hub.judging.wrapping import check_media_type, is_trial, key_of
from schemas.agencies import Agencies
from schemas.dossier import Alias, Applicant, Dossier, Event, Kind, Message, from_json, to_json
from schemas.library import BUILTIN
from schemas.mapping import load as load_mapping
from schemas.problems import Problem, Refusal, refuse
from schemas.procedures import Procedures
from schemas.table import read_table
from signing.contract import Signatory, Verified, Wire

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("a-1", "a-1"),
        ('"a-1"', "a-1"),
        (" a-1 ", "a-1"),
        ("8e03978e-40d5-43dd-bc93-6894a57f9324",) * 2,
        ("x" * 200,) * 2,
    ],
)
def test_a_key_may_stand_bare_or_in_quotes(said: str, key: str) -> None:
    assert key_of({"idempotency-key": said}) == key


def test_a_trial_is_marked_by_one_word_and_nothing_is_guessed() -> None:
    assert [is_trial({"lienthong-trial": said}) for said in ("true", " True ", "false")] == [
        True,
        True,
        False,
    ]
    assert not is_trial({})
    for said in ("", "1", "yes", "true, false"):
        with pytest.raises(Refusal) as refused:
            is_trial({"lienthong-trial": said})
        assert refused.value.code == "HUB-STG-003"


def test_no_key_is_no_key() -> None:
    assert key_of({}) == ""


@given(st.text())
def test_whatever_is_taken_as_a_key_is_plain_and_short(said: str) -> None:
    try:
        key = key_of({"idempotency-key": said})
    except Refusal:
        return
    assert key.isascii()
    assert key.isprintable()
    assert 0 < len(key) <= 200
    assert not set(key) & set(' "\\')


def json_sender() -> Sender:
    return Sender(
        id="a",
        agency="",
        kinds=frozenset(),
        codes=(),
        authority="",
        format="",
        media="json",
        media_types=frozenset({"application/json"}),
        reader=load_mapping(BUILTIN / "mappings/lienthong.message-1.toml"),
    )


@pytest.mark.parametrize(
    "said",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/json;",
    ],
)
def test_a_media_type_is_read_with_its_parameters(said: str) -> None:
    assert check_media_type({"content-type": said}, json_sender()) == "application/json"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "HUB-SCH-010"),
        ({"content-type": "application/jsonx"}, "HUB-SCH-010"),
        ({"content-type": "text/xml"}, "HUB-SCH-010"),
        ({"content-type": "application/json, text/xml"}, "HUB-SCH-010"),
        ({"content-type": "application/json; charset=tcvn3"}, "HUB-SCH-008"),
        ({"content-type": "application/json", "content-encoding": "gzip"}, "HUB-SCH-010"),
    ],
)
def test_what_we_could_misread_is_refused(headers: Mapping[str, str], code: str) -> None:
    with pytest.raises(Refusal, match=code):
        check_media_type(headers, json_sender())


def message(name: str) -> Message:
    return Message(
        event=Event(kind=Kind.RECEIVED, at=NOW),
        key="k",
        sender="a",
        agency="x",
        dossier=Dossier(code="c", applicant=Applicant(name=name)),
        extensions={"f": {"g": [name]}},
    )


def test_every_text_is_put_in_nfc_also_where_only_a_format_knows_it() -> None:
    assert nfc(message("Nguye\u0302\u0303n")) == (message("Nguyễn"), to_json(message("Nguyễn")))


def test_a_text_in_nfc_is_left_as_it_is() -> None:
    given_one = message("Nguyễn")
    assert nfc(given_one)[0] is given_one


def test_an_escape_before_a_combining_mark_stays_what_it_was() -> None:
    assert nfc(message("\x1b\u0301e\u0301"))[0] == message("\x1b\u0301é")


def test_half_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(Refusal, match="HUB-SCH-008"):
        nfc(message("\ud800"))


class Codec:
    """Says two things; the second only for short names."""

    def operations(self, message: Message) -> tuple[str, ...]:
        if message.key == "unsayable":
            raise refuse("HUB-MAP-002", "/event/kind")
        return ("dossier", "progress")

    def encode(self, operation: str, message: Message, key: str) -> Draft:
        assert key == {"dossier": "m:p:1", "progress": "m:p:2"}[operation]
        if operation == "progress" and message.key == "long":
            raise refuse("HUB-MAP-004", "/x")
        return Draft(payload=b"", media_type="x/y")


def tried(
    key: str, *, kinds: frozenset[str] = frozenset({"received"}), sender: str = "a"
) -> dict[str, tuple[Said, ...]]:
    told = Message(event=Event(kind=Kind.RECEIVED, at=NOW), key=key, sender=sender, agency="x")
    return trials(told, "m", [Recipient(partner="p", kinds=kinds, codec=Codec())])


def test_a_trial_knows_which_part_cannot_be_said() -> None:
    assert tried("short") == {"p": (Said(operation="dossier"), Said(operation="progress"))}
    assert tried("long") == {
        "p": (
            Said(operation="dossier"),
            Said(operation="progress", problem=Problem(code="HUB-MAP-004", place="/x")),
        )
    }
    assert tried("unsayable") == {
        "p": (Said(operation="none", problem=Problem(code="HUB-MAP-002", place="/event/kind")),)
    }


def test_partners_that_say_the_same_alike_share_one_trial() -> None:
    counted: list[str] = []

    class Counting(Codec):
        def encode(self, operation: str, message: Message, key: str) -> Draft:
            counted.append(key)
            return super().encode(operation, message, "m:p:1" if operation == "dossier" else "m:p:2")

    told = Message(event=Event(kind=Kind.RECEIVED, at=NOW), key="short", sender="a", agency="x")
    kinds = frozenset({"received"})
    many = [Recipient(partner=f"p{n}", kinds=kinds, codec=Counting(), says="soap land@1") for n in range(50)]
    assert set(trials(told, "m", many)) == {f"p{n}" for n in range(50)}
    assert len(counted) == 2


def test_nothing_is_tried_for_those_who_do_not_take_it_or_said_it() -> None:
    assert tried("x", kinds=frozenset({"step"})) == {}
    assert tried("x", sender="p") == {}


def test_what_crosses_into_the_pool_and_back_survives() -> None:
    inbound = Inbound(message="m", sender="a", headers={"a": "b"}, body=b"x", received_at=NOW)
    judged = Judged(
        sender="a", key="k", digest="d", size=1, media_type="x/y", format="f@1", kind="received", canonical=b"{}",
        agency="x", authority="y", trials=tried("long"),
    )  # fmt: skip
    assert pickle.loads(pickle.dumps((inbound, judged))) == (inbound, judged)  # noqa: S301 - our own bytes


class Cutting:
    """A verifier that finds only a part of the body signed."""

    def verify(self, wire: Wire, now: datetime) -> Verified:
        assert (wire.body, wire.headers["x-jws-signature"]) == (b'{"a": 1} and more', "t")
        signer = Signatory(fingerprint="f" * 64, subject="x")
        return Verified(payload=b'{"a": 1}', signer=signer, algorithm="RS256", digest="d", verified_at=now)


class Recorder:
    """A reader that keeps what it was given."""

    def __init__(self) -> None:
        self.read_on: list[bytes] = []

    natural_key = "natural"

    def open(self, raw: bytes) -> Recorder:
        self.read_on.append(raw)
        return self

    def message(self, sender: str, key: str, agency: str) -> Message:
        event = Event(kind=Kind.CATALOGUE_PUBLISHED, at=NOW)
        return Message(event=event, key=key, sender=sender, agency=agency, subject="fees")


def test_only_what_was_signed_is_read_on_and_the_digest_is_of_what_came() -> None:
    reader = Recorder()
    changes = {
        "kinds": frozenset({"catalogue_published"}),
        "reader": reader,
        "verifier": Cutting(),
    }
    sender = msgspec.structs.replace(json_sender(), **changes)
    agencies = Agencies.load()
    desk = Desk(
        senders={"a": sender},
        recipients=(),
        agencies=agencies,
        procedures=Procedures.load(agencies),
        limit=100,
    )
    raw = b'{"a": 1} and more'
    inbound = Inbound(
        message="m",
        sender="a",
        headers={"content-type": "application/json", "x-jws-signature": "t"},
        body=raw,
        received_at=NOW,
    )
    judged = judge(inbound, desk, NOW)
    assert reader.read_on == [b'{"a": 1}']
    assert (judged.key, judged.digest, judged.size) == ("natural", hashlib.sha256(raw).hexdigest(), len(raw))


def test_what_is_said_in_one_of_two_places_is_accepted_as_said_in_both() -> None:
    agencies = Agencies.load()
    sender = msgspec.structs.replace(
        json_sender(), kinds=frozenset({"due_date_changed"}), agency="000.00.15.H47", own_key=True
    )
    desk = Desk(
        senders={"a": sender},
        recipients=(),
        agencies=agencies,
        procedures=Procedures.load(agencies),
        limit=1000,
    )
    event = Event(kind=Kind.DUE_DATE_CHANGED, at=NOW, due_at=NOW)
    said = Message(
        event=event, key="k", sender="a", agency="x", dossier=Dossier(code="000.00.15.H47-261120-0001")
    )
    inbound = Inbound(
        message="m",
        sender="a",
        headers={"content-type": "application/json", "idempotency-key": "k"},
        body=to_json(said),
        received_at=NOW,
    )
    accepted = from_json(judge(inbound, desk, NOW).canonical)
    assert accepted.dossier is not None
    assert accepted.dossier.due_at == NOW


def test_who_only_claims_to_be_a_sender_that_need_not_sign_is_nobody() -> None:
    agencies = Agencies.load()
    desk = Desk(
        senders={"a": json_sender()},
        recipients=(),
        agencies=agencies,
        procedures=Procedures.load(agencies),
        limit=100,
    )
    claimed = Inbound(message="m", sender="a", claimed=True, headers={}, body=b"{}", received_at=NOW)
    with pytest.raises(Refusal, match="HUB-AUT-001"):
        judge(claimed, desk, NOW)


@pytest.mark.parametrize("kind", ["child", "parent"])
def test_what_comes_in_another_hubs_name_but_in_no_batch_of_it_is_refused_unread(kind: str) -> None:
    """A hub may speak for others' agencies: only what its chain of signed batches carries is believed to be its own."""
    agencies = Agencies.load()
    hub = msgspec.structs.replace(json_sender(), hub=kind)
    desk = Desk(
        senders={"a": hub}, recipients=(), agencies=agencies, procedures=Procedures.load(agencies), limit=100
    )
    for claimed in (True, False):
        said = Inbound(message="m", sender="a", claimed=claimed, headers={}, body=b"{", received_at=NOW)
        with pytest.raises(Refusal, match="HUB-EDG-024"):
            judge(said, desk, NOW)
    with pytest.raises(Refusal, match="HUB-EDG-002"):
        judge(msgspec.structs.replace(said, relayed=True), desk, NOW)


class Poisoned(Recorder):
    """A reader that one message breaks, in a way that nobody thought of."""

    def open(self, raw: bytes) -> Recorder:
        if b"poison" in raw:
            raise LookupError("nobody thought of this")
        return super().open(raw)


def test_a_message_that_breaks_its_judge_is_refused_alone() -> None:
    changes = {"kinds": frozenset({"catalogue_published"}), "reader": Poisoned()}
    agencies = Agencies.load()
    desk = Desk(
        senders={"a": msgspec.structs.replace(json_sender(), **changes)},
        recipients=(),
        agencies=agencies,
        procedures=Procedures.load(agencies),
        limit=100,
    )
    batch = [
        Inbound(
            message=name,
            sender="a",
            headers={"content-type": "application/json"},
            body=f'{{"a": "{name}"}}'.encode(),
            received_at=NOW,
        )
        for name in ("before", "poison", "behind")
    ]
    before, poison, behind = judge_all(desk, batch)
    assert isinstance(before, Judged)
    assert isinstance(poison, Refusal)
    assert poison.code == "HUB-INT-001"
    assert isinstance(behind, Judged)


def test_a_body_in_a_file_is_read_where_it_is_judged(tmp_path: Path) -> None:
    path = tmp_path / "a.body"
    path.write_bytes(b"large")
    inbound = Inbound(message="m", sender="a", headers={}, file=str(path), received_at=NOW)
    assert inbound.content() == b"large"


# --- places -----------------------------------------------------------------------------------------------------

ONE_STOP = places(read_table(BUILTIN / "mappings/motcua.rest-1.toml"))
LAND = places(read_table(BUILTIN / "mappings/land.soap-1.toml"))


@pytest.mark.parametrize(
    ("table", "canonical", "wire"),
    [
        (ONE_STOP, "/dossier/code", "/HoSo/MaHoSo"),
        (ONE_STOP, "/dossier/procedure/national", "/HoSo/MaTTHC"),
        (ONE_STOP, "/event/kind", "/LoaiSuKien"),
        (ONE_STOP, "/event/to_agency", "/DienBien/MaDonViNhan"),
        (LAND, "/dossier/code", "/SoBienNhan"),
        (LAND, "/dossier/procedure/national", "/ThongTinQuyTrinh/MaQuocGia"),
        (LAND, "/dossier/documents/*/id", "/DanhSachGiayToDinhKem/GiayTo/*/MaGiayTo"),
    ],
)
def test_a_canonical_place_leads_to_the_senders_own_word(
    table: Mapping[str, str], canonical: str, wire: str
) -> None:
    assert table[canonical] == wire


def test_a_place_and_its_line_are_those_of_the_bytes_that_came() -> None:
    raw = b'{\n "LoaiSuKien": "x",\n "HoSo": {\n  "MaHoSo": "y"}}'
    [found] = on_the_wire(refuse("HUB-DOS-001", "/dossier/code"), ONE_STOP, raw, "json").problems
    assert (found.place, found.line) == ("/HoSo/MaHoSo", 4)
    [parent] = on_the_wire(
        refuse("HUB-DOS-001", "/dossier/note"), {"/dossier/note": "/HoSo/GhiChu"}, raw, "json"
    ).problems
    assert (parent.place, parent.line) == ("/HoSo/GhiChu", 3)


def test_a_place_in_xml_is_an_element_path() -> None:
    raw = b'<l:CapNhat xmlns:l="urn:l">\n<l:SoBienNhan>x</l:SoBienNhan>\n</l:CapNhat>'
    [found] = on_the_wire(refuse("HUB-DOS-001", "/dossier/code"), LAND, raw, "xml").problems
    assert (found.place, found.line) == ("/l:CapNhat/l:SoBienNhan", 2)


def test_a_numbered_place_in_xml_is_the_element_of_that_number() -> None:
    papers = b"<GiayTo><MaGiayTo>a</MaGiayTo></GiayTo>\n<GiayTo>\n<MaGiayTo>b</MaGiayTo></GiayTo>"
    raw = b"<x><DanhSachGiayToDinhKem>" + papers + b"</DanhSachGiayToDinhKem></x>"
    [found] = on_the_wire(refuse("HUB-SCH-002", "/dossier/documents/1/id"), LAND, raw, "xml").problems
    assert (found.place, found.line) == ("/x/DanhSachGiayToDinhKem/GiayTo[2]/MaGiayTo", 3)


def test_ten_thousand_problems_are_placed_in_one_walk_and_cut() -> None:
    raw = b'{"dossier": {"legs": [' + b"{}," * 9_999 + b"{}]}}"
    many = Refusal(*(Problem(code="HUB-DOS-006", place=f"/dossier/legs/{n}/agency") for n in range(10_000)))
    found = on_the_wire(many, {}, raw, "json").problems
    assert (len(found), found[49].place, found[49].line) == (50, "/dossier/legs/49/agency", 1)


@pytest.mark.parametrize("place", ["Idempotency-Key", "", "/dossier/unheard"])
def test_a_place_that_the_format_does_not_have_stays_as_it_is(place: str) -> None:
    [found] = on_the_wire(refuse("HUB-DOS-001", place), ONE_STOP, b"{}", "json").problems
    assert (found.place, found.line) == (place, 0)


def test_nobody_takes_another_senders_codes_before_that_sender_uses_them() -> None:
    class Trees:
        def is_within(self, code: str, tree_root: str) -> bool:
            return code.endswith(tree_root)

    def one(id: str, authority: str, *codes: str) -> Any:  # noqa: A002 - the sender's
        return SimpleNamespace(id=id, authority=authority, agency=authority, codes=codes)

    mine, other = one("district", "10.H47", "10.H47"), one("tax", "20.H47", "20.H47")
    desk: Any = SimpleNamespace(senders={"district": mine, "tax": other}, agencies=Trees())
    names = (("20.H47", "theirs"), ("01.10.H47", "below"), ("portal", "P1"), ("10.H47", "own"))
    dossier = Dossier(code="C", aliases=tuple(Alias(authority=who, code=code) for who, code in names))
    told = Message(
        event=Event(kind=Kind.RECEIVED, at=NOW), key="k", sender="district", agency="10.H47", dossier=dossier
    )
    assert allowed_aliases(told, mine, desk) == (("01.10.H47", "below"), ("portal", "P1"), ("10.H47", "own"))
