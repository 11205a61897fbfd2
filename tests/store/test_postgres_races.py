"""What random kills do not find: two transactions that meet at one place, stopped there and let go in a known order.

Each race is also run by somebody who does not take the lock, to see that the lock is what decides it.
"""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import psycopg
import pytest
import pytest_asyncio

from hub.documents.contract import NewUpload, Safety
from hub.lifecycle import Move, State
from hub.store.contract.delivery import Acknowledgement, Settlement
from hub.store.contract.intake import Accepted
from hub.store.contract.mending import Rerouting
from hub.store.contract.store import Stale
from hub.store.postgres import accept as taking
from hub.store.postgres import claim as claiming
from hub.store.postgres import settle as recording
from hub.store.postgres.bell import Hints
from hub.store.postgres.connection import Connection, connect
from hub.store.postgres.rows import keep
from hub.store.sql import accept as accepting
from hub.store.sql import acknowledge, actions, destinations, documents, leases, successors, sweeping, timers
from hub.store.sql import settle as settling
from hub.store.sql.bodies import Pen, destroy
from hub.store.sql.db import Lane, Raced, many, only
from hub.store.sql.times import micros
from hub.store.vault import Vault
from schemas.problems import Refusal
from tests.store.engines import Place, on_postgres
from tests.store.samples import acceptance, at, attempt, deferred, delivered, roomy, sealed, transfer
from tests.store.test_documents import DAY, QUOTA, bring, content, digest, whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from hub.store.contract.delivery import Work
    from hub.store.contract.intake import Acceptance
    from hub.store.contract.store import Store
    from hub.store.sql.db import Rows

T = TypeVar("T")


class Careless(Connection):
    """Somebody who takes no locks."""

    def hold(self, lanes: Iterable[Lane]) -> None: ...

    def hold_lease(self, token: str) -> None: ...

    def hold_leases(self, tokens: Sequence[str]) -> Rows:
        return self.execute("SELECT token, body, since FROM lease WHERE token=ANY(?::text[])", (tokens,))

    def hold_dest(self, dest: int) -> None: ...


class Two:
    """Two connections: ``first`` is in a transaction that this test ends, ``second`` works in a thread."""

    def __init__(self, conninfo: str) -> None:
        self.first, self.second, self._eye = (connect(conninfo, None) for _ in range(3))
        self._thread = ThreadPoolExecutor(1)

    def begin(self) -> Connection:
        self.first.execute("BEGIN")
        return self.first

    def meanwhile(self, work: Callable[[Connection], T]) -> Future[T]:
        """Start ``work`` on the second connection; return when it is done, or waits for the first."""
        future = self._thread.submit(lambda: self.second.transaction(work))
        end = time.monotonic() + 10
        while not future.done() and not self._waits() and time.monotonic() < end:
            time.sleep(0.005)
        return future

    def _waits(self) -> bool:
        row = self._eye.execute(
            "SELECT 1 FROM pg_locks WHERE pid=? AND NOT granted", (self.second.raw.info.backend_pid,)
        ).fetchone()
        return row is not None

    def commit(self) -> None:
        self.first._write_later()
        self.first.execute("COMMIT")

    def careless(self) -> None:
        for side in (self.first, self.second):
            side.__class__ = Careless

    def close(self) -> None:
        self._thread.shutdown()
        for db in (self.first, self.second, self._eye):
            db.close()


@pytest.fixture
def two(database: str) -> Iterator[Two]:
    made = Two(database)
    yield made
    made.close()


@pytest_asyncio.fixture
async def store(database: str, tmp_path: Path) -> AsyncIterator[Store]:
    opened = on_postgres(Place(tmp_path, database), 1)
    await opened.capacities(roomy("so-tnmt"))
    yield opened
    await opened.close()


async def leased(store: Store, *messages: str) -> tuple[Work, ...]:
    """Messages of one dossier, the first under a lease until second 31."""
    for version, message in enumerate(messages):
        await store.accept(acceptance(message, dossier="d1", version=version))
    return await store.claim("w", at(1), 10, 30)


def packed(new: Acceptance) -> accepting.Packed:
    return accepting.Packed(new, None, b"\0" + new.raw, b"\0" + new.canonical)


