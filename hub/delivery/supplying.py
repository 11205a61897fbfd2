"""Who can supply what a parked transfer lacks: told from the problem's code and the words of the rule, which hold no values. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from hub.lifecycle import State

if TYPE_CHECKING:
    from hub.store.contract.views import TransferView
    from schemas.problems import Problem


class Supplier(StrEnum):
    SENDER = "sender"  # whose message it is
    ORIGIN = "origin"  # who opened the dossier, and keeps its record
    RECIPIENT = "recipient"
    REGISTRY = "registry"  # who keeps code lists, procedures and agencies
    OPERATOR = "operator"


BY_CODE = {
    "HUB-DOS-004": Supplier.SENDER,  # the step before it was never told
    "HUB-DOC-001": Supplier.SENDER,
    "HUB-DOC-003": Supplier.SENDER,
    "HUB-DOC-015": Supplier.SENDER,
    "HUB-MAP-002": Supplier.REGISTRY,
    "HUB-MAP-009": Supplier.RECIPIENT,  # its service cannot take this; its people can be told
    "HUB-PAR-014": Supplier.RECIPIENT,
}
"""Every other code is the operator's to mend, except ``UNSAID`` where something is missing."""
UNSAID = "HUB-MAP-004"
ABSENT = "HUB-SCH-003"
TOLD = frozenset({"HUB-DOC-003", "HUB-DOC-015", UNSAID})
"""Codes of which the sender, or the origin, hears by ``delivery_failed`` when it is theirs to mend."""


def said(problem: Problem) -> str:
    """Return where and by which rule, in one line, as it is stored beside the code."""
    return " ".join(part for part in (problem.place, problem.rule, problem.detail) if part)


def supplier(code: str, detail: str) -> Supplier:
    """``detail``: as ``said`` writes it. What a recipient requires of the dossier's record its origin has; the rest the sender has."""
    if code != UNSAID:
        return BY_CODE.get(code, Supplier.OPERATOR)
    if "required dossier." in detail:
        return Supplier.ORIGIN
    missing = "required" in detail.split() or detail.endswith(ABSENT)
    return Supplier.SENDER if missing else Supplier.OPERATOR


def waits_for(view: TransferView) -> Supplier | None:
    """Return who can supply what a parked transfer lacks; nobody needs to for any other."""
    return supplier(view.problem, view.detail) if view.state is State.PARKED else None


def named(view: TransferView, origin: str) -> str:
    """Return the partner that is meant, where it is one."""
    meant = {Supplier.SENDER: view.sender, Supplier.ORIGIN: origin, Supplier.RECIPIENT: view.partner}
    who = waits_for(view)
    return meant.get(who, "") if who else ""


def hears(code: str, detail: str) -> bool:
    """Whether somebody outside the hub can mend it and is told."""
    return code in TOLD and supplier(code, detail) in {Supplier.SENDER, Supplier.ORIGIN}
