"""The portal's JSON envelope: sealed bytes go in untouched. Pure. Source: docs/explanation/national-portal.md §2 to §4."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.national_portal.settings import Front, Settings

LOOKUP = "TraCuuHoSo"
DOSSIER = "DongBoHoSoMC"
PROGRESS = "CapNhatTienDoHoSoMC"
HANDED_ON = frozenset({"DongBoHoiDap", "DongBoKetQuaHoiDapGuiTuDVCQG"})
"""Services whose records others bring to the hub as they write them for the portal (docs/explanation/national-portal.md §15)."""


def call(
    session: str, agency: str, service: str, extra: Mapping[str, str], data: bytes | None = None
) -> bytes:
    """Build a call's body. ``data`` is spliced in last, byte for byte as it was sealed."""
    words = {"session": session, "madonvi": agency, "service": service, **extra}
    text = _json(words)
    return text if data is None else text[:-1] + b',"data":' + data + b"}"


def login(username: str, password: str) -> bytes:
    return _json({"username": username, "password": password})


def lookup(dossier: str) -> dict[str, str]:
    """The parameter is lower case, unlike the record's ``MaHoSo``."""
    return {"mahoso": dossier}


def updating(*, yes: bool) -> dict[str, str]:
    """A text, not a boolean; it stands beside ``data``, so the sealed bytes are the same for create and update."""
    return {"isUpdating": "True" if yes else "False"}


def method(
    front: Front, agency: str, service: str, extra: Mapping[str, str]
) -> tuple[str, dict[str, str | None]]:
    """Path and query of a service at a province's connector, where the body is the bare array."""
    query: dict[str, str | None] = {front.agency_in: agency} if front.agency_in else {}
    match service, extra:
        case "DongBoHoSoMC", {"isUpdating": updating}:
            path = front.update or front.create if updating == "True" else front.create
            return path, query | ({front.updating_in: updating} if front.updating_in else {})
        case "CapNhatTienDoHoSoMC", _:
            return front.progress, query
        case "TraCuuHoSo", {"mahoso": dossier} if front.lookup:
            return front.lookup, query | {front.dossier_in: dossier}
        case _:
            return f"{front.share}/{service}", {**query, **extra}


def target(settings: Settings, path: str, more: Mapping[str, str | None] | None = None) -> str:
    """Path and query. Some adapters take ``dstcode`` as a query parameter; ``providerurl`` always is one."""
    query = {
        **(more or {}),
        "dstcode": settings.dstcode if settings.dstcode_in == "query" else None,
        "providerurl": settings.providerurl,
    }
    known = {name: value for name, value in query.items() if value}
    return path + ("?" + urlencode(known) if known else "")


def headers(settings: Settings) -> dict[str, str]:
    found = {"Content-Type": "application/json", "Accept": "application/json", "Charset": "utf-8"}
    if settings.dstcode and settings.dstcode_in == "header":
        found["dstcode"] = settings.dstcode
    return found


def _json(words: Mapping[str, str]) -> bytes:
    return json.dumps(words, ensure_ascii=False, separators=(",", ":")).encode()
