"""``legs.md``: where a dossier stands, from the tables of ``hub.story.moves``; and how each format says it, from its mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.story import spoken
from hub.story.moves import (
    BARRED,
    CLOSING,
    MOVES,
    NOTES,
    OPENING,
    OVERALL,
    PASSED,
    SCOPES,
    WITHOUT_DOSSIER,
    Scope,
    picture,
)
from schemas.codelists import CodeLists
from schemas.dossier import Kind, State
from schemas.table import Table, read_table
from tools.reference.mappings import MAPPINGS
from tools.reference.markdown import code, fenced, page, table
from tools.reference.meanings import Meanings, both

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OPENS, NOT_CLOSED, AFTER_PASSING = "opens", "not_closed", "after_passing"
GUARDS = (*Scope, OPENS, NOT_CLOSED, AFTER_PASSING)
RULES = (
    "parties",
    "quarantine",
    "takes_over",
    "copies",
    "about_one",
    "shared",
    "recall",
    "departs",
    "duty",
    "update",
    "late",
    "overall",
)


def legs_page(words: Meanings) -> str:
    tables = [read_table(path) for path in sorted(MAPPINGS.glob("*.toml"))]
    return page(
        "Trạng thái hồ sơ theo cơ quan · A dossier's states, per agency",
        "`hub/story/moves.py` and `schemas/mappings/`",
        " · ".join(both(words, "leg.intro")),
        fenced(picture(), "mermaid"),
        "## Trạng thái · States",
        table(("Trạng thái · State", "Mã cổng · Portal code", "Tiếng Việt", "English"), _states()),
        "## Bước và điều kiện · Moves and their guards\n\n" + " · ".join(both(words, "leg.moves")),
        table(("Từ · From", "Loại · Kind", "Tới · To", "Điều kiện · Guards"), _moves()),
        table(
            ("Điều kiện · Guard", "Nghĩa", "Meaning"),
            ((code(guard), *both(words, f"leg.guard.{guard}")) for guard in GUARDS),
        ),
        "Đến lúc nào cũng được và không đổi trạng thái · May come in any state and change none: "
        + ", ".join(map(code, sorted(NOTES)))
        + ". Không có hồ sơ · Without a dossier: "
        + ", ".join(map(code, sorted(WITHOUT_DOSSIER)))
        + ".",
        "## Quy tắc chung · Rules\n\n"
        + "\n".join(f"* {vi} · {en}" for vi, en in (both(words, f"leg.rule.{rule}") for rule in RULES)),
        "Thứ tự của trạng thái chung · The order of the overall state: " + " → ".join(map(code, OVERALL)),
        "Trạng thái mà chặng đã chuyển cũng mang theo · States that passed legs share: "
        + ", ".join(map(code, sorted(CLOSING))),
        "## Từng khuôn dạng · Each format\n\n" + " · ".join(both(words, "leg.formats")),
        *(part for one in tables for part in _format(one)),
    )


def _states() -> Iterator[tuple[str, ...]]:
    known = {entry.word: entry for entry in CodeLists.load()["portal-states"].code}
    for state in State:
        entry = known[state]
        yield code(state), entry.code, entry.name.vi, entry.name.en


def _moves() -> Iterator[tuple[str, ...]]:
    for kind, targets in OPENING.items():
        yield "–", code(kind), _either(targets), code(OPENS)
    for (state, kind), targets in MOVES.items():
        if kind not in NOTES:
            yield code(state), code(kind), _either(targets), ", ".join(map(code, _guards(kind)))


def _guards(kind: Kind) -> Iterator[str]:
    yield SCOPES.get(kind, Scope.OWN)
    if kind in BARRED:
        yield NOT_CLOSED
    if kind in PASSED:
        yield AFTER_PASSING


def _either(targets: Iterable[State]) -> str:
    return " | ".join(map(code, targets))


def _format(told: Table) -> Iterator[str]:
    yield f"### {told.ref}\n\n{told.media.upper()} · {told.origin}"
    yield table(
        ("Trạng thái · State", "Gửi đi là · Told as", "Nhận về là · Heard as"),
        (
            (code(each.what), _words(each.told, each.untold), _words(each.heard, each.unheard))
            for each in spoken.states(told)
        ),
    )


def _words(words: tuple[str, ...], why: str) -> str:
    return ", ".join(map(code, words)) or (f"– ({why})" if why else "")