def accept(db: Connection, *new: Acceptance) -> Accepted:
    """Take messages in as one group; return the last one's receipt, or raise what it is answered."""
    *_, said = taking.accept(db, [packed(one) for one in new])
    if isinstance(said, BaseException):
        raise said
    return said


def settle(db: Connection, work: Work, what: Settlement | None = None) -> bool:
    done = what or Settlement(transfer=work.transfer, move=Move.DELIVER)
    outcomes = {work.transfer: settling.Outcome(done, None, (b"\0",) * len(done.attempts), None)}
    (written,) = recording.settle(db, [recording.Report(work.token, outcomes, micros(at(2)))])
    return written


def claim(db: Connection, token: str = "", now: float = 3) -> list[str]:
    wish = claiming.Wish(token or "T2", "w2", micros(at(now)), 10, micros(at(now + 30)), (), 0)
    return [head.subject for head in claiming.claim(db, Hints(), wish, claiming.due).taken]


# --- the lane's lock


@pytest.mark.parametrize("guarded", [True, False])
async def test_what_comes_in_while_a_lane_empties_gets_its_turn(
    store: Store, two: Two, guarded: bool
) -> None:
    """Mutant (a): a settlement that does not hold the lane loses the wake-up for good, and nothing ever says so."""
    (work,) = await leased(store, "m1")
    if not guarded:
        two.careless()
    assert settle(two.begin(), work)
    coming = two.meanwhile(lambda db: accept(db, acceptance("m2", dossier="d1", version=1)))
    assert coming.done() is not guarded
    two.commit()
    assert coming.result(10).message == "m2"
    broken = await store.conservation()
    following = [one.message for one in await store.claim("w", at(4), 10, 30)]
    assert (bool(broken), following) == ((False, ["m2"]) if guarded else (True, []))


async def test_a_lane_that_waits_is_woken_once(store: Store, two: Two) -> None:
    (work,) = await leased(store, "m1")
    await store.settle(work.token, [deferred(work.transfer, at(10))], at(2))
    timers.tick(two.begin(), micros(at(11)), micros(at(11)))
    again = two.meanwhile(lambda db: timers.tick(db, micros(at(11)), micros(at(11))))
    assert not again.done()
    two.commit()
    again.result(10)
    assert await store.conservation() == ()
    assert [one.message for one in await store.claim("w", at(12), 10, 30)] == ["m1"]


async def test_the_order_of_a_lane_is_that_of_its_lock_whoever_began_first(store: Store, two: Two) -> None:
    """Numbers are drawn under the lane's lock: a lower one never appears behind a higher one that was seen."""
    first = two.begin()
    one, another = acceptance("m1"), acceptance("m2")
    accept(first, _in_lane(one, "x"))
    second = two.meanwhile(lambda db: accept(db, _in_lane(another, "x")))
    assert not second.done()
    two.commit()
    second.result(10)
    (head,) = await store.claim("w", at(1), 10, 30)
    assert head.message == "m1"
    assert await store.conservation() == ()


def _in_lane(new: Acceptance, subject: str) -> Acceptance:
    made = tuple(msgspec.structs.replace(one, lane_subject=subject) for one in new.transfers)
    return msgspec.structs.replace(new, transfers=made)


# --- intake


async def test_two_accepts_of_one_key_bind_it_once(store: Store, two: Two) -> None:
    accept(two.begin(), acceptance("m1", key="k", raw=b"same"))
    again = acceptance("m2", key="k", raw=b"same")
    other = acceptance("m3", key="k", raw=b"other")
    second = two.meanwhile(lambda db: accept(db, again))
    assert not second.done()
    two.commit()
    with pytest.raises(Raced):
        second.result(10)
    replayed = two.meanwhile(lambda db: accept(db, again)).result(10)
    assert (replayed.message, replayed.replayed) == ("m1", True)
    with pytest.raises(Refusal, match="HUB-IDM-002"):
        two.meanwhile(lambda db: accept(db, other)).result(10)
    assert await store.message("m2") is None
    assert await store.conservation() == ()


@pytest.mark.parametrize("known", [False, True])
async def test_of_two_messages_that_were_decided_on_one_version_the_second_is_decided_anew(
    store: Store, two: Two, known: bool
) -> None:
    if known:
        await store.accept(acceptance("m0", dossier="d1"))
    accept(two.begin(), acceptance("m1", dossier="d1", version=int(known)))
    late = acceptance("m2", dossier="d1", version=int(known))
    second = two.meanwhile(lambda db: accept(db, late))
    assert not second.done()
    two.commit()
    with pytest.raises(Raced):
        second.result(10)
    with pytest.raises(Stale):
        two.meanwhile(lambda db: accept(db, late)).result(10)


