"""A day between two hubs, asked over their line: the digest of the whole first, then what lies below the nodes that differ.

Items are what went in batches whose manifests were made on that day, by the keys and digests that both sides keep.
"""

from __future__ import annotations

from datetime import date  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Protocol

import msgspec

from hub.reconciling.summary import MOST_ASKED, Digest, Node, Told, Tree, mirrored
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from hub.reconciling.items import Side

PATH = "/edge/v1/summary"
FORM, NOT_ASKED = "HUB-EDG-002", "HUB-RCN-006"
LARGEST = 1 << 20


class Question(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Without ``nodes``: for the digest. Ways as the side that is asked sees them."""

    day: date
    nodes: Annotated[tuple[Node, ...], msgspec.Meta(max_length=MOST_ASKED)] = ()


class Summary(msgspec.Struct, frozen=True, omit_defaults=True):
    """``digest``: of the day in the asking side's order of the ways; ``told``: of each node, in the order of the question."""

    digest: Digest = ""
    told: tuple[Told, ...] = ()


class Post(Protocol):
    """Brings a question over the line and returns the answer's bytes. Raises ``Refusal`` HUB-RCN-006."""

    def __call__(self, path: str, body: bytes) -> Awaitable[bytes]: ...


def read(raw: bytes) -> Question:
    """Raises ``Refusal`` HUB-EDG-002."""
    try:
        return msgspec.json.decode(raw, type=Question)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise refuse(FORM, "summary", rule="day and nodes in JSON", detail=str(error)[:200]) from None


def answer(question: Question, side: Side) -> bytes:
    """``side``: this hub's day, in its own words."""
    if not question.nodes:
        return msgspec.json.encode(Summary(digest=Tree(side.mirrored).digest()))
    tree = Tree(side)
    return msgspec.json.encode(Summary(told=tuple(tree.told(node) for node in question.nodes)))


class OverTheLine:
    """The other hub, asked (``hub.reconciling.summary.Other``)."""

    def __init__(self, post: Post, day: date) -> None:
        self._post, self._day = post, day

    async def digest(self) -> str:
        return (await self._asked(())).digest

    async def told(self, nodes: Sequence[Node]) -> Mapping[Node, Told]:
        found = (await self._asked(mirrored(nodes))).told
        if len(found) != len(nodes):
            raise refuse(NOT_ASKED, "told", rule="one for each node")
        return dict(zip(nodes, found, strict=True))

    async def _asked(self, nodes: tuple[Node, ...]) -> Summary:
        raw = await self._post(PATH, msgspec.json.encode(Question(self._day, nodes)))
        try:
            return msgspec.json.decode(raw, type=Summary)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise refuse(NOT_ASKED, "summary", detail=str(error)[:200]) from None
