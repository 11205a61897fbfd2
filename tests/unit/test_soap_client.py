"""The SOAP room against a small partner on loopback."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree
from werkzeug import Response

from connectors.contract import Deferred, Delivered, Parcel, Refused, Sealed, Unsure
from connectors.replies import Row
from connectors.soap.client import connect
from connectors.soap.envelope import NAMESPACES
from connectors.soap.settings import Settings
from connectors.transport import Http
from schemas.library import Library
from schemas.problems import Refusal
from tests.contract.room import shows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pytest_httpserver import HTTPServer
    from werkzeug import Request

    from connectors.contract import Connector, Outcome

WSDL = Path(__file__).with_name("test_soap_intake.wsdl")
NS = "urn:test:intake"
PAYLOAD = f'<t:Submit xmlns:t="{NS}"><Ten>Nguyễn Văn Mẫu</Ten></t:Submit>'.encode()
ASKING = {"operation": "Ask", "arguments": {"Khoa": "key"}, "element": "DaCo", "key": "Khoa"}
STATUS = {"code": "Ma", "message": "Loi", "delivered": ["0"]}
TAKEN = f'<SubmitResponse xmlns="{NS}"><Ma>0</Ma><BienNhan><So>BN-7</So></BienNhan></SubmitResponse>'


def envelope(body: str, version: str = "1.1") -> str:
    return f'<s:Envelope xmlns:s="{NAMESPACES[version]}"><s:Body>{body}</s:Body></s:Envelope>'


def fault(code: str, text: str = "", detail: str = "") -> str:
    return envelope(
        f"<s:Fault><faultcode>{code}</faultcode><faultstring>{text}</faultstring><detail>{detail}</detail></s:Fault>"
    )


def parcel(payload: bytes = PAYLOAD, operation: str = "Submit", **facts: str) -> Parcel:
    return Parcel(
        key="m1:land:0",
        operation=operation,
        dossier="HS-1",
        sealed=Sealed(payload=payload, media_type="text/xml", facts=facts),
    )


@pytest.fixture
def library(tmp_path: Path) -> Library:
    home = tmp_path / "wsdl" / "intake" / "1"
    home.mkdir(parents=True)
    (home / "intake.wsdl").write_bytes(WSDL.read_bytes())
    (home / "SOURCE.toml").write_text(
        'origin = "here"\nversion = "1"\ndate = 2026-01-01\n'
        f'[files]\n"intake.wsdl" = "{sha256(WSDL.read_bytes()).hexdigest()}"\n'
    )
    return Library((tmp_path,))


@pytest.fixture
async def open_partner(httpserver: HTTPServer, library: Library) -> AsyncIterator[Callable[..., Connector]]:
    opened: list[Connector] = []

    def make(rows: tuple[Row, ...] = (), **keys: Any) -> Connector:
        settings = Settings.model_validate(
            {"base_url": httpserver.url_for("/soap"), "wsdl": "intake@1", "connect_tries": 1, **keys}
        )
        http = Http(settings, clock=lambda: datetime.now(UTC))
        opened.append(
            connect(
                settings, http, shows(settings, http), rows, library=library, clock=lambda: datetime.now(UTC)
            )
        )
        return opened[-1]

    yield make
    for connector in opened:
        await connector.close()


def answers(httpserver: HTTPServer, body: str, status: int = 200, media_type: str = "text/xml") -> None:
    httpserver.expect_request("/soap").respond_with_data(body, status, content_type=media_type)


async def test_the_partner_receives_the_sealed_bytes_and_the_evidence_shows_them(
    httpserver: HTTPServer, open_partner: Callable[..., Connector]
) -> None:
    seen: list[Request] = []

    def take(request: Request) -> Response:
        seen.append(request)
        request.get_data()
        return Response(envelope(TAKEN), content_type="text/xml")

    httpserver.expect_request("/soap").respond_with_handler(take)
    outcome = await open_partner(status=STATUS, reference="BienNhan.So").deliver(parcel())
    assert isinstance(outcome, Delivered)
    assert outcome.reference == "BN-7"
    body = seen[0].get_data()
    assert body.count(PAYLOAD) == 1
    assert seen[0].headers["SOAPAction"] == '"urn:test:intake/Submit"'
    assert seen[0].content_type == "text/xml; charset=utf-8"
    assert outcome.exchanges[0].sent.endswith(body)
    assert outcome.exchanges[0].received.endswith(envelope(TAKEN).encode())


async def test_soap_1_2_speaks_its_own_media_type(
    httpserver: HTTPServer, open_partner: Callable[..., Connector]
) -> None:
    answers(httpserver, envelope(TAKEN, "1.2"), media_type="application/soap+xml")
    outcome = await open_partner(version="1.2", status=STATUS).deliver(parcel())
    assert isinstance(outcome, Delivered)
    request = httpserver.log[0][0]
    assert (
        request.headers["Content-Type"]
        == 'application/soap+xml; charset=utf-8; action="urn:test:intake/Submit"'
    )
    assert "SOAPAction" not in request.headers


async def test_addressing_carries_the_transfer_key_on_every_attempt(
    httpserver: HTTPServer, open_partner: Callable[..., Connector]
) -> None:
    answers(httpserver, envelope(TAKEN))
    partner = open_partner(addressing=True, key_header="X-Khoa")
    await partner.deliver(parcel())
    await partner.deliver(parcel())
    sent = [request.get_data() for request, _ in httpserver.log]
    assert sent[0] == sent[1]
    assert b">urn:lienthong:transfer:m1:land:0</wsa:MessageID>" in sent[0]
    assert httpserver.log[0][0].headers["X-Khoa"] == "m1:land:0"


OUTCOMES: list[tuple[str, int, type, str]] = [
    (envelope(TAKEN), 200, Delivered, ""),
    (envelope(TAKEN.replace(">0<", "> 00 <")), 200, Delivered, ""),
    (envelope(TAKEN.replace(">0<", ">9<")), 200, Unsure, "HUB-PAR-006"),
    (envelope(TAKEN), 500, Unsure, "HUB-PAR-003"),
    (envelope(TAKEN.replace("<Ma>0</Ma>", "<Ma/>")), 200, Unsure, "HUB-PAR-002"),
    (envelope(TAKEN.replace("BienNhan", "La")), 200, Unsure, "HUB-PAR-002"),
    (envelope("<Other/>"), 200, Unsure, "HUB-PAR-002"),
    (envelope(TAKEN.replace("SubmitResponse", "OtherResponse")), 200, Unsure, "HUB-PAR-002"),
    (envelope(""), 200, Unsure, "HUB-PAR-002"),
    ("", 200, Unsure, "HUB-PAR-002"),
    ("<html><body>thành công</body></html>", 200, Unsure, "HUB-PAR-002"),
    ("<html><body>502</body></html>", 502, Unsure, "HUB-PAR-003"),
    ('<!DOCTYPE a [<!ENTITY a "x">]>' + envelope(TAKEN), 200, Unsure, "HUB-PAR-002"),
    (fault("s:Client", "sai"), 500, Refused, "HUB-PAR-001"),
    (fault("s:Client.Khac"), 500, Refused, "HUB-PAR-001"),
    (fault("s:Server", "lỗi"), 500, Unsure, "HUB-PAR-003"),
    (fault("s:Server.Busy"), 500, Unsure, "HUB-PAR-003"),
    (fault("s:MustUnderstand"), 500, Refused, "HUB-PAR-006"),
    (fault("s:Client"), 401, Deferred, "HUB-PAR-005"),
    (fault("wsse:FailedAuthentication"), 500, Deferred, "HUB-PAR-005"),
    (fault("s:Server", detail="<Ma>0</Ma>"), 200, Unsure, "HUB-PAR-003"),
    (fault("s:Odd"), 500, Unsure, "HUB-PAR-006"),
    (fault("s:Odd"), 429, Deferred, "HUB-PAR-008"),
    (fault("s:Odd", detail="<Ma>0</Ma>"), 200, Unsure, "HUB-PAR-006"),
]


@pytest.mark.parametrize(("body", "status", "kind", "code"), OUTCOMES)
async def test_an_answer_means_what_the_table_says(
    httpserver: HTTPServer,
    open_partner: Callable[..., Connector],
    body: str,
    status: int,
    kind: type,
    code: str,
) -> None:
    answers(httpserver, body, status)
    outcome = await open_partner(status=STATUS, fault_code="Ma").deliver(parcel())
    assert isinstance(outcome, kind)
    if not isinstance(outcome, Delivered):
        assert outcome.reason.code == code
    assert len(httpserver.log) == 1


async def test_without_a_status_the_output_element_itself_says_that_it_was_taken(
    httpserver: HTTPServer, open_partner: Callable[..., Connector]
) -> None:
    answers(httpserver, envelope(TAKEN.replace(">0<", ">anything<")))
    assert isinstance(await open_partner().deliver(parcel()), Delivered)


async def test_a_one_way_operation_is_taken_with_an_empty_202(
    httpserver: HTTPServer, open_partner: Callable[..., Connector]
) -> None:
    answers(httpserver, "", 202)
    told = parcel(f'<Tell xmlns="{NS}"/>'.encode(), "Tell")
    assert isinstance(await open_partner().deliver(told), Delivered)
    assert isinstance(await open_partner().deliver(parcel()), Unsure)


async def test_the_partners_rows_come_first(
    httpserver: HTTPServer, open_partner: Callable[..., Connector]
) -> None:
    rows = (
        Row(fault="Client.Duplicate", outcome="delivered", reason="HUB-PAR-007"),
        Row(fault="Server.Maintenance", outcome="deferred", reason="HUB-PAR-004", counts=False),
        Row(code=("E7",), outcome="refused", reason="HUB-PAR-001"),
    )
    partner = open_partner(rows, status=STATUS, fault_code="Ma")
    answers(httpserver, fault("s:Client.Duplicate"), 500)
    assert isinstance(await partner.deliver(parcel()), Delivered)
    httpserver.clear()
    answers(httpserver, fault("s:Server.Maintenance"), 500)
    outcome = await partner.deliver(parcel())
    assert isinstance(outcome, Deferred)
    assert not outcome.counts
    httpserver.clear()
    answers(httpserver, fault("s:Server", detail="<Ma>E7</Ma>"), 500)
    assert isinstance(await partner.deliver(parcel()), Refused)


async def test_a_payload_of_another_operation_never_leaves(
    httpserver: HTTPServer, open_partner: Callable[..., Connector]
) -> None:
    partner = open_partner()
    for wrong in (
        parcel(b"<Other/>"),
        parcel(operation="nothing"),
        parcel(b"<?xml version='1.0'?>" + PAYLOAD),
    ):
        outcome = await partner.deliver(wrong)
        assert isinstance(outcome, Deferred)
        assert outcome.reason.code == "HUB-CFG-001"
    assert not httpserver.log


async def test_the_hubs_operation_may_have_another_name_in_the_wsdl(
    httpserver: HTTPServer, open_partner: Callable[..., Connector]
) -> None:
    answers(httpserver, envelope(TAKEN))
    partner = open_partner(operations={"tiepnhan": "Submit"})
    assert isinstance(await partner.deliver(parcel(operation="tiepnhan")), Delivered)


def told(value: str, key: str = "m1:land:0") -> str:
    return envelope(
        f'<AskResponse xmlns="{NS}"><Khoa>{key}</Khoa><DaCo>{value}</DaCo><So>BN-7</So></AskResponse>'
    )


@pytest.mark.parametrize(
    ("body", "status", "kind", "code"),
    [
        (told("true"), 200, Delivered, ""),
        (told("1"), 200, Delivered, ""),
        (told("false"), 200, Deferred, "HUB-PAR-010"),
        (told("maybe"), 200, Unsure, "HUB-PAR-002"),
        (told(""), 200, Unsure, "HUB-PAR-002"),
        (told("false", "m2:land:0"), 200, Unsure, "HUB-PAR-002"),
        (told("false"), 500, Unsure, "HUB-PAR-003"),
        (envelope(TAKEN), 200, Unsure, "HUB-PAR-002"),
        (fault("s:Client"), 500, Unsure, "HUB-PAR-001"),
        (fault("s:Client"), 401, Unsure, "HUB-PAR-005"),
        ("", 200, Unsure, "HUB-PAR-002"),
        ("<html/>", 200, Unsure, "HUB-PAR-002"),
    ],
)
async def test_only_a_clear_answer_about_this_key_tells(
    httpserver: HTTPServer,
    open_partner: Callable[..., Connector],
    body: str,
    status: int,
    kind: type,
    code: str,
) -> None:
    answers(httpserver, body, status)
    outcome = await open_partner(find=ASKING | {"reference": "So"}, status=STATUS).find(parcel())
    assert isinstance(outcome, kind)
    if isinstance(outcome, Delivered):
        assert outcome.reference == "BN-7"
    else:
        assert outcome.reason.code == code


async def test_the_question_is_built_by_the_wsdl_and_only_from_whole_facts(
    httpserver: HTTPServer, open_partner: Callable[..., Connector]
) -> None:
    answers(httpserver, told("true"))
    arguments = {"Khoa": "key", "HoSo.Ma": "fact:ma"}
    partner = open_partner(find=ASKING | {"arguments": arguments})
    outcome = await partner.find(parcel())
    assert isinstance(outcome, Unsure)
    assert (outcome.reason.code, len(httpserver.log)) == ("HUB-PAR-009", 0)
    assert isinstance(await partner.find(parcel(ma="A&B")), Delivered)
    body = etree.fromstring(httpserver.log[0][0].get_data())
    assert body.findtext(f".//{{{NS}}}HoSo/{{{NS}}}Ma") == "A&B"
    assert body.findtext(f".//{{{NS}}}Khoa") == "m1:land:0"


async def test_a_partner_without_a_question_cannot_be_asked(open_partner: Callable[..., Connector]) -> None:
    outcome = await open_partner().find(parcel())
    assert isinstance(outcome, Unsure)
    assert outcome.reason.code == "HUB-PAR-009"


async def test_nobody_listening_is_deferred_when_sending_and_unsure_when_asking(
    open_partner: Callable[..., Connector],
) -> None:
    partner = open_partner(base_url="http://127.0.0.1:9/soap", find=ASKING)
    assert isinstance(await partner.deliver(parcel()), Deferred)
    assert isinstance(await partner.find(parcel()), Unsure)


@pytest.mark.parametrize(
    "auth", [{"kind": "api_key"}, {"kind": "basic", "username": "hub"}], ids=["api_key", "basic"]
)
async def test_a_secret_is_sent_but_never_kept(
    httpserver: HTTPServer,
    open_partner: Callable[..., Connector],
    tmp_path: Path,
    auth: dict[str, str],
) -> None:
    (tmp_path / "key").write_text("s3cret-value&more\n")

    def echo(request: Request) -> Response:
        credentials = request.headers.get("X-Api-Key") or request.headers["Authorization"]
        return Response(f"<html>{credentials} s3cret-value&amp;more</html>", content_type="text/html")

    httpserver.expect_request("/soap").respond_with_handler(echo)
    partner = open_partner(auth=auth | {"secret_file": str(tmp_path / "key")})
    outcome: Outcome = await partner.deliver(parcel())
    request = httpserver.log[0][0]
    assert request.headers.get("X-Api-Key") == "s3cret-value&more" or request.authorization
    kept = repr(outcome).encode()
    assert b"s3cret-value" not in kept
    if request.authorization:
        assert request.headers["Authorization"].partition(" ")[2].encode() not in kept


@pytest.mark.parametrize(
    "keys",
    [
        {"status": {"code": "Khong", "delivered": ["0"]}, "operations": {"a": "Submit"}},
        {"operations": {"a": "NoSuch"}},
        {"reference": "BienNhan.Khong", "operations": {"a": "Submit"}},
        {"find": ASKING | {"element": "Khong"}},
        {"find": ASKING | {"arguments": {"Khong": "key"}}},
        {"find": ASKING | {"operation": "NoSuch"}},
        {"port": "NoSuch"},
        {"port": "Port12"},
        {"service": "NoSuch"},
        {"auth": {"kind": "api_key", "secret_file": "/nowhere/key"}},
    ],
    ids=str,
)
async def test_what_the_wsdl_does_not_know_is_refused_when_the_file_is_read(
    open_partner: Callable[..., Connector], keys: dict[str, Any]
) -> None:
    with pytest.raises(Refusal) as refusal:
        open_partner(**keys)
    assert refusal.value.code == "HUB-CFG-001"


@pytest.mark.parametrize(("path", "taken"), [("BienNhan.So", False), (None, True)])
async def test_an_answer_about_another_transfer_proves_nothing(
    httpserver: HTTPServer, open_partner: Callable[..., Connector], path: str | None, taken: bool
) -> None:
    """The element that must repeat our key holds the partner's own number here: some other transaction's answer."""
    answers(httpserver, envelope(TAKEN))
    outcome = await open_partner(status=STATUS, key=path).deliver(parcel())
    assert isinstance(outcome, Delivered if taken else Unsure)