async def test_a_code_goes_to_one_of_two_dossiers(store: Store, two: Two) -> None:
    one = acceptance("m1", dossier="d1")
    other = msgspec.structs.replace(acceptance("m2", dossier="d2"), aliases=one.aliases)
    accept(two.begin(), one)
    second = two.meanwhile(lambda db: accept(db, other))
    two.commit()
    with pytest.raises(Raced):
        second.result(10)
    with pytest.raises(Stale):
        two.meanwhile(lambda db: accept(db, other)).result(10)
    assert await store.conservation() == ()


# --- claims


async def test_a_destination_is_claimed_from_by_one_at_a_time_and_nobody_waits(
    store: Store, two: Two
) -> None:
    await store.capacities(roomy("so-tnmt", concurrency=1))
    for message in ("m1", "m2"):
        await store.accept(acceptance(message))
    assert len(claim(two.begin(), "T1")) == 1
    second = two.meanwhile(claim)
    assert second.result(10) == []
    two.commit()
    assert two.meanwhile(claim).result(10) == []
    assert await store.conservation() == ()


@pytest.mark.parametrize("guarded", [True, False])
async def test_a_pause_that_returned_has_seen_every_claim(store: Store, two: Two, guarded: bool) -> None:
    await store.accept(acceptance("m1"))
    if not guarded:
        two.careless()
    assert claim(two.begin(), "T1") == ["m1"]
    pausing = two.meanwhile(
        lambda db: destinations.pause(db, "so-tnmt", paused=True, reason="r", by="thu", now=at(4))
    )
    assert pausing.done() is not guarded
    two.commit()
    pausing.result(10)


async def test_a_claim_that_began_before_a_pause_sees_it(store: Store, two: Two) -> None:
    """The destination's row is locked first and read after: what was true when the claim began does not count."""
    await store.accept(acceptance("m1"))
    destinations.pause(two.begin(), "so-tnmt", paused=True, reason="r", by="thu", now=at(4))
    during = two.meanwhile(claim)
    assert during.result(10) == []
    two.commit()
    assert two.meanwhile(claim).result(10) == []


async def test_a_person_who_takes_a_head_and_a_claim_do_not_both_get_it(store: Store, two: Two) -> None:
    await store.accept(acceptance("m1"))
    order = actions.Order("m1.so-tnmt.0", Move.HOLD, State.WAITING, "r", "thu")
    actions.act(two.begin(), order, micros(at(2)))
    claimed = two.meanwhile(claim)
    assert not claimed.done()
    two.commit()
    assert claimed.result(10) == []
    assert await store.conservation() == ()


async def test_a_claim_that_was_quicker_than_a_person_keeps_its_head(store: Store, two: Two) -> None:
    await store.accept(acceptance("m1"))
    assert claim(two.begin()) == ["m1"]
    order = actions.Order("m1.so-tnmt.0", Move.HOLD, State.WAITING, "r", "thu")
    held = two.meanwhile(lambda db: actions.act(db, order, micros(at(4))))
    assert not held.done()
    two.commit()
    with pytest.raises(Raced):
        held.result(10)
    with pytest.raises(Refusal, match="HUB-LAN-003"):
        two.meanwhile(lambda db: actions.act(db, order, micros(at(4)))).result(10)
    assert await store.conservation() == ()


# --- leases


@pytest.mark.parametrize("guarded", [True, False])
async def test_of_two_settlements_of_one_transfer_one_counts(store: Store, two: Two, guarded: bool) -> None:
    (work,) = await leased(store, "m1", "m2")
    if not guarded:
        two.careless()
    assert settle(two.begin(), work)
    second = two.meanwhile(lambda db: settle(db, work))
    two.commit()
    if guarded:
        assert not second.result(10)
        assert await store.conservation() == ()
    else:
        with pytest.raises((psycopg.errors.IntegrityError, Raced)):
            second.result(10)


