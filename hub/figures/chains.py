"""Chains of dossiers (liên thông): which of them is the origin, and counts for all. Pure.

A dossier that names a parent, or that another names as its child, is part of that one's chain, whether or not the hub knows it: so a
hub that has the child alone counts as the one that has both. Where dossiers name each other in a ring, the first by code counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.figures.facts import Fact


def roots(told: Sequence[tuple[str, Sequence[Fact]]]) -> dict[str, str]:
    """Return for each dossier's id the code of the origin that counts for it; empty: it counts itself.

    ``told``: every dossier with its facts, not what is chosen alone.
    """
    codes = {dossier: frozenset(fact.code for fact in facts) for dossier, facts in told}
    above: dict[str, str] = {}
    for dossier, facts in told:
        own = min(codes[dossier])
        above |= {child: own for child in facts[-1].children if child not in codes[dossier]}
    for dossier, facts in told:
        parent = next((fact.parent for fact in facts if fact.parent), "")
        if parent and parent not in codes[dossier]:
            above |= dict.fromkeys(codes[dossier], parent)
    return {dossier: _root(its, above) for dossier, its in codes.items()}


def _root(codes: frozenset[str], above: dict[str, str]) -> str:
    """Walk up from one of the dossier's codes that has something above it."""
    seen = [next((code for code in sorted(codes) if code in above), min(codes))]
    while (parent := above.get(seen[-1])) is not None:
        if parent in seen:
            first = min(seen[seen.index(parent) :])
            return "" if first in codes else first
        seen.append(parent)
    return "" if seen[-1] in codes else seen[-1]
