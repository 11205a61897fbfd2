"""A province's gateway (LGSP) in front of a one-stop system, with the habits of WSO2: a token for the client's id and secret, ``lgspaccesstoken``
(base64 of JSON) with its access key, the member ``dstcode`` in a header or in the query, ``providerurl`` in the query where it is told one. What it
says no to it says as gateways do: JSON with ``fault`` for the token (401), a page for people where a right is missing (403).

Run: ``python -m connectors.simulators.gateway --port 9103 --journal var/gateway.jsonl --client hub --secret-file client --access-file access
--dstcode VN:GOV:000.00.00.H47:motcua --certificate server.pem --key server.key``
"""

from __future__ import annotations

import binascii
import secrets
import ssl
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from connectors.simulators.desk import Said, say
from connectors.simulators.onestop import OneStop
from connectors.simulators.server import options, secret_of, serve

if TYPE_CHECKING:
    from connectors.simulators.desk import Call, Desk

TOKEN, LIFE = "token", 3600
NO_KEY, NO_TOKEN = 900902, 900901
CLOSED = "<html><body><h1>403 Forbidden</h1>Hệ thống chưa được cấp quyền.</body></html>".encode()


class Doors(NamedTuple):
    """What it wants to see. ``providerurl``: empty where it asks for none."""

    client: str
    secret: str
    access: str
    dstcode: str
    providerurl: str = ""


class Gateway:
    def __init__(self, behind: Desk, doors: Doors) -> None:
        self.journal = behind.journal
        self._behind, self._doors = behind, doors
        self._tokens: set[str] = set()

    def name(self, call: Call) -> str:
        return TOKEN if _is_token(call) else self._behind.name(call)

    def answer(self, call: Call) -> Said:
        if _is_token(call):
            return self._token(call)
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self._tokens:
            code = NO_TOKEN if token else NO_KEY
            return say({"fault": {"code": code, "message": "Invalid Credentials"}}, 401)
        if not self._lets_through(call):
            return Said(body=CLOSED, status=403, media_type="text/html; charset=utf-8")
        return self._behind.answer(call)

    def refusal(self, call: Call) -> Said:
        return self._behind.refusal(call)

    def expire(self) -> None:
        self._tokens.clear()

    def secrets(self) -> tuple[str, ...]:
        return (self._doors.secret, self._doors.access, *self._tokens)

    def _token(self, call: Call) -> Said:
        doors = self._doors
        told = b64encode(f"{doors.client}:{doors.secret}".encode()).decode()
        if (
            call.headers.get("authorization") != f"Basic {told}"
            or b"grant_type=client_credentials" not in call.body
        ):
            return say({"error": "invalid_client"}, 401)
        token = secrets.token_hex(16)
        self._tokens.add(token)
        return say({"access_token": token, "token_type": "Bearer", "expires_in": LIFE})

    def _lets_through(self, call: Call) -> bool:
        doors, headers = self._doors, call.headers
        return (
            _access(headers.get("lgspaccesstoken", "")) == doors.access
            and doors.dstcode in {headers.get("dstcode"), call.parameter("dstcode")}
            and doors.providerurl in {"", call.parameter("providerurl")}
        )


def _is_token(call: Call) -> bool:
    return call.path.endswith(f"/{TOKEN}")


def _access(header: str) -> str:
    """Return ``AccessKey`` of the packed header; nothing where it is no such thing."""
    try:
        return str(msgspec.json.decode(b64decode(header), type=dict[str, str]).get("AccessKey"))
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        return ""


def main() -> None:
    parser = options("Simulated provincial gateway in front of a one-stop system")
    for name in ("client", "dstcode"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--access-file", type=Path, required=True, help="AccessKey of lgspaccesstoken")
    parser.add_argument("--providerurl", default="")
    parser.add_argument("--certificate", type=Path, help="with --key: speak TLS")
    parser.add_argument("--key", type=Path)
    told = parser.parse_args()
    access = told.access_file.read_text("utf-8").strip()
    doors = Doors(told.client, secret_of(told), access, told.dstcode, told.providerurl)
    tls = None
    if told.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(told.certificate, told.key)
    serve(told.port, told.journal, lambda journal: Gateway(OneStop(journal), doors), tls)


if __name__ == "__main__":
    main()