async def test_two_who_expire_a_lease_give_it_back_once(store: Store, two: Two) -> None:
    await leased(store, "m1")
    assert leases.expire(two.begin(), micros(at(40)), micros(at(40)), 10) == 1
    second = two.meanwhile(lambda db: leases.expire(db, micros(at(40)), micros(at(40)), 10))
    assert not second.done()
    two.commit()
    second.result(10)
    assert await store.conservation() == ()
    assert [one.message for one in await store.claim("w", at(41), 10, 30)] == ["m1"]


async def test_a_lease_that_was_renewed_just_before_does_not_expire(store: Store, two: Two) -> None:
    (work,) = await leased(store, "m1")
    assert leases.renew(two.begin(), work.token, micros(at(70)))
    expiring = two.meanwhile(lambda db: leases.expire(db, micros(at(40)), micros(at(40)), 10))
    assert not expiring.done()
    two.commit()
    expiring.result(10)
    assert await store.settle(work.token, [delivered(work.transfer)], at(41))


async def test_a_lease_that_expired_just_before_is_not_renewed(store: Store, two: Two) -> None:
    (work,) = await leased(store, "m1")
    leases.expire(two.begin(), micros(at(40)), micros(at(40)), 10)
    renewing = two.meanwhile(lambda db: leases.renew(db, work.token, micros(at(70))))
    assert not renewing.done()
    two.commit()
    assert renewing.result(10) is False


async def test_a_lease_does_not_expire_under_a_settlement(store: Store, two: Two) -> None:
    (work,) = await leased(store, "m1", "m2")
    assert settle(two.begin(), work)
    expiring = two.meanwhile(lambda db: leases.expire(db, micros(at(40)), micros(at(40)), 10))
    assert not expiring.done()
    two.commit()
    expiring.result(10)
    view = await store.transfer(work.transfer)
    assert view is not None
    assert view.state is State.DELIVERED
    assert await store.conservation() == ()


async def test_deadlocks_are_done_again_and_everything_is_settled(
    store: Store, database: str, tmp_path: Path
) -> None:
    """Mutant (b): two workers on the same destinations, in opposite orders of their transfers."""
    partners = ("p1", "p2", "p3")
    await store.capacities(roomy(*partners))
    others = [on_postgres(Place(tmp_path, database), n) for n in (2, 3)]
    for n in range(30):
        await store.accept(acceptance(f"m{n}", partners=partners))

    async def work(one: Store, name: str) -> int:
        done = 0
        while works := await one.claim(name, at(1), 7, 30):
            assert await one.settle(works[0].token, [delivered(w.transfer) for w in reversed(works)], at(2))
            done += len(works)
        return done

    counts = await asyncio.gather(*(work(one, f"w{n}") for n, one in enumerate(others)))
    rest = await work(store, "w9")
    assert sum(counts) + rest == 90
    assert await store.conservation() == ()
    for one in others:
        await one.close()


# --- documents: a sweep and somebody who brings the same content ---------------------------------------------------

DATA = content(1000)
BY = sweeping.Bounds(micros(at(1000)), 1_000_000, 10**12)


async def idle(store: Store) -> None:
    """A document that nobody holds for longer than the grace."""
    await bring(store, "u1", DATA)
    await store.documents.cancel("u1", at(2))


async def coming(store: Store) -> None:
    """The same content again, all of it on disk and only its row still missing."""
    told = NewUpload(
        id="u2",
        sender="another",
        sha256=digest(DATA),
        size=len(DATA),
        media_type="x/y",
        name="",
        until=at(DAY),
    )
    await store.documents.announce(told, quota=QUOTA, now=at(900))
    async with await store.documents.receive("u2", 0) as incoming:
        await incoming.write(DATA)
        await incoming.keep()
        draft: Any = incoming
        draft._draft.finish()


def done(store: Store) -> Any:
    bodies: Any = store.documents
    return lambda db: documents.done(
        db, bodies.bodies, "u2", digest(DATA), micros(at(950)), Safety.CLEAN, None
    )


async def test_a_sweep_that_looked_before_the_content_was_held_again_takes_nothing(
    store: Store, two: Two
) -> None:
    await idle(store)
    await coming(store)
    done(store)(two.begin())
    swept = two.meanwhile(lambda db: sweeping.unused(db, BY))
    assert not swept.done()
    two.commit()
    assert swept.result() == []
    assert await whole(store.documents.content(digest(DATA))) == DATA


