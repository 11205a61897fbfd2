"""How far a partner is with a procedure, and between which stages traffic flows. Pure; behaviour is the tables below.

*Trial* traffic comes from a sender on trial, or is marked so by its sender, or is about a dossier that began so: it never
reaches a partner that is not on trial, and is in no figure. *Parallel*: gets copies of what is live, is not believed about it.
*Retired*: nothing new goes there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Stage = Literal["trial", "parallel", "live", "retired"]
STAGES: tuple[Stage, ...] = get_args(Stage)
EVERY = ""
"""Stands for a procedure: all that are not named."""

FLOWS: dict[tuple[Stage, Stage], Stage] = {
    ("trial", "trial"): "trial",
    ("parallel", "parallel"): "parallel",
    ("live", "parallel"): "parallel",
    ("live", "live"): "live",
}
"""(the traffic, the recipient's stage) → the transfer's stage; what is not here does not flow."""


class Heard(NamedTuple):
    """What a message counts as. ``dossier``: the stage of its dossier from here on. ``believed``: it may move the story."""

    traffic: Stage
    dossier: Stage
    believed: bool = True


HEARD: dict[tuple[Stage, Stage | None], Heard] = {
    ("live", None): Heard("live", "live"),
    ("live", "live"): Heard("live", "live"),
    ("live", "parallel"): Heard("parallel", "parallel"),
    ("live", "trial"): Heard("trial", "trial"),
    ("parallel", None): Heard("parallel", "parallel"),
    ("parallel", "live"): Heard("parallel", "live", believed=False),
    ("parallel", "parallel"): Heard("parallel", "parallel"),
    ("parallel", "trial"): Heard("trial", "trial"),
    ("trial", None): Heard("trial", "trial"),
    ("trial", "trial"): Heard("trial", "trial"),
    ("retired", None): Heard("retired", "live"),
    ("retired", "live"): Heard("retired", "live"),
    ("retired", "parallel"): Heard("retired", "parallel"),
    ("retired", "trial"): Heard("trial", "trial"),
}
"""(the sender's stage, its dossier's; ``None``: it begins one, or has none) → what it counts as; what is not here is refused."""


def heard(sender: Stage, dossier: Stage | None, *, trial: bool = False, origin: bool = False) -> Heard:
    """``trial``: the sender marked it so. ``origin``: the sender opened the dossier; with its going live so does the dossier.

    Raises ``Refusal`` HUB-STG-001: trial traffic about a dossier that is none.
    """
    said: Stage = "trial" if trial else sender
    if origin and (said, dossier) == ("live", "parallel"):
        return Heard("live", "live")
    found = HEARD.get((said, dossier))
    if found is None:
        raise refuse("HUB-STG-001", "/dossier/code", rule=f"{said} ≠ {dossier}")
    return found


RECORDED = "stages: recorded, not believed"
"""The rule by which a message goes to nobody and changes nothing."""
Queued = Literal["finish", "withdraw"]
"""What becomes of what is queued for a partner that is retired."""
Fate = Literal["keep", "withdraw", "hold", "choice"]

FATES: dict[tuple[Stage, Stage], Fate] = {
    ("trial", "trial"): "keep",
    ("trial", "parallel"): "withdraw",
    ("trial", "live"): "withdraw",
    ("trial", "retired"): "choice",
    ("parallel", "trial"): "withdraw",
    ("parallel", "parallel"): "keep",
    ("parallel", "live"): "keep",
    ("parallel", "retired"): "choice",
    ("live", "trial"): "hold",
    ("live", "parallel"): "keep",
    ("live", "live"): "keep",
    ("live", "retired"): "choice",
}
"""(an unfinished transfer's stage, its recipient's new one) → what becomes of it. What may have left already is finished, unless
it is on trial."""


def fate(transfer: Stage, after: Stage, queued: Queued = "finish") -> Fate:
    found = FATES[transfer, after]
    if found != "choice":
        return found
    return "withdraw" if queued == "withdraw" else "keep"


def may_leave(transfer: Stage, recipient: Stage) -> bool:
    """Whether a person may send on what stopped: a recipient that is retired finishes what it was given."""
    return FATES.get((transfer, recipient)) in {"keep", "choice"}


def of(codes: Iterable[str | None], default: Stage, named: Mapping[str, Stage]) -> Stage:
    """Return the stage for a procedure by the first of its codes that is named."""
    return next((named[code] for code in codes if code and code in named), default)
