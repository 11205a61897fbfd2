"""How a caller of the document axis (VXP) proves itself: headers that begin with ``XroadVnpt-``, signed with the system's secret.

``systemid`` (or ``system-id``: nobody says), ``timestamp`` (``ddMMyyyy'T'HHmmss+SSSS``, the wall time of Vietnam; the four digits are no zone), ``version``, ``sign-header`` (JSON of the
signed headers), ``sign-header-key`` (their names, ``;`` between them) and ``hash-header`` = hex(HMAC-SHA256(secret, that JSON as it stands)). What is
sent as a file has its SHA-256 among the signed headers; the Java client of the field writes each byte without its leading zero, and that is taken too.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.simulators.desk import Call

PREFIX = "xroadvnpt-"
VERSION = "3.0.201608"
SYSTEM, TIMESTAMP = "systemid", "timestamp"
OWN = frozenset({"sign-header", "sign-header-key", "hash-header", "version"})
VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
_STAMP = re.compile(r"(\d{8}T\d{6})\+\d{4}")


class Unproved(Exception):  # noqa: N818 - becomes an answer
    """The caller is not who it says; the text says what is missing."""


def named(call: Call) -> dict[str, str]:
    """Return the headers of this family, without their prefix."""
    return {_bare(name): value for name, value in call.headers.items() if name.startswith(PREFIX)}


def prove(call: Call, secret: str, now: datetime, patience: timedelta) -> dict[str, str]:
    """Return what was signed, by its names in small letters without the prefix. Raises ``Unproved``."""
    given = named(call)
    if missing := sorted((OWN | {SYSTEM, TIMESTAMP}) - given.keys()):
        raise Unproved(f"thiếu XroadVnpt-{missing[0]}")
    if given["version"] != VERSION:
        raise Unproved("sai XroadVnpt-version")
    made = hmac.new(secret.encode(), _raw(given["sign-header"]), hashlib.sha256).hexdigest()
    if secret and not hmac.compare_digest(made.encode(), _raw(given["hash-header"])):
        raise Unproved("XroadVnpt-hash-header không đúng")
    signed = _signed(given)
    _fresh(signed[TIMESTAMP], now, patience)
    return signed


def _raw(header: str) -> bytes:
    """A header's bytes as they came: heads are read byte by byte."""
    return header.encode("latin-1")


def _signed(given: Mapping[str, str]) -> dict[str, str]:
    """Hold the JSON of what was signed against the list of names and against what the headers really say."""
    try:
        document = msgspec.json.decode(_raw(given["sign-header"]), type=dict[str, str])
    except msgspec.MsgspecError as error:
        raise Unproved("XroadVnpt-sign-header không phải JSON") from error
    signed = {_bare(name): value for name, value in document.items()}
    if [_bare(name) for name in given["sign-header-key"].split(";")] != list(signed):
        raise Unproved("XroadVnpt-sign-header-key không khớp XroadVnpt-sign-header")
    for name, value in signed.items():
        if name not in given or _raw(given[name]) != value.encode():
            raise Unproved(f"XroadVnpt-{name} khác với điều đã ký")
    if missing := sorted({SYSTEM, TIMESTAMP} - {name for name, value in signed.items() if value}):
        raise Unproved(f"XroadVnpt-{missing[0]} chưa được ký")
    return signed


def _fresh(stamp: str, now: datetime, patience: timedelta) -> None:
    shown = _STAMP.fullmatch(stamp)
    try:
        at = datetime.strptime(shown[1] if shown else "", "%d%m%YT%H%M%S").replace(tzinfo=VIETNAM)
    except ValueError as error:
        raise Unproved("XroadVnpt-timestamp sai dạng") from error
    if abs(now - at) > patience:
        raise Unproved("XroadVnpt-timestamp lệch giờ")


def hashed(signed: Mapping[str, str], body: bytes) -> bool:
    """Say whether the content's SHA-256 was signed. The Java client puts a line end behind the file that it hashed."""
    sums = {hashlib.sha256(body).digest(), hashlib.sha256(body.removesuffix(b"\r\n")).digest()}
    forms = {form for one in sums for form in (one.hex(), "".join(f"{byte:x}" for byte in one))}
    return not forms.isdisjoint(value.lower() for value in signed.values())


def _bare(name: str) -> str:
    bare = name.lower().removeprefix(PREFIX)
    return SYSTEM if bare == "system-id" else bare