async def test_content_that_comes_while_it_is_swept_stands_in_a_file_of_its_own(
    store: Store, two: Two
) -> None:
    await idle(store)
    await coming(store)
    (old,) = sweeping.unused(two.begin(), BY)
    brought = two.meanwhile(done(store))
    assert not brought.done()
    two.commit()
    assert brought.result() == ""
    assert only(two.first, "SELECT file FROM document") != (old,)
    assert many(two.first, "SELECT refs FROM document") == [(1,)]
    assert await whole(store.documents.content(digest(DATA))) == DATA


class Interrupted(Connection):
    """Somebody who is overtaken after it found that the content is there already."""

    overtake: Callable[[], object]

    def execute(self, query: str, bindings: Sequence[Any] = ()) -> Rows:
        rows = super().execute(query, bindings)
        if query.startswith("INSERT INTO document"):
            self.overtake()
        return rows


async def test_content_that_is_swept_after_it_was_seen_is_brought_anew(store: Store, two: Two) -> None:
    """What was found is not locked yet: without a second look the upload would be done and its content gone."""
    await idle(store)
    await coming(store)
    bringing: Any = two.first
    bringing.__class__ = Interrupted
    bringing.overtake = lambda: two.second.transaction(lambda db: sweeping.unused(db, BY))
    with pytest.raises(Raced):
        bringing.transaction(done(store))
    assert bringing.transaction(done(store)) == ""
    assert many(two.first, "SELECT refs FROM document") == [(1,)]
    assert await whole(store.documents.content(digest(DATA))) == DATA


# --- what partners say late, against the end of the wait for it


def receipt(db: Connection, transfer: str) -> State:
    """The partner's receipt for a transfer; return its state by then."""
    said = Acknowledgement(partner="so-tnmt", raw=b"r", received_at=at(100), said_at=at(100))
    taken = acknowledge.acknowledge(db, acknowledge.Packed(said, transfer, "digest", None, b"\0r"))
    assert taken is not None
    return taken.state


async def awaited(store: Store) -> str:
    """Return a delivered transfer whose receipt is awaited until second 50."""
    (work,) = await leased(store, "m1")
    await store.settle(work.token, [delivered(work.transfer, receipt_by=at(50))], at(2))
    return work.transfer


@pytest.mark.parametrize("guarded", [True, False])
async def test_a_receipt_at_the_moment_its_wait_expires_is_counted_once(
    store: Store, two: Two, guarded: bool
) -> None:
    """Without the lane's lock the receipt does not see the mark that it takes away, and the count of overdue ones stays."""
    transfer = await awaited(store)
    if not guarded:
        two.careless()
    assert acknowledge.expire(two.begin(), micros(at(60)), 10) == 1
    coming = two.meanwhile(lambda db: receipt(db, transfer))
    assert not coming.done()
    two.commit()
    assert coming.result(10) is State.ACKNOWLEDGED
    view = await store.transfer(transfer)
    assert view is not None
    assert (view.state, view.problem) == (State.ACKNOWLEDGED, "")
    (row,) = [one for one in await store.queue() if one.partner == "so-tnmt"]
    assert row.overdue == (0 if guarded else 1)


async def test_a_wait_that_expires_behind_its_receipt_marks_nothing(store: Store, two: Two) -> None:
    transfer = await awaited(store)
    assert receipt(two.begin(), transfer) is State.ACKNOWLEDGED
    expiring = two.meanwhile(lambda db: acknowledge.expire(db, micros(at(60)), 10))
    assert not expiring.done()
    two.commit()
    expiring.result(10)
    view = await store.transfer(transfer)
    assert view is not None
    assert (view.state, view.problem) == (State.ACKNOWLEDGED, "")
    assert await store.conservation() == ()


@pytest.mark.parametrize("guarded", [True, False])
async def test_a_receipt_that_comes_while_its_transfer_is_settled_wins(
    store: Store, two: Two, guarded: bool
) -> None:
    """Without the lane's lock it does not see that the lease ended, and is kept without being counted."""
    (work,) = await leased(store, "m1", "m2")
    await store.seal(work.token, {work.transfer: sealed()})
    if not guarded:
        two.careless()
    assert settle(two.begin(), work, deferred(work.transfer, at(10)))
    coming = two.meanwhile(lambda db: receipt(db, work.transfer))
    assert not coming.done()
    two.commit()
    coming.result(10)
    view = await store.transfer(work.transfer)
    assert view is not None
    assert (view.state is State.ACKNOWLEDGED) is guarded


