"""A hub for the command line's tests: the reading half of the store's contract in memory, and a way to run a line."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from connectors.contract import Exchange, Sealed
from hub.cli.main import Surroundings, run
from hub.cli.opening import kept
from hub.cli.screen import screen_of
from hub.judging.contract import Said
from hub.lifecycle import DONE, Move, State, move
from hub.partners.declaration import Access, Declaration, Name, Receives, Stages
from hub.partners.partner import Partner
from hub.routing.recipients import Recipient, Routed
from hub.store.contract import stages
from hub.store.contract.delivery import Attempt
from hub.store.contract.intake import Alias
from hub.store.contract.views import (
    AttemptView,
    DossierView,
    Filter,
    JournalRow,
    MessageView,
    Payloads,
    QueueRow,
    TransferView,
)
from hub.story.record import Counted, Story, StoryLeg, to_json
from schemas.dossier import State as DossierState
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from connectors.contract import Outcome
    from hub.cli.opening import Checker, Hub, Keeper, Opener
    from hub.documents.contract import Held
    from hub.going_live.stages import Stage
    from hub.store.contract.stages import Leave, Staged
    from hub.store.contract.store import Store
    from hub.store.contract.watching import Process, Verdict
    from schemas.dossier import Message
    from schemas.problems import Problem
    from signing.pdf_signatures import Examined

NOW = datetime(2026, 11, 22, 7, 5, 9, tzinfo=UTC)
CODE = "000.00.15.H47-261122-0001"
CITIZEN = "Nguyễn Văn Á"
STORY = Story(
    origin="mot-cua",
    origin_agency="000.00.00.H47",
    received_by="000.00.15.H47",
    opened_on=NOW.date(),
    state=DossierState.PROCESSING,
    legs=(
        StoryLeg(agency="000.00.00.H47", state=DossierState.PROCESSING, passed_to=("000.00.15.H47",)),
        StoryLeg(agency="000.00.15.H47", state=DossierState.PROCESSING),
    ),
    custody=CITIZEN,
    deadline=NOW + timedelta(days=60),
    counted=Counted(since=NOW, hours=80, calendar="vn-1", provisional=(2027,)),
)
"""Stands in every payload and nowhere else; no command but ``payload`` may print it."""


def view(number: int, state: State = State.WAITING, **changes: Any) -> TransferView:
    base = TransferView(
        id=f"01KB{number:022d}",
        message=f"01KA{number:022d}",
        partner="so-dat",
        operation="receive",
        part=1,
        key=f"01KA{number:022d}:so-dat:1",
        kind="received",
        dossier="01KD0000000000000000000001",
        code=CODE,
        state=state,
        blocked=False,
        problem="",
        detail="",
        attempts=0,
        sends=0,
        accepted_at=NOW - timedelta(hours=2, minutes=56),
        wake_at=None,
        settled_at=None,
        deadline=None,
        reference="",
        stage="live",
        sender="mot-cua",
    )
    return msgspec.structs.replace(base, **changes)


def attempt(number: int, outcome: str = "unsure", code: str = "HUB-NET-004") -> AttemptView:
    call = Exchange(
        url="https://land.invalid/intake?token=hidden",
        sent=f"<to>{CITIZEN}</to>".encode(),
        received=b"<html>oops</html>",
        status=502,
        started_at=NOW - timedelta(minutes=10),
        seconds=1.5,
    )
    return AttemptView(
        number=number,
        attempt=Attempt(
            verb="deliver",
            outcome=outcome,
            code=code,
            detail="HTTP 502",
            started_at=NOW - timedelta(minutes=10),
            seconds=1.5,
            exchanges=(call,),
        ),
    )


def partner(name: str, *, receives: Receives | None = None) -> Partner:
    return Partner(
        file=Path(f"{name}.toml"),
        id=name,
        agency="000.00.15.H47",
        room="soap",
        name=Name(vi="Sở Đất đai", en="Land department"),
        stage=Stages(default="live"),
        access=Access(),
        sends=None,
        receives=receives,
        settings=None,
    )


def taking(*, can_be_asked: bool = False, keeps_keys: bool = False) -> Receives:
    """What a partner declares, as far as a person's moves depend on it."""
    return Receives.model_construct(can_be_asked=can_be_asked, keeps_keys=keeps_keys)


@dataclass
class Book:
    """Stages that persons set."""

    staged: list[Staged]

    async def stages(self) -> stages.Stages:
        return stages.Stages(edition=len(self.staged), staged=tuple(self.staged))


@dataclass
class Noted:
    """What the journal was told of registries."""

    facts: list[Mapping[str, str]]

    async def refreshed(self, facts: Mapping[str, str], now: datetime) -> None:
        assert now == NOW
        self.facts.append(facts)


