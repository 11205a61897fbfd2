"""The description that a service gives of itself now, fetched with all that it imports, against the one that the library holds.

Nothing is fetched from anywhere but the partner's own address, so that the partner's credentials go nowhere else, and no more than
``MOST_FILES`` files of ``MOST_BYTES`` altogether.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit, urlunsplit

from lxml import etree

from connectors.transport import Answer, Broken, Http, Request
from hub.drafting import wsdl
from hub.drafting.folder import BY_HEART, plain, referring
from hub.probing import drift
from hub.probing.checks import Check, failed, passed, untold
from schemas.problems import Refusal
from schemas.strict_xml import parse_xml

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from connectors.credentials.contract import Credentials
    from connectors.reach import Reach
    from schemas.library import Library

NAME = "wsdl"
DRIFTED = "HUB-PRB-004"
MOST_FILES = 16
MOST_BYTES = 8 * 2**20
_PORTS = {"http": 80, "https": 443}


async def compared(
    reach: Reach, library: Library, ref: str, now: Callable[[], datetime], shows: Credentials | None = None
) -> Check:
    """``ref``: the WSDL that the partner's file names. Imported documents count as the first does: what they mean is compared.

    ``shows``: who we are, where the partner shows its description to those only whom it knows.
    """
    name, _, version = ref.partition("@")
    held = wsdl.read(library.find("wsdl", name, version), name)
    with tempfile.TemporaryDirectory() as folder:
        wrong = await _Fetching(reach, Path(folder), now, shows).all()
        if wrong:
            return untold(NAME, f"?wsdl: {wrong}")
        try:
            found = wsdl.read(Path(folder) / "0.xml", name)
        except Refusal as refusal:
            return failed(NAME, DRIFTED, f"{refusal.code} {refusal.problems[0].rule}")
    changes = drift.differences(held, found)
    if changes:
        return failed(NAME, DRIFTED, drift.told(changes))
    return passed(NAME, f"{len(held.operations)}+{len(drift.new(held, found))}")


class _Fetching:
    """One description into one folder; every reference is made local."""

    def __init__(
        self, reach: Reach, folder: Path, now: Callable[[], datetime], shows: Credentials | None
    ) -> None:
        parts = urlsplit(reach.base_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._shows = shows
        self._http = Http(reach.model_copy(update={"base_url": self._origin}), clock=now)
        first = f"{self._origin}{parts.path or '/'}?wsdl"
        self._folder, self._names, self._waiting, self._bytes = folder, {first: "0.xml"}, [first], 0

    async def all(self) -> str:
        """Return why it cannot be had whole, or nothing."""
        try:
            while self._waiting:
                url = self._waiting.pop()
                answer = await self._asked(Request(path=url.removeprefix(self._origin), method="GET"))
                if not isinstance(answer, Answer):
                    return answer.code
                wrong = self._kept(answer, url)
                if wrong:
                    return wrong
        finally:
            await self._http.close()
        return ""

    async def _asked(self, bare: Request) -> Answer | Broken:
        """Show who we are in the head of the call; what is shown in envelopes cannot be shown here."""
        shown = (await self._shows.show(bare)).result if self._shows else bare
        return await self._http.send(shown if isinstance(shown, Request) and not shown.body else bare)

    def _kept(self, answer: Answer, url: str) -> str:
        self._bytes += len(answer.body)
        if answer.status != 200:  # noqa: PLR2004 - RFC 9110 section 15.3.1
            return str(answer.status)
        if self._bytes > MOST_BYTES:
            return f"> {MOST_BYTES} B"
        try:
            root = parse_xml(plain(answer.body))
        except Refusal as refusal:
            return refusal.code
        for node, key in referring(root):
            if node.get("namespace") in BY_HEART:
                continue
            target = _joined(url, str(node.get(key)))
            if origin(target) != origin(self._origin):
                return f"{key} {origin(target)[:200]}"
            local = self._origin + urlunsplit(urlsplit(target)._replace(scheme="", netloc="", fragment=""))
            if local not in self._names:
                if len(self._names) >= MOST_FILES:
                    return f"> {MOST_FILES}"
                self._names[local] = f"{len(self._names)}.xml"
                self._waiting.append(local)
            node.set(key, self._names[local])
        (self._folder / self._names[url]).write_bytes(etree.tostring(root))
        return ""


def _joined(url: str, told: str) -> str:
    """What a reference means; nothing for one that is no address."""
    try:
        return urljoin(url, told)
    except ValueError:
        return ""


def origin(url: str) -> str:
    """Scheme, host and port (RFC 6454 section 4)."""
    parts = urlsplit(url)
    try:
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        port = None
    return f"{parts.scheme}://{parts.hostname or ''}:{port}"
