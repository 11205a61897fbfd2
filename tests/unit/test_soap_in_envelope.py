"""Files and keys inside a SOAP envelope: where the partner's file says, once, and no other byte is touched."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree

from connectors.catalogue import ROOMS
from connectors.contract import Deferred, Delivered, Draft, Encloses, Unsure
from connectors.credentials.in_envelope import NO_PLACE, as_user, in_element, in_header
from connectors.credentials.settings import SoapElement, SoapHeader, SoapUser
from connectors.simulators.gip_token import proved
from connectors.soap import codec
from connectors.soap.envelope import NAMESPACES, addressing, frame, wrap
from connectors.soap.settings import Settings
from connectors.transport import Request
from schemas.dossier import Document, Dossier, Event, Kind, Message
from schemas.problems import Refusal
from tests.unit.test_soap_client import answers, envelope, library, open_partner, parcel  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_httpserver import HTTPServer

    from connectors.contract import Connector

NS = "urn:test:files"
ONE, TWO = b"%PDF-1.7 one", bytes(range(256))
CONTENTS = {sha256(content).hexdigest(): content for content in (ONE, TWO)}
MARKS = list(CONTENTS)
SECRET = "kh<óa & 12345"


def payload(*digests: str) -> bytes:
    files = "".join(f"<TaiLieu><Ten>a</Ten><NoiDung>{digest}</NoiDung></TaiLieu>" for digest in digests)
    return f'<Gui xmlns="{NS}"><Khoa>-</Khoa><DanhSach>{files}</DanhSach><Ghi>x &gt; y</Ghi></Gui>'.encode()


class Mapping:
    """Writes what it is given; ``told``: the documents of the last message."""

    id = "any"
    told: tuple[Document, ...] = ()

    def operations(self, message: Message) -> tuple[str, ...]:
        return (str(message.kind),)

    def write(self, operation: str, message: Message, key: str) -> bytes:
        del operation, key
        assert message.dossier
        self.told = message.dossier.documents
        return payload(*(each.sha256 or "" for each in self.told))


def settings(**more: Any) -> Settings:
    return Settings.model_validate({"base_url": "http://127.0.0.1:9", "wsdl": "land@1", **more})


def built(mapping: Mapping) -> Any:
    return codec.build(settings(files_at=["DanhSach.TaiLieu.NoiDung"]), mapping)


def test_each_file_stands_where_its_digest_stood_and_the_rest_is_as_it_was() -> None:
    mapping = Mapping()
    made = built(mapping)
    assert issubclass(type(made), Encloses)
    documents = (
        Document(id="1", sha256=MARKS[0]),
        Document(id="2", sha256=MARKS[1]),
        Document(id="3", sha256="f" * 64, deleted=True),
    )
    message = Message(
        event=Event(kind=Kind.RECEIVED, at=datetime(2026, 11, 20, tzinfo=UTC)),
        key="k",
        sender="s",
        agency="a",
        dossier=Dossier(code="c", documents=documents),
    )
    draft = made.encode("received", message, "k")
    assert [each.id for each in mapping.told] == ["1", "2"]  # one that was taken back is not told
    sealed = made.enclose(draft, CONTENTS)
    assert isinstance(sealed, Draft)
    found = etree.fromstring(sealed.payload).findall(f".//{{{NS}}}NoiDung")
    assert [b64decode(each.text or "") for each in found] == [ONE, TWO]
    again = sealed.payload
    for each in found:
        digest = sha256(b64decode(each.text or "")).hexdigest()
        again = again.replace((each.text or "").encode(), digest.encode())
    assert again == draft.payload
    assert etree.tostring(etree.fromstring(sealed.payload), method="c14n", exclusive=True) == sealed.payload


def test_a_file_that_is_not_at_hand_parks_the_transfer_and_no_file_is_none() -> None:
    made = built(Mapping())
    with pytest.raises(Refusal, match="HUB-MAP-004"):
        made.enclose(Draft(payload=payload("0" * 64), media_type="text/xml"), CONTENTS)
    elsewhere = payload().replace(
        b"</DanhSach>", b"<TaiLieu><Chi><NoiDung>x</NoiDung></Chi></TaiLieu></DanhSach>"
    )
    for nothing in (payload(), payload(""), elsewhere):
        assert made.enclose(Draft(payload=nothing, media_type="text/xml"), {}).payload == nothing


def test_files_travel_inside_only_where_the_file_says_so() -> None:
    assert ROOMS["soap"].encloses(settings()) == 0
    assert ROOMS["soap"].encloses(settings(files_at=["a.b"])) == 16 << 20
    assert not isinstance(codec.build(settings(), Mapping()), Encloses)


@pytest.fixture
def key(tmp_path: Path) -> str:
    (tmp_path / "key").write_text(f"{SECRET}\n", "utf-8")
    return str(tmp_path / "key")


def request(header: str = "", body: bytes = payload()) -> Request:
    return Request(path="", body=wrap(frame("1.1", "urn:a", header=header), body))


def element(key: str, path: str) -> SoapElement:
    return SoapElement.model_validate({"kind": "soap_element", "element": path, "secret_file": key})


def test_a_key_stands_in_its_element_while_the_request_travels(key: str) -> None:
    for placeholder in ("-", "", "a&amp;b"):
        plain = request(body=payload().replace(b">-<", f">{placeholder}<".encode()))
        shown = in_element(element(key, "Khoa"))(plain)
        assert isinstance(shown, Request)
        written = "<Khoa>kh&lt;óa &amp; 12345</Khoa>".encode()
        assert shown.body == plain.body.replace(f"<Khoa>{placeholder}</Khoa>".encode(), written)
        assert set(shown.secrets) == {SECRET, "kh&lt;óa &amp; 12345"}


@pytest.mark.parametrize("path", ["Khong", "DanhSach.Khoa", "Khoa.Khoa", "NoiDung", "DanhSach.TaiLieu"])
def test_a_key_without_its_place_sends_nothing(key: str, path: str) -> None:
    assert in_element(element(key, path))(request(body=payload("", ""))) is NO_PLACE


def test_only_the_path_itself_is_the_place(key: str) -> None:
    twice = payload().replace(b"<DanhSach>", b"<DanhSach><Khoa>khac</Khoa>")
    shown = in_element(element(key, "DanhSach.Khoa"))(request(body=twice))
    assert isinstance(shown, Request)
    assert b"<Khoa>-</Khoa>" in shown.body
    assert b"khac" not in shown.body


def test_a_block_of_the_header_stands_beside_others(key: str) -> None:
    auth = SoapHeader.model_validate(
        {
            "kind": "soap_header",
            "namespace": "http://tempuri.org/",
            "element": "AuthHeader",
            "fields": {"Username": "hub & co"},
            "secret_files": {"Password": key},
        }
    )
    for header in ("", addressing("urn:a", "http://x/", "urn:m")):
        plain = request(header)
        shown = in_header(auth)(plain)
        root = etree.fromstring(shown.body)
        (block,) = root.iterfind(f"{{{NAMESPACES['1.1']}}}Header/{{http://tempuri.org/}}AuthHeader")
        assert [(etree.QName(each).localname, each.text) for each in block] == [
            ("Username", "hub & co"),
            ("Password", SECRET),
        ]
        assert len(root[0]) == (4 if header else 1)
        assert payload() in shown.body
    alone = {"kind": "soap_header", "namespace": "urn:k", "element": "SecurityKey", "secret_file": key}
    body = in_header(SoapHeader.model_validate(alone))(request()).body
    assert etree.fromstring(body)[0][0].text == SECRET


@pytest.mark.parametrize("form", ["digest", "text"])
def test_a_user_shows_its_password_once_with_the_time_and_a_nonce(key: str, form: str) -> None:
    told = {"kind": "soap_user", "username": "hub & co", "secret_file": key, "shown": form}
    at, nonces = datetime(2026, 11, 20, 5, 0, 0, 123456, tzinfo=UTC), iter((b"1" * 16, b"2" * 16))
    put = as_user(SoapUser.model_validate(told), lambda: at, lambda: next(nonces))
    for header, nonce in (("", b"1" * 16), (addressing("urn:a", "http://x/", "urn:m"), b"2" * 16)):
        shown = put(request(header))
        root = etree.fromstring(shown.body)
        (token,) = root.iterfind(f"{{{NAMESPACES['1.1']}}}Header/{{*}}Security/{{*}}UsernameToken")
        assert token.findtext("{*}Username") == "hub & co"
        assert token.findtext("{*}Created") == "2026-11-20T05:00:00.123Z"
        assert proved(shown.body, SECRET) == nonce
        assert proved(shown.body, "another") is None
        written = token.findtext("{*}Password") or ""
        assert written in shown.secrets, "what could be guessed from is cut out of what is kept"
        assert (written == SECRET) == (form == "text")
        assert payload() in shown.body
        assert len(root[0]) == (4 if header else 1)


@pytest.mark.parametrize(
    "auth",
    [
        {"kind": "soap_user", "username": "a:b", "secret_file": "/k"},
        {"kind": "soap_header", "namespace": "u", "element": "K"},
        {"kind": "soap_header", "namespace": "u", "element": "K", "secret_file": "/k", "fields": {"a": "b"}},
        {
            "kind": "soap_header",
            "namespace": "u",
            "element": "K",
            "secret_file": "/k",
            "secret_files": {"a": "/k"},
        },
        {
            "kind": "soap_header",
            "namespace": "u",
            "element": "K",
            "fields": {"a": "b"},
            "secret_files": {"a": "/k"},
        },
        {"kind": "soap_header", "namespace": "u", "element": "K:x", "secret_file": "/k"},
        {"kind": "soap_element", "element": "a..b", "secret_file": "/k"},
    ],
)
def test_what_is_no_place_for_a_key_is_refused(auth: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="auth"):
        settings(auth=auth)


async def test_a_key_in_the_question_goes_and_is_never_kept(
    httpserver: HTTPServer,
    open_partner: Callable[..., Connector],  # noqa: F811 - the fixture
    key: str,
) -> None:
    told = '<AskResponse xmlns="urn:test:intake"><Khoa>m1:land:0</Khoa><DaCo>true</DaCo></AskResponse>'
    answers(httpserver, envelope(told))
    asking = {"operation": "Ask", "arguments": {"Khoa": "key"}, "element": "DaCo", "key": "Khoa"}
    auth = {"kind": "soap_element", "element": "HoSo.Ma", "secret_file": key}
    found = await open_partner(auth=auth, find=asking).find(parcel())
    assert isinstance(found, Delivered)
    sent = etree.fromstring(httpserver.log[0][0].data)
    assert sent.findtext(".//{*}HoSo/{*}Ma") == SECRET
    assert SECRET not in repr(found)
    assert "óa" not in repr(found)


async def test_what_has_no_place_for_the_key_never_leaves(
    httpserver: HTTPServer,
    open_partner: Callable[..., Connector],  # noqa: F811 - the fixture
    key: str,
) -> None:
    auth = {"kind": "soap_element", "element": "HoSo.Ma", "secret_file": key}
    outcome = await open_partner(auth=auth).deliver(parcel())
    assert isinstance(outcome, Deferred)
    assert (outcome.reason.code, outcome.counts) == ("HUB-CFG-001", False)
    assert httpserver.log == []
    assert isinstance(await open_partner(auth=auth).find(parcel()), Unsure)


@pytest.mark.parametrize(
    "keys",
    [
        {"files_at": ["Khong"]},
        {"auth": {"kind": "soap_element", "element": "Khong"}},
        {
            "auth": {"kind": "soap_element", "element": "Ten"},
            "find": {"operation": "Ask", "arguments": {"Khoa": "key"}, "element": "DaCo"},
        },
    ],
    ids=str,
)
async def test_a_place_that_the_wsdl_does_not_know_is_refused_when_the_file_is_read(
    open_partner: Callable[..., Connector],  # noqa: F811 - the fixture
    key: str,
    keys: dict[str, Any],
) -> None:
    if "auth" in keys:
        keys["auth"]["secret_file"] = key
    with pytest.raises(Refusal, match="HUB-CFG-001"):
        open_partner(**keys)