async def test_what_its_receipt_proved_meanwhile_is_settled_whatever_the_worker_says(
    store: Store, two: Two
) -> None:
    (work,) = await leased(store, "m1")
    await store.seal(work.token, {work.transfer: sealed()})
    two.second.transaction(lambda db: receipt(db, work.transfer))
    assert await store.settle(work.token, [deferred(work.transfer, at(10))], at(2))
    view = await store.transfer(work.transfer)
    assert view is not None
    assert (view.state, view.settled_at, view.wake_at) == (State.ACKNOWLEDGED, at(2), None)


# --- what persons decide, against a worker's settlement


def decides(move: Move, transfer: str, saw: State) -> Callable[[Connection], int]:
    order = actions.Order(transfer, move, saw, "r", "thu")
    return lambda db: actions.act(db, order, micros(at(3)))


@pytest.mark.parametrize("guarded", [True, False])
async def test_what_a_person_holds_while_its_turn_comes_is_not_sent(
    store: Store, two: Two, guarded: bool
) -> None:
    (work,) = await leased(store, "m1", "m2")
    if not guarded:
        two.careless()
    assert settle(two.begin(), work)
    held = two.meanwhile(decides(Move.HOLD, "m2.so-tnmt.0", State.WAITING))
    assert held.done() is not guarded
    two.commit()
    held.result(10)
    following = [one.message for one in await store.claim("w", at(4), 10, 30)]
    assert following == ([] if guarded else ["m2"])


@pytest.mark.parametrize("guarded", [True, False])
async def test_a_settlement_passes_by_what_a_person_withdraws_at_that_moment(
    store: Store, two: Two, guarded: bool
) -> None:
    (work,) = await leased(store, "m1", "m2", "m3")
    if not guarded:
        two.careless()
    decides(Move.WITHDRAW, "m2.so-tnmt.0", State.WAITING)(two.begin())
    settling_ = two.meanwhile(lambda db: settle(db, work))
    assert not settling_.done()
    two.commit()
    assert settling_.result(10)
    assert bool(await store.conservation()) is not guarded


@pytest.mark.parametrize("guarded", [True, False])
async def test_what_a_person_skips_was_not_delivered_meanwhile(store: Store, two: Two, guarded: bool) -> None:
    """Who decides on what a worker has in hand is refused, whichever of the two ends first."""
    (work,) = await leased(store, "m1", "m2")
    if not guarded:
        two.careless()
    assert settle(two.begin(), work)
    skipping = two.meanwhile(decides(Move.SKIP, work.transfer, State.IN_DOUBT))
    assert skipping.done() is not guarded
    two.commit()
    with pytest.raises(Refusal, match="HUB-LAN-003" if guarded else "HUB-LAN-002"):
        skipping.result(10)
    assert await store.conservation() == ()


@pytest.mark.parametrize("guarded", [True, False])
async def test_what_a_person_sends_anyway_gets_its_turn_when_its_lane_empties(
    store: Store, two: Two, guarded: bool
) -> None:
    """Where order does not matter it had stepped aside; it comes back into a lane whose last transfer is being settled."""
    await store.capacities(roomy("so-tnmt", order_sensitive=False))
    (first,) = await leased(store, "m1", "m2")
    refused = Settlement(transfer=first.transfer, move=Move.EXHAUST, attempts=(attempt("unsure"),))
    await store.settle(first.token, [refused], at(2))
    (last,) = await store.claim("w", at(2), 10, 30)
    if not guarded:
        two.careless()
    decides(Move.SEND_ANYWAY, first.transfer, State.DEAD)(two.begin())
    settling_ = two.meanwhile(lambda db: settle(db, last))
    assert settling_.done() is not guarded
    two.commit()
    assert settling_.result(10)
    await store.tick(at(4))
    following = [one.message for one in await store.claim("w", at(4), 10, 30)]
    assert (following, bool(await store.conservation())) == ((["m1"], False) if guarded else ([], True))