@dataclass
class Shelf:
    """The store's contract, as far as the command line uses it; cast to ``Store`` where it is handed in."""

    views: list[TransferView] = field(default_factory=list)
    tried: dict[str, tuple[AttemptView, ...]] = field(default_factory=dict)
    rows: list[JournalRow] = field(default_factory=list)
    broken: tuple[str, ...] = ()
    said: Verdict | None = None
    working: tuple[Process, ...] = ()
    paused: dict[str, str] = field(default_factory=dict)
    acted: list[tuple[str, Move, State, str, str]] = field(default_factory=list)
    approvers: list[str] = field(default_factory=list)
    moved_meanwhile: dict[str, State] = field(default_factory=dict)
    closed: int = 0
    staged: list[Staged] = field(default_factory=list)
    refreshed: list[Mapping[str, str]] = field(default_factory=list)
    door: dict[str, Any] = field(default_factory=dict)

    @property
    def stages(self) -> Book:
        return Book(self.staged)

    @property
    def catalogues(self) -> Noted:
        return Noted(self.refreshed)

    async def transfers(self, which: Filter) -> tuple[TransferView, ...]:
        found = [each for each in self.views if self._matches(each, which)]
        return tuple(found[: which.limit])

    def _matches(self, each: TransferView, which: Filter) -> bool:
        return (
            which.partner in ("", each.partner)
            and (not which.states or each.state.value in which.states)
            and which.sender in ("", each.sender)
            and which.dossier_code in ("", each.code)
            and which.problem in ("", each.problem)
            and each.id > which.after
        )

    async def transfer(self, id_prefix: str) -> TransferView | None:
        found = [each for each in self.views if each.id.startswith(id_prefix)]
        return found[0] if len(found) == 1 else None

    async def attempts(self, transfer: str) -> tuple[AttemptView, ...]:
        return self.tried.get(transfer, ())

    async def payloads(self, transfer: str) -> Payloads | None:
        sealed = Sealed(payload=f"<s>{CITIZEN}</s>\n".encode(), media_type="application/xml")
        canonical = msgspec.json.encode({"applicant": CITIZEN})
        known = any(each.id == transfer for each in self.views)
        return (
            Payloads(raw=b"\xff\x00raw", raw_media_type="x", canonical=canonical, sealed=sealed)
            if known
            else None
        )

    async def dossier(self, code_or_id: str) -> DossierView | None:
        if code_or_id != CODE:
            return None
        message = MessageView(
            id="01KA0",
            sender="mot-cua",
            key="k",
            kind="received",
            digest="00",
            dossier="01KD",
            accepted_at=NOW,
            receipt=b"{}",
            transfers=tuple(each.id for each in self.views),
        )
        return DossierView(
            id="01KD",
            origin="mot-cua",
            version=1,
            aliases=(Alias(authority="000.00.00.H47", code=CODE),),
            story=to_json(STORY),
            messages=(message,),
            transfers=tuple(self.views),
        )

    async def queue(self) -> tuple[QueueRow, ...]:
        counts: dict[str, int] = {}
        for each in self.views:
            counts[each.state.value] = counts.get(each.state.value, 0) + 1
        unfinished = [each.accepted_at for each in self.views if each.state not in DONE]
        return (
            QueueRow(
                partner="so-dat",
                counts=counts,
                blocked=sum(each.blocked for each in self.views),
                oldest=min(unfinished, default=None),
                paused="so-dat" in self.paused,
                **{"circuit": "closed", **{key: each for key, each in self.door.items() if key != "why"}},
            ),
        )

    async def journal(
        self, *, message: str = "", transfer: str = "", after: int = 0, limit: int = 100
    ) -> tuple[JournalRow, ...]:
        wanted = [row for row in self.rows if transfer in ("", row.transfer) and message in ("", row.message)]
        return tuple(row for row in wanted if row.seq > after)[:limit]

    async def conservation(self) -> tuple[str, ...]:
        return self.broken

    async def verdict(self, name: str) -> Verdict | None:
        return self.said if self.said and self.said.name == name else None

    async def processes(self) -> tuple[Process, ...]:
        return self.working

    async def act(
        self,
        transfer: str,
        by_move: Move,
        *,
        expected: State,
        reason: str,
        by: str,
        now: datetime,
        approver: str = "",
        leave: Leave | None = None,
    ) -> TransferView:
        assert now == NOW
        assert leave is None
        self.approvers.append(approver)
        place = next(index for index, each in enumerate(self.views) if each.id == transfer)
        seen = self.views[place]
        state = self.moved_meanwhile.get(transfer, seen.state)
        if state is not expected:
            raise refuse("HUB-LAN-003", "state", rule=f"now {state}")
        self.acted.append((transfer, by_move, expected, reason, by))
        self.views[place] = msgspec.structs.replace(seen, state=move(state, by_move))
        return self.views[place]

    async def circuit(
        self, name: str, state: str, until: datetime | None, now: datetime, *, reason: str, by: str
    ) -> None:
        assert (until, now) == (None, NOW)
        self.door = {"circuit": state, "why": f"{name} {by}: {reason}"}

    async def pause(self, name: str, *, paused: bool, reason: str, by: str, now: datetime) -> None:
        assert now == NOW
        if paused:
            self.paused[name] = f"{by}: {reason}"
        else:
            self.paused.pop(name)


