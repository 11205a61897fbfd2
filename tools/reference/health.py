"""``partner-health.md``, from the table of ``hub.health.circuit``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.health import circuit
from schemas import errors
from tools.reference.markdown import code, fenced, page, table

if TYPE_CHECKING:
    from tools.reference.meanings import Meanings

SITUATIONS: dict[str, circuit.Breaker] = {
    "closed": circuit.WHOLE,
    "closed, last failure of the row": circuit.Breaker(failures=circuit.AFTER - 1),
    "closed, window of 1": circuit.Breaker(window=1, trips=1),
    "open": circuit.Breaker(circuit=circuit.Circuit.OPEN, until=circuit.WAITS[0], trips=1),
    "half open": circuit.Breaker(circuit=circuit.Circuit.HALF_OPEN, trips=1),
}


def health_page(words: Meanings) -> str:
    catalogue = errors.load()
    said = [
        (
            code(named) or "–",
            catalogue[named].title.vi if named else "đã giao",
            catalogue[named].title.en if named else "delivered",
            code(health),
        )
        for named, health in circuit.HEALTH.items()
    ]
    healths = [health for health in circuit.Health if health]
    moves = [(name, *(_after(before, health) for health in healths)) for name, before in SITUATIONS.items()]
    return page(
        "Tình trạng đối tác · A partner's health",
        "`hub/health/circuit.py`",
        f"Mặc định · Default: `after = {circuit.AFTER}`, `waits = {list(circuit.WAITS)}` (giây · seconds).",
        fenced(circuit.picture(), "mermaid"),
        "Kết quả nói gì về đối tác; mã không có ở đây không nói gì · What an outcome says about the partner; a code that is not here says"
        " nothing. 503 có `Retry-After` là · with `Retry-After` is `rests`.",
        table(("Mã · Code", "Tiếng Việt", "English", "Nói · Says"), said),
        *(
            f"{code(health)}: {word['vi']} · {word['en']}"
            for health in healths
            for word in (words.of(f"partner.health.{health}"),)
        ),
        "Sau mỗi kết quả (thăm dò khi `half open`), với `concurrency = 8` · After each outcome (the probe's while `half open`), with"
        " `concurrency = 8`:",
        table(("", *(code(health) for health in healths)), moves),
    )


def _after(before: circuit.Breaker, health: circuit.Health) -> str:
    told = circuit.Told(health=health, rest=600.0 if health is circuit.Health.RESTS else None, probe=True)
    made = circuit.after(before, circuit.Policy(), told, concurrency=8, now=0.0)
    if made.circuit is circuit.Circuit.OPEN:
        return f"open, {made.until:g} s"
    window = f", window of {made.window}" if made.window is not None else ""
    failures = f", {made.failures} in a row" if made.failures else ""
    return f"{made.circuit}{window}{failures}"
