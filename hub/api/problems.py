"""Refusals in the shape of RFC 9457, from the one error catalogue, in the language that the caller reads."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from hub import rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from schemas.errors import Catalogue, Entry, Language
    from schemas.problems import Problem

MEDIA_TYPE = "application/problem+json"
COME_AGAIN = frozenset(
    {"HUB-LIM-002", "HUB-LIM-003", "HUB-INT-002", "HUB-DOC-002", "HUB-DOC-010", "HUB-CRT-005", "HUB-BOX-002"}
)
"""Refusals that carry Retry-After."""
SHOWN = 50
"""At most this many problems in one answer."""

LONGEST_ACCEPT = 256
"""Characters of ``Accept-Language`` that are looked at; the pattern's cost grows faster than its length."""

_RANGE = re.compile(r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?))?\s*")


class ProblemPlace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is wrong: ``place`` is a header or a name, ``pointer`` a place in JSON, ``xpath`` one in XML."""

    code: str
    message: str
    place: str = ""
    pointer: str = ""
    xpath: str = ""
    line: int = 0
    rule: str = ""


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457, with our members. ``retry``: whether the same can be sent again; ``retry_after``: seconds; ``request``: X-Request-Id."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    retryable: bool
    retry: str
    request: str
    errors: tuple[ProblemPlace, ...]
    retry_after: int | None = None


class ErrorEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One code of the catalogue, in one language. ``since``: the version that had it first."""

    code: str
    status: int
    soap: str
    retry: str
    since: str
    title: str
    cause: str
    you: str
    operator: str


def language(accept: str, default: Language) -> Language:
    """Choose Vietnamese or English by ``Accept-Language`` (RFC 9110 §12.5.4)."""
    wanted: dict[str, float] = {}
    for part in accept[:LONGEST_ACCEPT].split(",")[:16]:
        found = _RANGE.fullmatch(part)
        if found:
            name = found.group(1).lower()
            wanted[name] = max(wanted.get(name, 0.0), float(found.group(2) or 1))
    weight = {name: wanted.get(name, wanted.get("*", 0.0)) for name in ("vi", "en")}
    if weight["vi"] == weight["en"]:
        return default
    return "vi" if weight["vi"] > weight["en"] else "en"


def document(  # noqa: PLR0913 - the members of the document
    problems: Sequence[Problem],
    *,
    catalogue: Catalogue,
    say: Language,
    base: str,
    instance: str,
    request: str,
    xml: bool = False,
    retry_after: int | None = None,
) -> ProblemDocument:
    """Build the members of a problem document; the first problem decides code, title and detail.

    ``xml``: what was refused is XML, so that places are element paths.
    """
    first = problems[0]
    entry = catalogue[first.code]
    return ProblemDocument(
        type=f"{base}/errors/{first.code}",
        title=entry.title.say(say),
        status=entry.status,
        detail=f"{entry.cause.say(say)} {entry.you.say(say)}",
        instance=instance,
        code=first.code,
        retryable=entry.retry == "yes",
        retry=entry.retry,
        request=request,
        errors=tuple(
            _error(problem, catalogue, say, xml=xml) for problem in problems[:SHOWN] if _has_place(problem)
        ),
        retry_after=retry_after,
    )


def _has_place(problem: Problem) -> bool:
    return bool(problem.place or problem.line or problem.rule)


def _error(problem: Problem, catalogue: Catalogue, say: Language, *, xml: bool) -> ProblemPlace:
    return ProblemPlace(
        code=problem.code,
        message=catalogue[problem.code].title.say(say),
        line=problem.line or 0,
        rule=rules.said(problem.rule, say) if problem.rule else "",
        **{_place_name(problem.place, xml=xml): problem.place},
    )


def _place_name(place: str, *, xml: bool) -> str:
    """A place that begins with a slash is an element path in XML and a JSON pointer otherwise; a header is just a place."""
    if not place.startswith("/"):
        return "place"
    return "xpath" if xml else "pointer"


def answer(told: ProblemDocument, headers: Mapping[str, str] | None = None) -> Response:
    """Send a problem document. 401 names the way in, and what may be tried again says when."""
    sent = dict(headers or {})
    if told.status == HTTPStatus.UNAUTHORIZED:
        sent["WWW-Authenticate"] = "Bearer"
    if told.retry_after is not None:
        sent["Retry-After"] = str(told.retry_after)
    return Response(msgspec.json.encode(told), status_code=told.status, media_type=MEDIA_TYPE, headers=sent)


def explained(entry: Entry, say: Language) -> ErrorEntry:
    return ErrorEntry(
        code=entry.code,
        status=entry.status,
        soap=entry.soap,
        retry=entry.retry,
        since=entry.since,
        title=entry.title.say(say),
        cause=entry.cause.say(say),
        you=entry.you.say(say),
        operator=entry.operator.say(say),
    )
