"""Credentials that a department wants inside its SOAP envelope: a block of the Header, or an element of what was sealed. Pure.

What was sealed holds a placeholder that the mapping writes (a row with ``constant``), so that the WSDL's order and the seal are the
mapping's; the key stands there only while a request travels, and is cut out of what is recorded. All other bytes stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import msgspec

from connectors.contract import Reason
from connectors.credentials.sessions import NotIn
from connectors.reach import read_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connectors.credentials.settings import SoapElement, SoapHeader
    from connectors.transport import Request

HEADER, BODY = b"<soap:Header>", b"<soap:Body>"
"""As ``connectors.soap.envelope.frame`` writes them; they stand before everything that a mapping wrote."""
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

    def put(request: Request) -> Request:
        head, body, rest = request.body.partition(BODY)
        before, header, after = head.partition(HEADER)
        written = block.encode()
        if header:
            made = before + header + written + after + body + rest
        else:
            made = head + HEADER + written + b"</soap:Header>" + body + rest
        return _with(request, made, kept)

    return put


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
