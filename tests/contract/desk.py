"""How a drop-in desk enters the suite of ``test_desks.py``: one line in ``DESKS``, what its own client sends and what it understands.

Being a desk is being tested: the suite fails when ``connectors/<room>/desk.py`` exists and no such line does.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlencode

import msgspec
from lxml import etree

from connectors.simulators import publisher, reporter, vbdlis_calls
from connectors.soap_desk.names import NS, SOAP, contract
from tests.integration.intake_house import LAND, PROCEDURE, PROVINCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.integration.intake_house import House

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
MORNING = datetime(2026, 11, 20, 8, 0)  # noqa: DTZ001 - the clients' own wall time
WRONG = "a secret of somebody else, or so"
CODE = re.compile(r"HUB-[A-Z]{3}-\d{3}")
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Sent(NamedTuple):
    """One POST below the desk."""

    path: str
    body: bytes
    headers: Mapping[str, str] = JSON


class Answer(NamedTuple):
    status: int
    body: bytes


class DeskUnderTest(NamedTuple):
    """``room``: its folder; ``name``: in ``[desks]``. ``form``: what its sender's file says; ``agency``: whose the sender is.

    ``call``: says something of a dossier, known by what the sender shows. ``refusal``: holds an answer to the protocol and returns
    the code that it refuses with, nothing for success. ``told``: what an answer says that is the same whenever the same is said.
    ``login``: the call that gives something to show for a secret, and its name in the answer. ``known``: the dossier must be there.
    """

    room: str
    name: str
    form: str
    call: Callable[[House, str, str], Sent]
    refusal: Callable[[Answer], str]
    told: Callable[[Answer], object] = lambda answer: answer
    login: tuple[Callable[[str], Sent], str] | None = None
    known: bool = False
    agency: str = PROVINCE
    kinds: tuple[str, ...] = ("received", "corrected", "transferred")


def partner_file(folder: Path, desk: DeskUnderTest) -> None:
    """Write the file of the desk's one sender, known by ``secret_of``."""
    name, secret = f"client-of-{desk.name}", hashlib.sha256(secret_of(desk).encode()).hexdigest()
    client = f'[[access.clients]]\nid = "{name}"\nsecrets = ["sha256:{secret}"]\n' if desk.login else ""
    key = "" if desk.login else f'api_keys = ["sha256:{secret}"]\n'
    (folder / f"{name}.toml").write_text(
        f'id = "{name}"\nagency = "{desk.agency}"\nroom = "rest"\nname = {{ vi = "{name}", en = "{name}" }}\n'
        f'{client}[sends]\nformat = "{desk.form}"\nkinds = {json.dumps(desk.kinds)}\ncodes = ["{PROVINCE}"]\n'
        f'authority = "{PROVINCE}"\n{key}'
    )


def secret_of(desk: DeskUnderTest) -> str:
    """No two senders are known by one."""
    return f"a secret/of 32 bytes or more: {desk.name}"


def _found(text: str) -> str:
    code = CODE.search(text)
    assert code, f"no code that can be looked up: {text}"
    return code[0]


# --- the province's gateway


def _lgsp_login(secret: str) -> Sent:
    form = {"grant_type": "client_credentials", "client_id": "client-of-lgsp", "client_secret": secret}
    return Sent("/token", urlencode(form).encode(), FORM)


def _lgsp(_hub: House, code: str, shown: str) -> Sent:
    said = publisher.record(code, "QNA-DD-0123", received=MORNING)
    bearer = {"Authorization": f"Bearer {shown}"}
    return Sent("/Document/SyncDocument", msgspec.json.encode(said), {**JSON, **bearer})


def _mresult(answer: Answer) -> str:
    said = json.loads(answer.body)
    assert said.keys() == {"Status", "Message"}
    assert said["Status"] == answer.status
    return "" if answer.status == 200 else _found(said["Message"])


# --- the national portal, and who reports to it


