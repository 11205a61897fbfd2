"""The checks, one by one. Each says *passed*, *failed* or *cannot be told*, with a code of the catalogue and where it was seen."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from cryptography import x509

from connectors.contract import Deferred, Delivered, Missed, Refused, Unsure
from connectors.credentials.settings import ApiKey, NoAuth, OAuth
from connectors.reach import tls
from connectors.transport import Answer, Http, Request
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.contract import Collector, Connector, Outcome, Parcel
    from connectors.credentials.contract import Credentials
    from connectors.reach import Reach

SKEW = timedelta(seconds=60)
"""Signatures and tokens of the strictest partners bear a minute."""
ENDS_SOON = timedelta(days=14)
UNTOLD, UNCOUNTED = "HUB-PRB-007", "HUB-PRB-010"
LARGEST = 16 * 2**20
"""Bytes that something to be picked up may have, to be looked at."""


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    UNTOLD = "untold"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """``name``: what was looked at. ``detail``: codes, figures and places; nothing that a partner wrote in prose."""

    name: str
    verdict: Verdict
    code: str = ""
    detail: str = ""


def passed(name: str, detail: str = "") -> Check:
    return Check(name=name, verdict=Verdict.PASSED, detail=detail)


def failed(name: str, code: str, detail: str = "") -> Check:
    return Check(name=name, verdict=Verdict.FAILED, code=code, detail=detail)


def untold(name: str, detail: str, code: str = UNTOLD) -> Check:
    return Check(name=name, verdict=Verdict.UNTOLD, code=code, detail=detail)


# --- reach, TLS, clock ----------------------------------------------------------------------------------------------


async def reach(told: Reach) -> Check:
    """DNS and TCP."""
    host, port, _ = _place(told)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(told.connect_timeout):
            found = await loop.getaddrinfo(host, port, type=1)
    except (OSError, TimeoutError) as error:
        return failed("reach", "HUB-NET-001", f"DNS {type(error).__name__}")
    try:
        async with asyncio.timeout(told.connect_timeout):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        return failed("reach", "HUB-NET-001", f"TCP {port} {type(error).__name__}")
    writer.close()
    return passed("reach", f"{len({each[4][0] for each in found})} IP, TCP {port}")


async def chain(told: Reach, now: datetime) -> Check:
    """TLS by the partner's pinned bundle, or this machine's: chain, host name, end of the certificate."""
    host, port, secure = _place(told)
    if not secure:
        return untold("tls", "http")
    try:
        context = tls(told)
        async with asyncio.timeout(told.connect_timeout):
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    except Refusal as refusal:
        return failed("tls", refusal.code, refusal.problems[0].place)
    except ssl.SSLCertVerificationError as error:
        return failed("tls", "HUB-NET-002", f"{error.verify_code} {error.verify_message}")
    except (OSError, TimeoutError) as error:
        return failed("tls", "HUB-NET-002", type(error).__name__)
    ends, version = _ends(writer), writer.get_extra_info("ssl_object").version()
    writer.close()
    detail = f"{version}, {ends.date().isoformat()}, {'ca_file' if told.ca_file else 'CA'}"
    return failed("tls", "HUB-PRB-003", detail) if ends - now < ENDS_SOON else passed("tls", detail)


def pinned(told: Reach, now: datetime) -> tuple[Check, ...]:
    """The authorities that the partner's file pins: when the last of them ends. Nothing where none are, or they cannot be read (``chain`` says so)."""
    try:
        found = x509.load_pem_x509_certificates(told.ca_file.read_bytes()) if told.ca_file else []
    except (OSError, ValueError):
        return ()
    if not found:
        return ()
    ends = max(each.not_valid_after_utc for each in found)
    detail = f"ca_file, {ends.date().isoformat()}"
    return (failed("pinned", "HUB-PRB-011", detail) if ends - now < ENDS_SOON else passed("pinned", detail),)


def _ends(writer: asyncio.StreamWriter) -> datetime:
    told = writer.get_extra_info("peercert")["notAfter"]
    return parsedate_to_datetime(told) if "," in told else _asn1(told)


def _asn1(told: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(told), UTC)


async def clock(http: Http, told: Reach, now: Callable[[], datetime]) -> Check:
    """Compare the reply's ``Date`` (RFC 9110 section 6.6.1; whole seconds) with ours in the middle of the call."""
    before = now()
    answer = await http.send(Request(path=path_of(told, ""), method="GET"))
    middle = before + (now() - before) / 2
    if not isinstance(answer, Answer):
        return untold("clock", answer.code)
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return untold("clock", "Date")
    theirs = (
        theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
    )  # -0000: no zone is told (RFC 5322 section 3.3)
    away = theirs - middle
    detail = f"{away.total_seconds():+.0f} s"
    return failed("clock", "HUB-PRB-002", detail) if abs(away) > SKEW else passed("clock", detail)