@pytest.mark.parametrize("guarded", [True, False])
async def test_what_a_person_routes_again_gets_its_turn_when_its_new_lane_empties(
    store: Store, two: Two, guarded: bool
) -> None:
    await store.capacities(roomy("thue"))
    await store.accept(acceptance("m1", dossier="d1", partners=("thue",)))
    await store.accept(acceptance("m2", dossier="d1", version=1, problem="HUB-ROU-001"))
    (work,) = await store.claim("w", at(1), 10, 30)
    again = Rerouting(
        old="m2.so-tnmt.0",
        transfers=(transfer("m2", "thue", subject="d1"),),
        rule="r",
        reason="r",
        by="thu",
        expected_version=2,
        story=b"{}",
    )
    if not guarded:
        two.careless()
    assert settle(two.begin(), work)
    routing = two.meanwhile(lambda db: successors.reroute(db, again, micros(at(3))))
    assert routing.done() is not guarded
    two.commit()
    assert routing.result(10) == ["m2.thue.0"]
    following = [one.transfer for one in await store.claim("w", at(4), 10, 30)]
    assert (following, bool(await store.conservation())) == (
        (["m2.thue.0"], False) if guarded else ([], True)
    )


# --- groups


async def test_a_key_that_something_is_written_under_is_destroyed_only_afterwards(
    store: Store, two: Two
) -> None:
    """Whoever destroys it looks then for what is undelivered, and finds what was written."""
    await store.accept(acceptance("m1", dossier="d1"))
    pen = Pen(Vault(b"m" * 32, os.urandom).create("d1"), fresh=True)
    two.second.transaction(lambda db: keep(db, [(pen, ())]))
    keep(two.begin(), [(pen._replace(fresh=False), (b"\0x",))])
    destroying = two.meanwhile(lambda db: destroy(db, ["d1"]))
    assert not destroying.done()
    two.commit()
    with pytest.raises(Refusal, match="HUB-LAN-002"):
        destroying.result(10)


async def test_two_groups_that_take_the_same_lanes_in_turn_are_both_written(store: Store, two: Two) -> None:
    """Each takes its leases, its lanes and its destinations in one order for all, so they queue up and never embrace."""
    await store.capacities(roomy("p1", "p2"))
    for n in range(4):
        await store.accept(acceptance(f"m{n}", partners=("p1", "p2")))
    works = [(await store.claim("w", at(1), 4, 30)) for _ in range(2)]
    reports = [
        recording.Report(
            group[0].token,
            {
                one.transfer: settling.Outcome(
                    Settlement(transfer=one.transfer, move=Move.DELIVER), None, (), None
                )
                for one in reversed(group)
            },
            micros(at(2)),
        )
        for group in works
    ]
    assert recording.settle(two.begin(), reports[:1]) == [True]
    second = two.meanwhile(lambda db: recording.settle(db, reports[::-1]))
    assert not second.done()
    two.commit()
    assert second.result(10) == [True, False]
    assert await store.conservation() == ()


async def test_two_groups_of_messages_with_the_same_keys_bind_each_once(store: Store, two: Two) -> None:
    group = [acceptance(f"m{n}", key=f"k{n}", raw=b"same") for n in range(3)]
    taking.accept(two.begin(), [packed(one) for one in group])
    again = [acceptance(f"x{n}", key=f"k{n}", raw=b"same") for n in reversed(range(4))]
    second = two.meanwhile(lambda db: taking.accept(db, [packed(one) for one in again]))
    assert not second.done()
    two.commit()
    with pytest.raises(Raced):
        second.result(10)
    said = two.meanwhile(lambda db: taking.accept(db, [packed(one) for one in again])).result(10)
    assert [one.message for one in said if isinstance(one, Accepted)] == ["x3", "m2", "m1", "m0"]
    assert await store.conservation() == ()


async def test_a_claim_and_a_settlement_of_one_destination_count_what_is_under_way_exactly(
    store: Store, two: Two
) -> None:
    (work,) = await leased(store, "m1")
    await store.accept(acceptance("m2"))
    assert claim(two.begin()) == ["m2"]
    settling_ = two.meanwhile(lambda db: settle(db, work))
    assert not settling_.done()
    two.commit()
    assert settling_.result(10)
    assert many(
        two.first, "SELECT in_flight FROM dest_run r JOIN dest d ON d.id=r.id WHERE partner='so-tnmt'"
    ) == [(1,)]