def _mapi_login(secret: str) -> Sent:
    return Sent("/mapi/login", msgspec.json.encode({"username": "client-of-mapi", "password": secret}))


def _mapi(_hub: House, code: str, shown: str) -> Sent:
    said = reporter.record(code, PROCEDURE, 2, received=MORNING)
    call = {"session": shown, "madonvi": PROVINCE, "service": "DongBoHoSoMC", "isUpdating": "False"}
    return Sent("/mapi/g", msgspec.json.encode({**call, "data": [said]}))


def _portal(_hub: House, code: str, shown: str) -> Sent:
    said = {
        "MaHoSo": code,
        "MaTTHC": PROCEDURE,
        "KenhThucHien": "2",
        "ChuHoSo": "Nguyễn Văn Mẫu",
        "LoaiDoiTuong": "1",
        "MaDoiTuong": "tech-1",
        "NgayNopHoSo": "20261120075500",
    }
    call = {"SecurityKey": shown, "Service": "nhanhsdvcqg", "IsUpdating": "False", "Data": said}
    return Sent("/XrdAdapter/RestService/forward/nhanhsdvcqg", msgspec.json.encode(call))


def _error_code(answer: Answer) -> str:
    """A status other than 200 would keep the client from reading why."""
    said = json.loads(answer.body)
    assert said.keys() >= {"error_code", "message"}
    assert answer.status == 200
    return "" if said["error_code"] == 0 else _found(said["message"])


# --- the land administration system


def _vbdlis(_hub: House, code: str, shown: str) -> Sent:
    said = vbdlis_calls.moved(code, NOW)
    return Sent(f"/ChuyenHoSo/{quote(shown, safe='')}", msgspec.json.encode(said))


def _result(answer: Answer) -> str:
    said = json.loads(answer.body)
    assert said.keys() == {"Result", "Message"}
    assert (said["Result"] == 1) == (answer.status == 200)
    return "" if answer.status == 200 else _found(said["Message"])


# --- the hub's own SOAP service


def _soap(hub: House, code: str, shown: str) -> Sent:
    payload = base64.b64encode(json.dumps(hub.received(code)).encode()).decode()
    said = f"<Key>{code}</Key><ContentType>application/json</ContentType><Payload>{payload}</Payload>"
    body = f'<e:Envelope xmlns:e="{SOAP}"><e:Body><SubmitMessage xmlns="{NS}">{said}</SubmitMessage></e:Body></e:Envelope>'
    action = {"SOAPAction": f'"{NS}/SubmitMessage"', "Authorization": f"Bearer {shown}"}
    return Sent("/v1", body.encode(), {"Content-Type": "text/xml; charset=utf-8", **action})


def _fault(answer: Answer) -> str:
    inside = etree.fromstring(answer.body)[0][0]
    if answer.status == 200:
        assert contract().problems(inside) == ()
        return ""
    detail = inside.find("detail")
    assert (answer.status, inside.tag) == (500, f"{{{SOAP}}}Fault")
    assert detail is not None
    return detail[0].findtext(f"{{{NS}}}Code") or ""


def _receipt(answer: Answer) -> object:
    """Everything but ``Replayed``, which is there to differ."""
    inside = etree.fromstring(answer.body)[0][0]
    return [(each.tag, each.text) for each in inside.iter() if each.tag != f"{{{NS}}}Replayed"]


DESKS = (
    DeskUnderTest("lgsp", "lgsp", "opencps.lgsp@1", _lgsp, _mresult, login=(_lgsp_login, "access_token")),
    DeskUnderTest("mapi", "mapi", "dvcqg.mapi@1", _mapi, _error_code, login=(_mapi_login, "session")),
    DeskUnderTest("dvcqg", "portal", "dvcqg.calls@1", _portal, _error_code),
    DeskUnderTest("vbdlis", "vbdlis", "vbdlis.desk@1", _vbdlis, _result, known=True, agency=LAND),
    DeskUnderTest("soap_desk", "soap", "lienthong.message@1", _soap, _fault, _receipt),
)
