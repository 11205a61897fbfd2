"""Whatever is wrong with an input: a stable code, the place, what to do; no dossier row; and it can be mended and sent again.

Over real sockets, against a real store. Every row of ``BAD`` is posted, must leave nothing, and the good message must
then be accepted under the same key.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from schemas import errors
from signing.jose.detached import DetachedSigner
from signing.keys.ring import KeySource, load
from signing.xml.enveloped import EnvelopedSigner
from tests.doubles.pki import Pki
from tests.integration.intake_house import OTHER, PROCEDURE, PROVINCE, House, house, partner_files, parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.integration.intake_house import Answer, Parts

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
CATALOGUE = errors.load()
XML = {"Content-Type": "text/xml; charset=utf-8"}


@dataclass
class Street:
    """The house, and hands that can sign."""

    hub: House
    jws: DetachedSigner
    foreign_jws: DetachedSigner
    xml: EnvelopedSigner
    foreign_xml: EnvelopedSigner


@dataclass(frozen=True)
class Shared:
    parts: Parts
    jws: DetachedSigner
    foreign_jws: DetachedSigner
    xml: EnvelopedSigner
    foreign_xml: EnvelopedSigner


def keyed(pki: Pki, name: str) -> Any:
    issued = pki[name]
    return load(KeySource(name=name, file=str(issued.key_file), certificate=str(issued.certificate_file)))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    folder = tmp_path_factory.mktemp("pki")
    pki = Pki(folder, NOW)
    made = parts(partner_files(folder / "partners", pki["seal-2048"].certificate_file))
    own, foreign = keyed(pki, "seal-2048"), keyed(pki, "seal-self-signed")
    return Shared(
        made, DetachedSigner(own), DetachedSigner(foreign), EnvelopedSigner(own), EnvelopedSigner(foreign)
    )


@pytest.fixture
async def street(tmp_path: Path, shared: Shared) -> AsyncIterator[Street]:
    async with house(tmp_path, shared.parts, lambda: NOW) as hub:
        yield Street(hub, shared.jws, shared.foreign_jws, shared.xml, shared.foreign_xml)


@dataclass(frozen=True)
class Bad:
    """``spoil`` turns the good bytes into the bad ones. ``place``: what the answer must name, when there is a place."""

    name: str
    code: str
    spoil: Callable[[bytes], bytes] = lambda good: good
    sender: str = "desk"
    place: str | None = None
    line: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    leave_out: tuple[str, ...] = ()
    sign: Callable[[Street, bytes], bytes | str] | None = None


def change(pointer: str, value: Any) -> Callable[[bytes], bytes]:
    """Set the value at a JSON pointer."""

    def spoil(good: bytes) -> bytes:
        tree = json.loads(good)
        *way, last = pointer.split("/")[1:]
        at = tree
        for step in way:
            at = at.setdefault(step, {})
        at[last] = value
        return json.dumps(tree, ensure_ascii=False).encode()

    return spoil


def remove(pointer: str) -> Callable[[bytes], bytes]:
    def spoil(good: bytes) -> bytes:
        tree = json.loads(good)
        *way, last = pointer.split("/")[1:]
        at = tree
        for step in way:
            at = at[step]
        del at[last]
        return json.dumps(tree).encode()

    return spoil


def swap(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def spoil(good: bytes) -> bytes:
        assert old in good
        return good.replace(old, new, 1)

    return spoil


ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'

BAD = [
    # --- JSON in the hub's own words
    Bad("empty body", "HUB-SCH-001", lambda _: b""),
    Bad("cut JSON", "HUB-SCH-001", lambda good: good[:-5], line=1),
    Bad("not JSON at all", "HUB-SCH-001", lambda _: b"\nhello", line=2),
    Bad("JSON with a comment", "HUB-SCH-001", lambda good: b"// x\n" + good),
    Bad("NaN", "HUB-SCH-001", swap(b'"dossier"', b'"x": NaN, "dossier"')),
    Bad("a list", "HUB-SCH-002", lambda good: b"[" + good + b"]"),
    Bad("UTF-16", "HUB-SCH-008", lambda good: good.decode().encode("utf-16")),
    Bad("a byte that is no UTF-8", "HUB-SCH-008", swap(b"Nguy", b"Nguy\xff")),
    Bad("a byte order mark", "HUB-SCH-008", lambda good: b"\xef\xbb\xbf" + good),
    Bad(
        "half a surrogate pair", "HUB-SCH-002", swap(b"Nguy", b"Nguy\\ud800"), place="/dossier/applicant/name"
    ),
    Bad("a NUL in a name", "HUB-SCH-002", swap(b"Nguy", b"Nguy\\u0000"), place="/dossier/applicant/name"),
    Bad(
        "a key that stands twice",
        "HUB-SCH-005",
        swap(b'"code":', b'"code": "x", "code":'),
        place="/dossier/code",
    ),
    Bad("an unknown field", "HUB-SCH-004", change("/hat", "x"), place="/hat"),
    Bad("an unknown field inside", "HUB-SCH-004", change("/dossier/hat", "x"), place="/dossier/hat"),
    Bad("a wrong type inside", "HUB-SCH-002", change("/dossier/summary", 3), place="/dossier/summary"),
    Bad(
        "many mistakes inside",
        "HUB-SCH-004",
        change("/dossier/documents", [{"i": "1"}] * 40_000),
        place="/dossier/documents/0/i",
    ),
    Bad(
        "marks without end, whose sorting would take minutes",
        "HUB-SCH-002",
        change("/dossier/summary", "\u0316\u0301" * 200_000),
    ),
    Bad("a missing field", "HUB-SCH-003", remove("/event/at"), place="/event/at"),
    Bad(
        "a wrong type",
        "HUB-SCH-002",
        change("/HoSo/TrichYeuHoSo", 3),
        sender="counter",
        place="/HoSo/TrichYeuHoSo",
    ),
    Bad("an unknown kind", "HUB-SCH-002", change("/event/kind", "invented"), place="/event/kind"),
    Bad(
        "the 30th of February",
        "HUB-SCH-007",
        change("/dossier/due_at", "2026-02-30T00:00:00Z"),
        place="/dossier/due_at",
    ),
    Bad(
        "a time without a zone",
        "HUB-SCH-007",
        change("/dossier/due_at", "2026-02-03T00:00:00"),
        place="/dossier/due_at",
    ),
    Bad(
        "a thousand levels",
        "HUB-SCH-012",
        swap(b'"dossier"', b'"x": ' + b"[" * 1000 + b"]" * 1000 + b', "dossier"'),
    ),
    Bad("a hundred thousand levels", "HUB-SCH-012", lambda _: b"[" * 100_000 + b"]" * 100_000),
    Bad(
        "a text over its length",
        "HUB-SCH-002",
        change("/HoSo/TrichYeuHoSo", "x" * 20_001),
        sender="counter",
        place="/HoSo/TrichYeuHoSo",
    ),
    Bad("a 5 MB string", "HUB-LIM-001", change("/dossier/summary", "x" * 5_000_000)),
    Bad("no dossier", "HUB-SCH-003", remove("/dossier"), place="/dossier"),
    Bad(
        "an unknown procedure",
        "HUB-DOS-005",
        change("/dossier/procedure/national", "9.999999"),
        place="/dossier/procedure/national",
    ),
    Bad(
        "two codes of different procedures",
        "HUB-DOS-005",
        change("/dossier/procedure/local", "nowhere"),
        place="/dossier/procedure/local",
    ),
    Bad(
        "an unknown agency",
        "HUB-DOS-006",
        change("/event/to_agency", "000.99.99.X99"),
        place="/event/to_agency",
    ),
    Bad(
        "an unknown leg",
        "HUB-DOS-006",
        change("/dossier/legs", [{"agency": "X", "state": "processing"}]),
        place="/dossier/legs/0/agency",
    ),
    Bad(
        "a dossier code of no shape", "HUB-DOS-001", change("/dossier/code", "47/2026"), place="/dossier/code"
    ),
    Bad(
        "a dossier code of no day",
        "HUB-DOS-001",
        change("/dossier/code", f"{PROVINCE}-260231-0001"),
        place="/dossier/code",
    ),
    Bad(
        "a dossier code of another's tree",
        "HUB-DOS-007",
        change("/dossier/code", "000.00.00.H22-261120-0001"),
        place="/dossier/code",
    ),
    Bad(
        "a dossier that nobody opened",
        "HUB-DOS-002",
        change("/event/kind", "step"),
        place="/dossier/code",
    ),
    Bad(
        "a kind that it may not send",
        "HUB-AUT-003",
        change("/event/kind", "finished"),
        place="/event/kind",
    ),
    # --- the wrapping
    Bad("no credentials", "HUB-AUT-001", leave_out=("Authorization",), place="Authorization"),
    Bad("other credentials", "HUB-AUT-001", headers={"Authorization": "Basic eDp5"}),
    Bad("an unknown sender", "HUB-AUT-002", headers={"Authorization": "Bearer x"}),
    Bad("a key hash as key", "HUB-AUT-002", headers={"Authorization": f"Bearer sha256:{'0' * 64}"}),
    Bad("no media type", "HUB-SCH-010", leave_out=("Content-Type",), place="Content-Type"),
    Bad("another media type", "HUB-SCH-010", headers={"Content-Type": "text/plain"}),
    Bad("XML from a JSON sender", "HUB-SCH-010", headers=XML),
    Bad(
        "a foreign charset", "HUB-SCH-008", headers={"Content-Type": "application/json; charset=windows-1258"}
    ),
    Bad(
        "a compressed body",
        "HUB-SCH-010",
        headers={"Content-Encoding": "gzip"},
        place="Content-Encoding",
    ),
    # --- the one-stop's JSON under a detached JWS
    Bad("no signature", "HUB-SIG-001", sender="counter", sign=lambda _, __: ""),
    Bad(
        "a signature over other bytes",
        "HUB-SIG-002",
        sender="counter",
        sign=lambda s, _: s.jws.sign(b"{}", NOW),
    ),
    Bad(
        "a signature by nobody we know",
        "HUB-CRT-001",
        sender="counter",
        sign=lambda s, raw: s.foreign_jws.sign(raw, NOW),
    ),
    Bad("a token of two parts", "HUB-SIG-005", sender="counter", sign=lambda _, __: "a.b"),
    Bad(
        "a signature of no algorithm",
        "HUB-SIG-004",
        sender="counter",
        sign=lambda _, __: "eyJhbGciOiJub25lIn0..AA",
    ),
    Bad(
        "the 30th of February, as the one-stop writes it",
        "HUB-SCH-007",
        change("/HoSo/NgayHenTra", "20260230000000"),
        sender="counter",
        place="/HoSo/NgayHenTra",
    ),
    Bad(
        "an unknown event",
        "HUB-MAP-001",
        change("/LoaiSuKien", "BAY_LEN"),
        sender="counter",
        place="/LoaiSuKien",
    ),
    Bad(
        "an unknown procedure, in the one-stop's words",
        "HUB-DOS-005",
        change("/HoSo/MaTTHC", "9.999999"),
        sender="counter",
        place="/HoSo/MaTTHC",
    ),
    Bad(
        "an unknown agency, in the one-stop's words",
        "HUB-DOS-006",
        change("/DienBien/MaDonViNhan", "X.99"),
        sender="counter",
        place="/DienBien/MaDonViNhan",
    ),
    Bad(
        "a dossier code of no shape, in the one-stop's words",
        "HUB-DOS-001",
        change("/HoSo/MaHoSo", "47/2026"),
        sender="counter",
        place="/HoSo/MaHoSo",
    ),
    Bad(
        "another's tree, in the one-stop's words",
        "HUB-DOS-007",
        change("/HoSo/MaHoSo", "000.00.00.H22-261120-0001"),
        sender="counter",
        place="/HoSo/MaHoSo",
    ),
    # --- XML
    Bad("cut XML", "HUB-SCH-001", lambda good: good[:-9], sender="office"),
    Bad("JSON for XML", "HUB-SCH-001", lambda _: b"{}", sender="office"),
    Bad("a DTD", "HUB-SCH-006", lambda good: b"<!DOCTYPE x>" + good, sender="office", line=1),
    Bad("a bomb of entities", "HUB-SCH-006", lambda good: ENTITIES + good, sender="office"),
    Bad(
        "an outer entity",
        "HUB-SCH-006",
        lambda good: b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + good,
        sender="office",
    ),
    Bad(
        "a processing instruction",
        "HUB-SCH-006",
        lambda good: b'<?xml version="1.0"?><?php x?>' + good,
        sender="office",
    ),
    Bad(
        "another encoding",
        "HUB-SCH-008",
        lambda good: b'<?xml version="1.0" encoding="windows-1258"?>' + good,
        sender="office",
    ),
    Bad("another namespace", "HUB-SCH-009", swap(b"urn:lienthong:example:land:1", b"urn:x"), sender="office"),
    Bad(
        "a thousand levels of XML",
        "HUB-SCH-012",
        swap(b"<MaGiaoDich>", b"<a>" * 1000 + b"</a>" * 1000 + b"<MaGiaoDich>"),
        sender="office",
    ),
    Bad(
        "an unknown procedure in XML",
        "HUB-DOS-005",
        swap(b"<MaQuocGia>1.009999", b"<MaQuocGia>9.999999"),
        sender="office",
        place="/TiepNhanHoSo/ThongTinQuyTrinh/MaQuocGia",
        line=1,
    ),
    Bad("unsigned XML", "HUB-SIG-001", sender="bureau", sign=lambda _, raw: raw),
    Bad(
        "XML signed by nobody we know",
        "HUB-CRT-001",
        sender="bureau",
        sign=lambda s, raw: s.foreign_xml.sign(raw),
    ),
    Bad(
        "XML changed after signing",
        "HUB-SIG-003",
        sender="bureau",
        sign=lambda s, raw: s.xml.sign(raw).replace(b"1.009999", b"1.009998"),
    ),
    Bad(
        "a DTD before signed XML",
        "HUB-SIG-005",
        sender="bureau",
        sign=lambda s, raw: b"<!DOCTYPE x>" + s.xml.sign(raw),
    ),
]

FORMS = {
    "desk": "lienthong.message@1",
    "counter": "motcua.rest@1",
    "office": "land.soap@1",
    "bureau": "land.soap@1",
}


async def send(street: Street, case: Bad, raw: bytes, key: str) -> Answer:
    headers = {**(XML if case.sender in {"office", "bureau"} else {}), **case.headers}
    if case.sender == "counter":
        token = case.sign(street, raw) if case.sign else street.jws.sign(raw, NOW)
        assert isinstance(token, str)
        headers["X-JWS-Signature"] = token
    if case.sender == "bureau":
        signed = case.sign(street, raw) if case.sign else street.xml.sign(raw)
        assert isinstance(signed, bytes)
        raw = signed
    return await street.hub.post(raw, key=key, sender=case.sender, headers=headers, leave_out=case.leave_out)


@pytest.mark.parametrize("case", BAD, ids=[case.name for case in BAD])
async def test_bad_input_is_refused_by_code_leaves_nothing_and_can_be_mended(
    street: Street, case: Bad
) -> None:
    code = street.hub.code()
    good = street.hub.said(FORMS[case.sender], street.hub.received(code), "n-1")
    refused = await send(street, case, case.spoil(good), "k-1")
    assert (refused.code, refused.status) == (case.code, CATALOGUE[case.code].status)
    assert 400 <= refused.status < 500
    check_answer(refused, case)
    assert await street.hub.store.known(PROVINCE, code) is None
    assert await street.hub.store.journal() == ()
    assert not list(street.hub.spool.iterdir())
    accepted = await send(street, Bad("", "", sender=case.sender), good, "k-1")
    assert accepted.status == 202, accepted.body
    assert await street.hub.store.known(PROVINCE, code) is not None


def check_answer(refused: Answer, case: Bad) -> None:
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused["detail"]
    assert refused["type"] == f"/errors/{case.code}"
    found = refused["errors"]
    if case.place is not None:
        name = "xpath" if case.sender == "office" else "pointer"
        assert case.place in [error.get(name, error.get("place")) for error in found]
    if case.line is not None:
        assert found[0]["line"] == case.line


async def test_a_name_in_nfd_is_accepted_and_kept_in_nfc(street: Street) -> None:
    body = street.hub.received(applicant={"name": "Nguye\u0302\u0303n Va\u0306n A\u0301nh"})
    answer = await street.hub.post(body, key="n-1")
    payloads = await street.hub.store.payloads(answer["transfers"][0]["id"])
    assert payloads is not None
    assert json.loads(payloads.canonical)["dossier"]["applicant"]["name"] == "Nguyễn Văn Ánh"
    assert json.loads(payloads.raw) == body


async def test_what_is_claimed_inside_is_not_believed(street: Street) -> None:
    body = street.hub.received() | {"sender": "neighbour", "agency": OTHER, "key": "mine"}
    answer = await street.hub.post(body, key="outer")
    payloads = await street.hub.store.payloads(answer["transfers"][0]["id"])
    assert payloads is not None
    told = json.loads(payloads.canonical)
    assert (told["sender"], told["agency"], told["key"]) == ("desk", PROVINCE, "outer")


async def test_someone_elses_dossier_cannot_be_spoken_about(street: Street) -> None:
    code = street.hub.code()
    assert (await street.hub.post(street.hub.received(code), key="a")).status == 202
    step = street.hub.message("step", code)
    refused = await street.hub.post(step, key="b", sender="neighbour")
    assert (refused.code, refused["errors"][0]["pointer"]) == ("HUB-DOS-003", "/dossier/code")
    known = await street.hub.store.known(PROVINCE, code)
    assert known is not None
    assert known.version == 1
    assert (await street.hub.post(step, key="b", sender="stranger")).code == "HUB-DOS-002"


async def test_someone_elses_messages_transfers_and_dossiers_cannot_be_seen(street: Street) -> None:
    code = street.hub.code()
    accepted = await street.hub.post(street.hub.received(code), key="a")
    paths = [
        f"/v1/messages/{accepted['message']}",
        f"/v1/transfers/{accepted['transfers'][0]['id']}",
        f"/v1/dossiers/{code}",
    ]
    for path in paths:
        assert (await street.hub.get(path)).status == 200
        for other in ("neighbour", "stranger"):
            assert (await street.hub.get(path, sender=other)).status == 404
        assert (await street.hub.get(path, sender=None)).status == 401
    absent = await street.hub.get(f"/v1/dossiers/{code[:-1]}9", sender="neighbour")
    hidden = await street.hub.get(f"/v1/dossiers/{code}", sender="neighbour")
    assert absent["code"] == hidden["code"]


async def test_a_transfer_is_not_found_by_the_beginning_of_its_id(street: Street) -> None:
    accepted = await street.hub.post(street.hub.received(), key="a")
    assert (await street.hub.get(f"/v1/transfers/{accepted['transfers'][0]['id'][:10]}")).status == 404


@pytest.mark.parametrize("key", ["", " ", "a b", "ắ", "x" * 201, '"', 'a"b', "a\\b"])
async def test_a_key_that_is_no_key_is_refused(street: Street, key: str) -> None:
    refused = await street.hub.post(street.hub.received(), key=key)
    assert (refused.status, refused.code) == (400, "HUB-IDM-003")


@pytest.mark.parametrize(
    "path", ["/v1/messages/..%2f..%2fetc", "/v1/transfers/%00", "/v1/dossiers/'--", "/errors/..%2fx"]
)
async def test_a_strange_address_is_not_found(street: Street, path: str) -> None:
    assert (await street.hub.get(path)).status == 404


async def test_the_same_words_in_other_bytes_under_one_key_are_a_conflict(street: Street) -> None:
    body = street.hub.received()
    raw = json.dumps(body).encode()
    first = await street.hub.post(raw, key="a")
    assert first.status == 202
    conflict = await street.hub.post(raw + b" ", key="a")
    assert (conflict.status, conflict.code) == (422, "HUB-IDM-002")
    again = await street.hub.post(raw, key='"a"')
    assert (again.status, again.body, again.headers["Idempotency-Replayed"]) == (202, first.body, "true")


async def test_two_senders_may_use_one_key(street: Street) -> None:
    one = await street.hub.post(street.hub.received(), key="a")
    other = await street.hub.post(street.hub.received(), key="a", sender="neighbour")
    assert (one.status, other.status) == (202, 202)


async def test_no_answer_quotes_the_input(street: Street) -> None:
    body = street.hub.received(
        applicant={"name": "swordfish", "swordfish-field": "swordfish"}, summary=["swordfish"]
    )
    refused = await street.hub.post(body, key="a")
    assert refused.status == 422
    told = refused.body.decode().replace("swordfish-field", "")
    assert "swordfish" not in told


def test_the_table_names_every_area_of_bad_input() -> None:
    assert {case.code[4:7] for case in BAD} == {"AUT", "CRT", "DOS", "LIM", "MAP", "SCH", "SIG"}
    assert PROCEDURE == "1.009999"
