"""Refusals in the shape of RFC 9457, from the one error catalogue, in the language that the caller reads."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

from hub import rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from schemas.errors import Catalogue, Entry, Language
    from schemas.problems import Problem

MEDIA_TYPE = "application/problem+json"
SHOWN = 50
"""At most this many problems in one answer."""

LONGEST_ACCEPT = 256
"""Characters of ``Accept-Language`` that are looked at; the pattern's cost grows faster than its length."""

_RANGE = re.compile(r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?))?\s*")


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
) -> dict[str, Any]:
    """Build the members of a problem document; the first problem decides code, title and detail.

    ``xml``: what was refused is XML, so that places are element paths.
    """
    first = problems[0]
    entry = catalogue[first.code]
    told: dict[str, Any] = {
        "type": f"{base}/errors/{first.code}",
        "title": entry.title.say(say),
        "status": entry.status,
        "detail": f"{entry.cause.say(say)} {entry.you.say(say)}",
        "instance": instance,
        "code": first.code,
        "retryable": entry.retry == "yes",
        "retry": entry.retry,
        "request": request,
        "errors": [
            _error(problem, catalogue, say, xml=xml) for problem in problems[:SHOWN] if _has_place(problem)
        ],
    }
    if retry_after is not None:
        told["retry_after"] = retry_after
    return told


def _has_place(problem: Problem) -> bool:
    return bool(problem.place or problem.line or problem.rule)


def _error(problem: Problem, catalogue: Catalogue, say: Language, *, xml: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"code": problem.code, "message": catalogue[problem.code].title.say(say)}
    if problem.place:
        told[_place_name(problem.place, xml=xml)] = problem.place
    if problem.line:
        told["line"] = problem.line
    if problem.rule:
        told["rule"] = rules.said(problem.rule, say)
    return told


def _place_name(place: str, *, xml: bool) -> str:
    """A place that begins with a slash is an element path in XML and a JSON pointer otherwise; a header is just a place."""
    if not place.startswith("/"):
        return "place"
    return "xpath" if xml else "pointer"


def answer(told: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """Send a problem document. 401 names the way in, and what may be tried again says when."""
    sent = dict(headers or {})
    if told["status"] == HTTPStatus.UNAUTHORIZED:
        sent["WWW-Authenticate"] = "Bearer"
    if "retry_after" in told:
        sent["Retry-After"] = str(told["retry_after"])
    return Response(
        msgspec.json.encode(told), status_code=told["status"], media_type=MEDIA_TYPE, headers=sent
    )


def entry_as_json(entry: Entry, say: Language) -> dict[str, Any]:
    return {
        "code": entry.code,
        "status": entry.status,
        "soap": entry.soap,
        "retry": entry.retry,
        "since": entry.since,
        "title": entry.title.say(say),
        "cause": entry.cause.say(say),
        "you": entry.you.say(say),
        "operator": entry.operator.say(say),
    }
