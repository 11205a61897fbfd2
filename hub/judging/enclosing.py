"""Which documents a message brings: by their digest, or by an address that the hub fetches them from."""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hub.documents.contract import New
from hub.settings.values import is_loopback
from schemas.problems import Problem, Refusal

if TYPE_CHECKING:
    from schemas.dossier import Document, Message, Result


def enclosures(message: Message, hosts: frozenset[str] | None = None, base: str = "") -> tuple[New, ...]:
    """Return the documents that the hub must have: meant by their digest, or by an address that it fetches from.

    ``base``: what an address that names no server stands behind. Those that are taken back (``deleted``) are nobody's. Raises ``Refusal`` HUB-DOC-015 for an address elsewhere.
    """
    if message.dossier is None:
        return ()
    told = message.dossier
    listed: tuple[tuple[str, Sequence[Document | Result]], ...] = (
        ("documents", told.documents),
        ("results", told.results),
    )
    found: list[New] = []
    problems: list[Problem] = []
    for where, documents in listed:
        for number, each in enumerate(documents):
            fetched = bool(each.reference) and hosts is not None
            if getattr(each, "deleted", False) or not (fetched or (each.sha256 and not each.reference)):
                continue
            at = f"/dossier/{where}/{number}"
            address = _whole(each.reference or "", base)
            if fetched and not _may_be_fetched(address, hosts or frozenset()):
                problems.append(
                    Problem(code="HUB-DOC-015", place=f"{at}/reference", rule="sends.sources.hosts")
                )
            found.append(
                New(
                    place=f"{where}/{number}",
                    pointer=f"{at}/reference" if fetched else f"{at}/sha256",
                    sha256=each.sha256 or "",
                    size=each.size,
                    media_type=each.media_type or "",
                    url=address if fetched else "",
                )
            )
    if problems:
        raise Refusal(*problems)
    return tuple(found)


def _whole(address: str, base: str) -> str:
    """Some systems tell the path alone; their file says of which server."""
    alone = bool(address) and bool(base) and "://" not in address
    return f"{base}/{address.lstrip('/')}" if alone else address


def _may_be_fetched(address: str, hosts: frozenset[str]) -> bool:
    """Only listed hosts; unencrypted from this machine only; no credentials, and nothing that a request line cannot carry."""
    try:
        parts = urlsplit(address)
        local = parts.scheme == "http" and is_loopback(parts.hostname or "")
    except ValueError:
        return False
    plain = address.isascii() and address.isprintable() and " " not in address
    return plain and (parts.scheme == "https" or local) and parts.netloc in hosts and not parts.fragment
