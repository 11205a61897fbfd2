"""Routing again what was parked for want of a recipient: the stored message and story, by today's partners and rules. Pure.

Partners that have a transfer of this message keep it; only those that routing names and that have none get a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING, Protocol

import msgspec

from hub.intake.acceptance import UNSAID
from hub.routing.recipients import NOBODY
from hub.store.contract.intake import NewTransfer
from hub.story import joining

if TYPE_CHECKING:
    from datetime import date

    from hub.judging.contract import Said
    from hub.routing.recipients import Routed
    from hub.store.contract.views import TransferView
    from hub.story.record import Story
    from schemas.dossier import Message
    from schemas.problems import Problem


class Means(Protocol):
    """What is declared today."""

    def routed(self, message: Message, story: Story | None, *, on: date, trial: bool = False) -> Routed:
        """Who must have it. ``trial``: its sender marked it so."""
        ...

    def said(self, message: Message, identity: str, partner: str) -> Sequence[Said]:
        """What the partner's format makes of it; empty for a partner that takes no such kind."""
        ...


class Rerouted(msgspec.Struct, frozen=True, kw_only=True):
    """``problem``: why it stays where it is; then there is nothing else. ``story``: with the new recipients among the parties."""

    rule: str
    transfers: tuple[NewTransfer, ...] = ()
    story: Story | None = None
    problem: Problem | None = None


def reroute(
    view: TransferView,
    message: Message,
    story: Story | None,
    having: Collection[str],
    means: Means,
    new_id: Callable[[], str],
    *,
    on: date,
) -> Rerouted:
    """Decide anew. ``having``: partners that have another transfer of this message, not withdrawn."""
    routed = means.routed(message, story, on=on, trial=view.stage == "trial")
    unsettled = [each.problem for each in routed.recipients if each.partner == NOBODY and each.problem]
    if unsettled:
        return Rerouted(rule=routed.rule, problem=unsettled[0])
    fresh = [each for each in routed.recipients if each.partner not in having]
    transfers = tuple(
        NewTransfer(
            id=new_id(),
            partner=each.partner,
            operation=said.operation,
            part=part,
            key="",
            lane_subject=view.dossier or message.subject or view.message,
            deadline=view.deadline or (story.deadline if story else None),
            problem=each.problem or said.problem,
            stage=each.stage,
        )
        for each in fresh
        for part, said in enumerate(means.said(message, view.message, each.partner) or UNSAID, 1)
    )
    if story is not None:
        story = joining.join(story, (each.partner for each in fresh if each.problem is None))
    return Rerouted(rule=routed.rule, transfers=transfers, story=story)