def path_of(told: Reach, query: str) -> str:
    return f"{'' if urlsplit(told.base_url).path else '/'}{query}"


def _place(told: Reach) -> tuple[str, int, bool]:
    parts = urlsplit(told.base_url)
    secure = parts.scheme == "https"
    return parts.hostname or "", parts.port or (443 if secure else 80), secure


# --- credentials ----------------------------------------------------------------------------------------------------


async def credentials(auth: object, shows: Credentials) -> Check:
    """Show who we are on a request that goes nowhere; only what is fetched is proved by that."""
    if isinstance(auth, NoAuth):
        return untold("credentials", "auth.kind = none")
    shown = await shows.show(Request(path=""))
    if not isinstance(shown.result, Request):
        return failed("credentials", shown.result.reason.code, shown.result.reason.detail)
    kind = getattr(auth, "kind", "")
    if isinstance(auth, OAuth):
        return passed("credentials", kind)
    return untold("credentials", f"{kind}: {'key' if isinstance(auth, ApiKey) else 'secret'}")


# --- what is promised -----------------------------------------------------------------------------------------------


def said(outcome: Outcome) -> str:
    name = type(outcome).__name__.lower()
    if isinstance(outcome, Delivered):
        return name
    return f"{name} {outcome.reason.code} {outcome.reason.detail}".strip()


class Promises(msgspec.Struct, frozen=True, kw_only=True):
    """What the partner's file says that the partner promised. ``numbered``: its references name what it has, not each call."""

    asked: bool
    keeps: bool
    numbered: bool = True


async def promises(
    connector: Connector, parcel: Parcel, stranger: Parcel, told: Promises
) -> tuple[Check, ...]:
    """Ask about a dossier that nobody sent (``stranger``); send a trial dossier, ask about it, send it again under its key."""
    unknown = await connector.find(stranger)
    first = await connector.deliver(parcel)
    delivery = _delivery(first)
    if delivery.verdict is not Verdict.PASSED:
        rest = (untold(name, said(first)) for name in ("idempotency", "status_known"))
        return (delivery, *rest, _unknown(unknown, told))
    known = await connector.find(parcel)
    second = await connector.deliver(parcel)
    return (delivery, _alike(first, second, told), _known(first, known, told), _unknown(unknown, told))


def _delivery(first: Outcome) -> Check:
    match first:
        case Delivered():
            return passed("delivery", first.reference)
        case Unsure():
            return untold("delivery", said(first), first.reason.code)
        case Refused() | Deferred():
            return failed("delivery", first.reason.code, first.reason.detail)


def _alike(first: Outcome, second: Outcome, told: Promises) -> Check:
    """Two references are two copies; one reference is one. Where they name calls, or there are none, nobody can count from here."""
    one, other = getattr(first, "reference", ""), getattr(second, "reference", "")
    if isinstance(second, Delivered) and one and one == other:
        return passed("idempotency", one)
    if isinstance(second, Delivered) and (not told.numbered or not (one or other)):
        return untold("idempotency", f"{one} {other}".strip(), UNCOUNTED)
    if not told.keeps:
        return untold("idempotency", "keeps_keys = false")
    return failed("idempotency", "HUB-PRB-005", said(second))


def _known(first: Outcome, known: Outcome, told: Promises) -> Check:
    one, other = getattr(first, "reference", ""), getattr(known, "reference", "")
    if isinstance(known, Delivered):
        same = not one or not other or one == other or not told.numbered
        return passed("status_known", other) if same else failed("status_known", "HUB-PRB-006", "reference")
    return (
        failed("status_known", "HUB-PRB-006", said(known))
        if told.asked
        else untold("status_known", "can_be_asked = false")
    )


def _unknown(unknown: Outcome, told: Promises) -> Check:
    if isinstance(unknown, Deferred):
        return passed("status_unknown", unknown.reason.code)
    if isinstance(unknown, Delivered):
        return failed("status_unknown", "HUB-PRB-006", said(unknown))
    return (
        failed("status_unknown", "HUB-PRB-006", said(unknown))
        if told.asked
        else untold("status_unknown", "can_be_asked = false")
    )


# --- what is picked up ----------------------------------------------------------------------------------------------


async def collection(collector: Collector) -> Check:
    """Ask what lies ready and look at the first; nothing is settled, so it stays there."""
    offered = collector.collect(LARGEST)
    try:
        first = await anext(offered, None)
    finally:
        await offered.aclose()
    if isinstance(first, Missed):
        return failed("collection", first.reason.code, first.reason.detail)
    return passed("collection", first.media_type if first else "0")
