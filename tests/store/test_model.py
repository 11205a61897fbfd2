"""The queue against a model of it: whatever happens in whatever order, both say the same of every transfer."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hub.lifecycle import ALONE, DONE, MOVES, PERSONS, IllegalMove, Move, State, move
from hub.store.contract.delivery import Acknowledgement, Capacity, Settlement
from hub.store.contract.mending import Correction
from hub.store.contract.views import Filter
from schemas.problems import Refusal
from tests.store.engines import Place, on_postgres, on_sqlite
from tests.store.samples import acceptance, at, sealed

if TYPE_CHECKING:
    from tests.doubles.postgres import Cluster

STRICT, LOOSE = "so-tnmt", "dvcqg"
CAP = {STRICT: 2, LOOSE: 3}
LEASE = 10.0
AT_ONCE = {Move.RETRY, Move.RESEND, Move.SEND_ANYWAY}
Lane = tuple[str, str]


@dataclass
class Copy:
    """What the model knows of one transfer."""

    id: str
    order: int
    lane: Lane
    state: State
    wake: float | None = None
    sealed: bool = False
    attempts: int = 0
    receipt: bool = False  # the partner's came


@dataclass
class Model:
    transfers: dict[str, Copy] = field(default_factory=dict)
    lanes: dict[Lane, list[Copy]] = field(default_factory=dict)
    ticket: dict[Lane, str] = field(default_factory=dict)
    leases: dict[str, tuple[float, dict[str, Copy]]] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)

    def leased(self) -> dict[str, Copy]:
        return {id_: copy for _, group in self.leases.values() for id_, copy in group.items()}

    def under_way(self, partner: str) -> int:
        return sum(copy.lane[0] == partner for copy in self.leased().values())

    def enter(self, copy: Copy) -> None:
        line = self.lanes.setdefault(copy.lane, [])
        line.append(copy)
        line.sort(key=lambda one: one.order)

    def belongs(self, copy: Copy) -> bool:
        if copy.state in DONE:
            return False
        sleeps = copy.state is State.WAITING or (copy.state is State.IN_DOUBT and copy.wake is not None)
        return sleeps or copy.lane[0] == STRICT

    def place(self, lane: Lane, now: float) -> None:
        line = self.lanes.get(lane, [])
        if not line:
            self.ticket.pop(lane, None)
            return
        head = line[0]
        if head.state is State.WAITING or (head.state is State.IN_DOUBT and head.wake is not None):
            self.ticket[lane] = "wait" if head.wake is not None and head.wake > now else "ready"
        else:
            self.ticket[lane] = "stopped"

    def review(self, copy: Copy, now: float) -> None:
        """After a change of state: in or out of the lane, and the ticket where it belongs unless it is leased."""
        line = self.lanes.setdefault(copy.lane, [])
        if self.belongs(copy) and copy not in line:
            self.enter(copy)
        elif not self.belongs(copy) and copy in line:
            line.remove(copy)
        if not any(one.lane == copy.lane for one in self.leased().values()):
            self.place(copy.lane, now)


class Queue(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.opened = 0
        self.store = self.run(self._open())
        self.model = Model()
        self.now = 1.0
        self.count = 0
        self.versions: dict[str, int] = {}
        capacities = [
            Capacity(partner=partner, concurrency=cap, order_sensitive=partner == STRICT)
            for partner, cap in CAP.items()
        ]
        self.run(self.store.capacities(capacities))

    async def _open(self) -> Any:
        return on_sqlite(Place(self.folder, ""), self.opened)

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.run(self.store.close())
            self.runner.close()
            shutil.rmtree(self.folder)

    # --- what happens

    @rule(
        dossier=st.sampled_from(["d1", "d2"]),
        partners=st.sampled_from([(STRICT,), (LOOSE,), (STRICT, LOOSE)]),
        parked=st.booleans(),
        doubted=st.booleans(),
    )
    def accept(self, dossier: str, partners: tuple[str, ...], parked: bool, doubted: bool) -> None:
        self.count += 1
        version = self.versions.get(dossier, 0)
        name = f"m{self.count}"
        problem = "HUB-MAP-002" if parked else ""
        self.run(
            self.store.accept(
                acceptance(
                    name,
                    dossier=dossier,
                    version=version,
                    partners=partners,
                    problem=problem,
                    doubt="HUB-STO-006" if doubted else "",
                    when=at(self.now),
                )
            )
        )
        self.versions[dossier] = version + 1
        for partner in partners:
            lane = (partner, dossier)
            copy = Copy(
                f"{name}.{partner}.0",
                len(self.model.transfers),
                lane,
                State.PARKED if parked else State.IN_DOUBT if doubted else State.WAITING,
                wake=self.now if doubted and not parked else None,
            )
            self.model.transfers[copy.id] = copy
            alone = not self.model.lanes.get(lane)
            if self.model.belongs(copy):
                self.model.enter(copy)
                if alone:
                    self.model.place(lane, self.now)

    @rule(limit=st.integers(1, 5))
    def claim(self, limit: int) -> None:
        works = self.run(self.store.claim("w", at(self.now), limit, LEASE))
        ready = {
            self.model.lanes[lane][0].id
            for lane, shelf in self.model.ticket.items()
            if shelf == "ready" and lane[0] not in self.model.paused
        }
        possible = {
            partner: min(
                CAP[partner] - self.model.under_way(partner),
                sum(self.model.transfers[id_].lane[0] == partner for id_ in ready),
            )
            for partner in CAP
        }
        assert {work.transfer for work in works} <= ready
        assert len(works) == min(limit, sum(possible.values()))
        for work in works:
            copy = self.model.transfers[work.transfer]
            assert work.doubt == (copy.state is State.IN_DOUBT)
            assert (work.sealed is not None, work.attempts) == (copy.sealed, copy.attempts)
            self.model.ticket[copy.lane] = "lease"
            _, group = self.model.leases.setdefault(work.token, (self.now + LEASE, {}))
            group[work.transfer] = copy

    @precondition(lambda self: self.model.leases)
    @rule(data=st.data())
    def seal(self, data: st.DataObject) -> None:
        token, id_ = self._some_lease(data)
        assert self.run(self.store.seal(token, {id_: sealed(id_)}))
        self.model.transfers[id_].sealed = True

    @precondition(lambda self: self.model.leases)
    @rule(
        data=st.data(),
        by=st.sampled_from(
            [Move.DELIVER, Move.DELIVER, Move.DEFER, Move.REFUSE, Move.EXHAUST, Move.PARK, Move.UNSENT, None]
        ),
        wait=st.sampled_from([None, 0.0, 5.0, 20.0]),
        counts=st.booleans(),
    )
    def settle(self, data: st.DataObject, by: Move | None, wait: float | None, counts: bool) -> None:
        token, id_ = self._some_lease(data)
        wake = None if wait is None else self.now + wait
        what = Settlement(transfer=id_, move=by, wake_at=None if wake is None else at(wake), counts=counts)
        assert self.run(self.store.settle(token, [what], at(self.now)))
        _, group = self.model.leases[token]
        copy = group.pop(id_)
        if not group:
            del self.model.leases[token]
        copy.state = State.IN_DOUBT if by is None else move(State.IN_DOUBT, by)
        copy.state = State.ACKNOWLEDGED if copy.receipt else copy.state
        copy.wake = wake if copy.state in {State.WAITING, State.IN_DOUBT} else None
        copy.attempts += int(counts and by not in {Move.UNSENT, Move.PARK})
        self.model.review(copy, self.now)

    def _some_lease(self, data: st.DataObject) -> tuple[str, str]:
        token = data.draw(st.sampled_from(sorted(self.model.leases)))
        return token, data.draw(st.sampled_from(sorted(self.model.leases[token][1])))

    @rule(seconds=st.sampled_from([0.5, 6.0, 11.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.now += seconds
        self.run(self.store.tick(at(self.now)))
        for token, (until, group) in list(self.model.leases.items()):
            if until <= self.now:
                del self.model.leases[token]
                for copy in group.values():
                    copy.state = State.IN_DOUBT if copy.sealed else copy.state
                    copy.state = State.ACKNOWLEDGED if copy.receipt else copy.state
                    copy.wake = None if copy.receipt else self.now
                for copy in group.values():
                    self.model.review(copy, self.now)
        for lane, shelf in self.model.ticket.items():
            wake = self.model.lanes[lane][0].wake
            if shelf == "wait" and wake is not None and wake <= self.now:
                self.model.ticket[lane] = "ready"

    @precondition(lambda self: self.model.transfers)
    @rule(data=st.data(), by=st.sampled_from(sorted(PERSONS)))
    def person(self, data: st.DataObject, by: Move) -> None:
        copy = self.model.transfers[data.draw(st.sampled_from(sorted(self.model.transfers)))]
        leased, shown = self._shown(copy)
        line = self.model.lanes.get(copy.lane, [])
        try:
            after = move(shown, by)
            if leased or by not in ALONE or (by is Move.SKIP and copy in line and line[0] is not copy):
                raise IllegalMove  # noqa: TRY301 - the model says no in one place
        except IllegalMove:
            after = None
        order = self.store.act(
            copy.id, by, expected=shown, reason="r", by="thu", now=at(self.now), approver="hoa"
        )
        try:
            self.run(order)
        except Refusal:
            assert after is None
            return
        assert after is not None
        copy.state = after
        copy.wake = self.now if by in AT_ONCE else None
        copy.attempts = 0 if by in AT_ONCE else copy.attempts
        self.model.review(copy, self.now)

    def _shown(self, copy: Copy) -> tuple[bool, State]:
        leased = copy.id in self.model.leased()
        return leased, State.IN_DOUBT if leased else copy.state

    @precondition(lambda self: self.model.transfers)
    @rule(data=st.data())
    def receipt(self, data: st.DataObject) -> None:
        copy = self.model.transfers[data.draw(st.sampled_from(sorted(self.model.transfers)))]
        leased, shown = self._shown(copy)
        key = self.run(self.store.transfer(copy.id)).key
        said = Acknowledgement(
            partner=copy.lane[0], raw=key.encode(), received_at=at(self.now), said_at=at(self.now), key=key
        )
        may_be_there = copy.receipt or copy.state is State.IN_DOUBT or (copy.sealed and leased)
        try:
            taken = self.run(self.store.acknowledge(said))
        except Refusal as refusal:
            assert (refusal.code, may_be_there) == ("HUB-RCP-003", False)  # noqa: PT017 - both answers are the rule
            return
        assert may_be_there
        assert taken.replayed == copy.receipt
        assert taken.state is (State.ACKNOWLEDGED if not copy.receipt else taken.state)
        if copy.receipt:
            return
        copy.receipt = True
        if not leased:
            copy.state, copy.wake = MOVES[shown, Move.ACKNOWLEDGE], None
            self.model.review(copy, self.now)

    @precondition(lambda self: self.model.transfers)
    @rule(data=st.data())
    def correct(self, data: st.DataObject) -> None:
        copy = self.model.transfers[data.draw(st.sampled_from(sorted(self.model.transfers)))]
        leased, shown = self._shown(copy)
        self.count += 1
        new = f"{copy.id}+{self.count}"
        what = Correction(
            old=copy.id, new=new, operation="submit", expected=shown, tries=0, reason="r", by="thu"
        )
        try:
            view = self.run(self.store.correct(what, at(self.now)))
        except Refusal:
            assert leased or (shown, Move.SUPERSEDE) not in MOVES
            return
        assert not leased
        assert (view.id, view.supersedes, view.state) == (new, copy.id, State.WAITING)
        self.model.transfers[new] = Copy(new, copy.order, copy.lane, State.WAITING)
        copy.state, copy.wake, copy.order = State.WITHDRAWN, None, -1
        line = self.model.lanes.setdefault(copy.lane, [])
        if copy in line:
            line.remove(copy)
        self.model.review(self.model.transfers[new], self.now)

    @rule(partner=st.sampled_from([STRICT, LOOSE]))
    def pause_or_resume(self, partner: str) -> None:
        paused = partner not in self.model.paused
        self.run(self.store.pause(partner, paused=paused, reason="r", by="thu", now=at(self.now)))
        self.model.paused ^= {partner}

    @rule()
    def the_process_starts_again(self) -> None:
        self.run(self.store.close())
        self.opened += 1
        self.store = self.run(self._open())

    # --- what must always be true

    @invariant()
    def both_say_the_same(self) -> None:
        if not hasattr(self, "model"):
            return
        views = {view.id: view for view in self.run(self.store.transfers(Filter(limit=1000)))}
        leased = self.model.leased()
        assert views.keys() == self.model.transfers.keys()
        for id_, copy in self.model.transfers.items():
            being_sent = State.ACKNOWLEDGED if copy.receipt else State.IN_DOUBT
            assert views[id_].state is (being_sent if id_ in leased else copy.state)
            line = self.model.lanes.get(copy.lane, [])
            assert views[id_].blocked == (copy in line and line[0] is not copy and id_ not in leased)
        assert self.run(self.store.conservation()) == ()


Queue.TestCase.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestQueue = Queue.TestCase


def test_postgres_says_the_same_as_the_model(cluster: Cluster, migrated: str) -> None:
    """Fewer examples: each step is a commit on a server."""

    class OnPostgres(Queue):
        async def _open(self) -> Any:
            return on_postgres(Place(self.folder, cluster.conninfo(migrated)), self.opened)

        def teardown(self) -> None:
            super().teardown()
            cluster.empty(migrated)

    run_state_machine_as_test(
        OnPostgres, settings=settings(Queue.TestCase.settings, max_examples=3, stateful_step_count=20)
    )
