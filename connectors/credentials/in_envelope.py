"""Credentials that a department wants inside its SOAP envelope: a block of the Header, or an element of what was sealed. Pure.

What was sealed holds a placeholder that the mapping writes (a row with ``constant``), so that the WSDL's order and the seal are the
mapping's; the key stands there only while a request travels, and is cut out of what is recorded. All other bytes stay as they are.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import UTC
from secrets import token_bytes
from typing import TYPE_CHECKING, Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import msgspec

from connectors.contract import Reason
from connectors.credentials.sessions import NotIn
from connectors.reach import read_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from connectors.credentials.settings import SoapElement, SoapHeader, SoapUser
    from connectors.transport import Request

HEADER, BODY = b"<soap:Header>", b"<soap:Body>"
"""As ``connectors.soap.envelope.frame`` and ``connectors.gip.data.wrapped`` write them; they stand before everything that a mapping wrote."""
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
TOKEN = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"  # noqa: S105 - a namespace
BASE64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
NO_PLACE = NotIn(
    reason=Reason(code="HUB-CFG-001", detail="auth.element: the payload has no such element"), counts=False
)


def in_header(auth: SoapHeader) -> Callable[[Request], Request]:
    """Raises ``Refusal`` HUB-CFG-001 for a secret that cannot be read."""
    secrets = {name: read_secret(file) for name, file in auth.secret_files.items()}
    whole = read_secret(auth.secret_file) if auth.secret_file else ""
    children = "".join(
        f"<{name}>{escape(value)}</{name}>" for name, value in {**auth.fields, **secrets}.items()
    )
    block = f"<{auth.element} xmlns={quoteattr(auth.namespace)}>{escape(whole)}{children}</{auth.element}>"
    kept = _spellings(*secrets.values(), whole)

    return lambda request: _with(request, _headed(request.body, block.encode()), kept)


def as_user(
    auth: SoapUser, now: Callable[[], datetime], nonce: Callable[[], bytes] = token_bytes
) -> Callable[[Request], Request]:
    """WS-Security UsernameToken profile 1.1 §3.1. Raises ``Refusal`` HUB-CFG-001 for a secret that cannot be read."""
    secret = read_secret(auth.secret_file)
    kept = _spellings(secret)

    def put(request: Request) -> Request:
        at, once = now().astimezone(UTC), nonce()
        created = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
        shown = _digested(secret, once, created) if auth.shown == "digest" else secret
        block = _token(auth, shown, b64encode(once).decode(), created)
        return _with(request, _headed(request.body, block.encode()), (*kept, shown))

    return put


def _digested(secret: str, nonce: bytes, created: str) -> str:
    made = hashlib.sha1(nonce + created.encode() + secret.encode())  # noqa: S324 - the profile's own digest; TLS protects it
    return b64encode(made.digest()).decode()


def _token(auth: SoapUser, shown: str, nonce: str, created: str) -> str:
    form = f"{TOKEN}#Password{auth.shown.title()}"
    return (
        f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}" soap:mustUnderstand="1"><wsse:UsernameToken>'
        f'<wsse:Username>{escape(auth.username)}</wsse:Username><wsse:Password Type="{form}">{escape(shown)}</wsse:Password>'
        f'<wsse:Nonce EncodingType="{BASE64}">{nonce}</wsse:Nonce><wsu:Created>{created}</wsu:Created>'
        "</wsse:UsernameToken></wsse:Security>"
    )


def _headed(envelope: bytes, block: bytes) -> bytes:
    """Write a block before all others of the Header."""
    head, body, rest = envelope.partition(BODY)
    before, header, after = head.partition(HEADER)
    if header:
        return before + header + block + after + body + rest
    return head + HEADER + block + b"</soap:Header>" + body + rest


def in_element(auth: SoapElement) -> Callable[[Request], Request | NotIn]:
    """Raises ``Refusal`` HUB-CFG-001 for a secret that cannot be read."""
    secret = read_secret(auth.secret_file)
    written, kept = escape(secret).encode(), _spellings(secret)
    path = ("Envelope", "Body", "*", *auth.element.split("."))

    def put(request: Request) -> Request | NotIn:
        found = _place(request.body, path)
        if found is None:
            return NO_PLACE
        return _with(request, request.body[: found[0]] + written + request.body[found[1] :], kept)

    return put


def _spellings(*secrets: str) -> tuple[str, ...]:
    """Return each secret as it is and as XML writes it."""
    return tuple(dict.fromkeys(each for secret in secrets if secret for each in (secret, escape(secret))))


def _with(request: Request, body: bytes, secrets: tuple[str, ...]) -> Request:
    return msgspec.structs.replace(request, body=body, secrets=(*request.secrets, *secrets))


class _Found(Exception):  # noqa: N818 - ends a scan that has seen enough
    def __init__(self, start: int, end: int) -> None:
        super().__init__()
        self.span = start, end


def _place(body: bytes, path: tuple[str, ...]) -> tuple[int, int] | None:
    """Return between which bytes the text of the first element at a path stands; ``None`` where there is none, or elements in it."""
    scan = _Scan(path)
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = False
    scan.watch(parser)
    try:
        parser.Parse(body, True)
    except _Found as found:
        return found.span
    except expat.ExpatError:
        return None
    return None


class _Scan:
    """Follows a path of local names from the root; ``*`` is any."""

    def __init__(self, path: tuple[str, ...]) -> None:
        self._path = path
        self._right: list[bool] = []
        self._text: int | None = None
        self._mixed = False
        self._at: Callable[[], int] = lambda: -1

    def watch(self, parser: Any) -> None:  # noqa: ANN401 - expat's parsers have no public type
        self._at = lambda: int(parser.CurrentByteIndex)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._said

    @property
    def _here(self) -> bool:
        return len(self._right) == len(self._path) and all(self._right)

    def _start(self, name: str, _attributes: Mapping[str, str]) -> None:
        self._mixed = self._mixed or self._here
        depth = len(self._right)
        wanted = self._path[depth] if depth < len(self._path) else ""
        self._right.append(wanted in {"*", name.rpartition("}")[2]})
        self._text = None

    def _said(self, _text: str) -> None:
        if self._text is None:
            self._text = self._at()

    def _end(self, _name: str) -> None:
        if self._here and not self._mixed:
            end = self._at()
            raise _Found(end if self._text is None else self._text, end)
        self._mixed = self._mixed and not self._here
        self._right.pop()