@dataclass
class Today:
    """What is declared today, as the commands that make new transfers need it. ``answer``: what a partner says when asked."""

    recipients: tuple[Recipient, ...] = ()
    parts: Mapping[str, tuple[Said, ...]] = field(default_factory=dict)
    answer: Outcome | None = None
    asked: list[str] = field(default_factory=list)
    numbers: count[int] = field(default_factory=lambda: count(1))

    def new_id(self) -> str:
        return f"new{next(self.numbers)}"

    def over(self, staged: Sequence[Staged]) -> Today:
        del staged
        return self

    def stage(self, story: Story | None, partner: str, *, on: date) -> Stage:
        assert partner
        assert on
        assert story is None or story.origin
        return "live"

    def becomes(self, staged: Sequence[Staged], new: Staged) -> Callable[[bytes], tuple[Stage, Stage]]:
        assert not staged
        return lambda _: ("live", new.stage)

    def routed(self, message: Message, story: Story | None, *, on: date, trial: bool = False) -> Routed:
        assert not trial
        assert message.sender
        assert story is None or story.legs
        assert on
        return Routed(recipients=self.recipients, rule="today")

    def said(self, message: Message, identity: str, partner: str) -> tuple[Said, ...]:
        assert message.sender
        assert identity
        return self.parts.get(partner, (Said(operation="submit"),))

    async def find(self, view: TransferView, sealed: Sealed) -> Outcome | None:
        assert sealed.payload
        self.asked.append(view.id)
        return self.answer


class ShelfHub:
    def __init__(self, shelf: Shelf, receives: Receives | None = None) -> None:
        self.shelf = shelf
        self.store = cast("Store", shelf)
        self.partners: Mapping[str, Partner] = {"so-dat": partner("so-dat", receives=receives)}
        self.means = Today()

    async def examined(self, held: Held) -> Examined | None:
        del held
        return None

    async def close(self) -> None:
        self.shelf.closed += 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@dataclass
class Started:
    """Programs that only note how they were started."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)
    status: int = 0

    def serve(self, settings: Path) -> int:
        self.calls.append(("serve", settings))
        return self.status

    def work(self, settings: Path, *, processes: int, supervised: bool, metrics: int | None) -> int:
        self.calls.append(("work", settings, processes, supervised, metrics))
        return self.status

    def web(self, settings: Path, *, supervised: bool, inherited: int | None, metrics: int | None) -> int:
        self.calls.append(("web", settings, supervised, inherited, metrics))
        return self.status

    def edge(self, settings: Path, *, inherited: int | None) -> int:
        self.calls.append(("edge", settings, inherited))
        return self.status

    def demo(self, directory: Path, messages: int) -> int:
        self.calls.append(("demo", directory, messages))
        return self.status


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str


def line(
    *words: str,
    shelf: Shelf | None = None,
    terminal: bool = False,
    answers: Sequence[str] | None = None,
    piped: str = "",
    environment: Mapping[str, str] | None = None,
    width: int = 160,
    wrong: Sequence[Problem] = (),
    programs: Started | None = None,
    keep: Keeper = kept,
    fails: Exception | None = None,
    receives: Receives | None = None,
    opener: Opener | None = None,
    checker: Checker | None = None,
    now: datetime = NOW,
    person: type[Terminal] = Terminal,
) -> Ran:
    """Run one command line. ``terminal``: output goes to one; ``answers``: a person is there and types these lines, at ``person``;
    ``piped``: what stands in standard input where there is nobody.
    """
    out = Terminal() if terminal else io.StringIO()
    err = Terminal() if answers is not None else io.StringIO()
    source = person("".join(f"{each}\n" for each in answers)) if answers is not None else io.StringIO(piped)
    around_environment = environment or {}

    async def open_hub(_: Path) -> Hub:
        if fails:
            raise fails
        return ShelfHub(shelf or Shelf(), receives)

    def check(_: Path, files: Sequence[Path]) -> Sequence[tuple[Path, Problem]]:
        if fails:
            raise fails
        return [(file, problem) for file in files for problem in wrong]

    around = Surroundings(
        screen=screen_of(out, err, source, around_environment, width),
        environment=around_environment,
        open=opener or open_hub,
        check=checker or check,
        programs=programs or Started(),
        keep=keep,
        now=lambda: now,
        by="lan",
    )
    status = run(words, around)
    return Ran(status, out.getvalue(), err.getvalue())


async def test_the_double_keeps_the_promise_of_act() -> None:
    shelf = Shelf([view(1, State.DEAD)])
    with pytest.raises(Refusal, match="HUB-LAN-003"):
        await shelf.act(view(1).id, Move.RETRY, expected=State.HELD, reason="r", by="b", now=NOW)
    assert shelf.views[0].state is State.DEAD


def test_the_doubles_partner_has_the_fields_of_a_partner_file() -> None:
    assert set(Declaration.model_fields) <= set(Partner.__struct_fields__)
