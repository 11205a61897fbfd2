"""A refusal as drop-in desks are handed it: in the caller's language, and beside it in the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from connectors.desks import Refused, Told
from hub import rules
from hub.api import problems
from schemas.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.errors import Catalogue, Language

OTHER: dict[Language, Language] = {"vi": "en", "en": "vi"}


def told(
    found: Sequence[Problem], catalogue: Catalogue, say: Language, request: str, wait: int | None
) -> Refused:
    """``request``: by which name it stands in the log; ``wait``: seconds. A code that nobody knows is a defect of ours."""
    known = [each if each.code in catalogue else Problem(code="HUB-INT-001") for each in found]
    one, other = (_said(known, catalogue, each, request, wait) for each in (say, OTHER[say]))
    return replace(one, other=other)


def _said(
    found: Sequence[Problem], catalogue: Catalogue, say: Language, request: str, wait: int | None
) -> Refused:
    entry = catalogue[found[0].code]
    return Refused(
        status=entry.status,
        problems=tuple(
            Told(
                code=each.code,
                title=catalogue[each.code].title.say(say),
                place=each.place,
                rule=rules.said(each.rule, say) if each.rule else "",
                line=each.line,
            )
            for each in found[: problems.SHOWN]
        ),
        advice=entry.you.say(say),
        request=request,
        wait=wait,
        fault=entry.soap,
        retry=entry.retry,
        language=say,
    )
