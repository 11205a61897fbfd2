"""Take a message in: dedupe memory, dossier, message, transfers, their places in the lanes, journal. One transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.delivery.supplying import said
from hub.lifecycle import State
from hub.receipts.receipts import signer_of
from hub.store.contract.intake import Accepted, Known
from hub.store.contract.store import Stale
from hub.store.sql import destinations, journal, lanes, lateness, leaving, ledger, tellings
from hub.store.sql.bodies import Pen, keep
from hub.store.sql.counters import Tally
from hub.store.sql.db import Db, Lane, Raced, one, only
from hub.store.sql.times import micros
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hub.store.contract.intake import Acceptance, NewTransfer


class Packed(NamedTuple):
    """An acceptance whose payloads are ready for their columns. ``enclose``: gives its documents to its dossier. ``tells``: go with it."""

    acceptance: Acceptance
    pen: Pen | None
    raw: bytes
    canonical: bytes
    enclose: Callable[[Db], None] | None = None
    tells: tuple[Packed, ...] = ()


def replay(db: Db, sender: str, key: str, digest: str | None) -> Accepted | None:
    """Return what was answered to the same bytes; ``None`` for ``digest``: to whatever came under the key."""
    row = one(
        db,
        "SELECT s.digest, s.message, m.receipt, m.confirmation FROM seen s LEFT JOIN message m ON m.id=s.message WHERE s.sender=? AND s.key=?",
        (sender, key),
    )
    if row is None:
        return None
    if digest is not None and row[0] != digest:
        raise refuse("HUB-IDM-002", "Idempotency-Key")
    return Accepted(message=row[1], receipt=row[2], replayed=True, confirmation=row[3] or "")


def accept(db: Db, packed: Packed, *, follow_up: bool = False) -> Accepted:
    """Raise ``Stale`` or a ``Refusal``.

    A follow-up of the hub's own does not claim to know the dossier's version, and
    who loses a race to write it, in other words and at another time, finds it written.
    """
    new = packed.acceptance
    for key in new.keys:
        known = replay(db, new.sender, key, None if follow_up or new.clocked else new.digest)
        if known is not None:
            return known
    if new.stages is not None and new.stages != decided_by(db, [new]):
        raise Stale
    for key in sorted(new.keys):
        _bind(db, new, key)
    if new.dossier is not None:
        _dossier(db, new, follow_up=follow_up)
    keep(db, packed.pen, packed.raw, packed.canonical)
    if packed.enclose is not None:
        packed.enclose(db)
    at = micros(new.accepted_at)
    message = _message(db, packed, at)
    journal.write(db, at, "accepted", new.message, facts=accepted_facts(new))
    ledger.write(db, new)
    tellings.write(db, new)
    tally = Tally()
    dests = {transfer.partner: destinations.named(db, transfer.partner) for transfer in new.transfers}
    db.hold(
        (*(Lane(each.lane_subject, dests[each.partner][0]) for each in new.transfers), *lanes_of(db, packed))
    )
    for transfer in new.transfers:
        come(db, tally, transfer, Into(new.message, message, at, *dests[transfer.partner]))
    tally.write(db)
    watch(db, new.transfers)
    for told in packed.tells:
        accept(db, told, follow_up=True)
    return Accepted(message=new.message, receipt=new.receipt, confirmation=new.confirmation)


def lanes_of(db: Db, packed: Packed) -> list[Lane]:
    """The lanes of what tells of a message's parked transfers: held with its own, because locks are taken in one order."""
    coming = [each for told in packed.tells for each in told.acceptance.transfers]
    return [Lane(each.lane_subject, destinations.named(db, each.partner)[0]) for each in coming]


def decided_by(db: Db, new: Iterable[Acceptance]) -> int | None:
    """Return the edition of the stages that counts until this transaction ends; ``None`` where nothing was decided by one."""
    if all(one.stages is None for one in new):
        return None
    db.hold_stages(alone=False)
    return leaving.edition(db)


def accepted_facts(new: Acceptance) -> dict[str, str]:
    """Return what the journal says of it: what it came with, and which key of ours signed its receipt."""
    return {**new.facts, "digest": new.digest, "kind": new.kind, **journal.by(signer_of(new.confirmation))}


def _bind(db: Db, new: Acceptance, key: str) -> None:
    db.execute(
        "INSERT INTO seen(sender,key,digest,message) VALUES(?,?,?,?) ON CONFLICT DO NOTHING",
        (new.sender, key, new.digest, new.message),
    )
    if not db.changes():
        raise Raced(key)


def _dossier(db: Db, new: Acceptance, *, follow_up: bool) -> None:
    row = one(db, "SELECT version FROM dossier WHERE id=?", (new.dossier,))
    version = row[0] if row else 0
    if follow_up:
        if row is None:
            raise Stale
        return
    if version != new.expected_version:
        raise Stale
    if row is None:
        db.execute(
            "INSERT INTO dossier(id,origin,version,story,truth) VALUES(?,?,1,?,?) ON CONFLICT DO NOTHING",
            (new.dossier, new.sender, new.story, new.truth),
        )
    else:
        db.execute(
            "UPDATE dossier SET version=version+1, story=?, truth=? WHERE id=? AND version=?",
            (new.story, new.truth, new.dossier, version),
        )
    if not db.changes():  # it moved since it was read
        raise Stale
    _aliases(db, new)


def _aliases(db: Db, new: Acceptance) -> None:
    """A first code that already names another dossier: read again. A further one: that dossier is someone else's."""
    for rank, alias in enumerate(new.aliases):
        row = one(db, "SELECT dossier FROM alias WHERE code=? AND authority=?", (alias.code, alias.authority))
        if row is None:
            db.execute(
                "INSERT INTO alias(code,authority,dossier,rank) VALUES(?,?,?,?) ON CONFLICT DO NOTHING",
                (alias.code, alias.authority, new.dossier, rank if new.expected_version == 0 else rank + 1),
            )
            if not db.changes():
                raise Raced(alias.code)
        elif row[0] != new.dossier:
            if rank == 0:
                raise Stale
            raise refuse("HUB-DOS-003", f"/dossier/aliases/{rank}")


def _message(db: Db, packed: Packed, at: int) -> int:
    new = packed.acceptance
    (n,) = only(
        db,
        "INSERT INTO message(id,sender,key,kind,digest,dossier,accepted_at,parts,media_type,headers,receipt,canonical,raw,confirmation)"
        " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?) RETURNING n",
        (
            *(new.message, new.sender, new.key, new.kind, new.digest, new.dossier, at, len(new.transfers)),
            *(new.media_type, journal.text(new.headers), new.receipt, packed.canonical, packed.raw),
            new.confirmation,
        ),
    )
    return int(n)


class Birth(NamedTuple):
    """What the row of a new transfer begins with."""

    state: State
    wake_at: int | None = None
    problem: str = ""
    detail: str = ""

    @property
    def stopped(self) -> bool:
        """A person must mend something; every other one is taken up by itself."""
        return self.state is State.PARKED

    def tell(self, db: Db, at: int, message: str, transfer: str) -> None:
        """Write down why it does not just wait."""
        if self.problem:
            facts = {"code": self.problem, "place": self.detail}
            journal.write(db, at, str(self.state), message, transfer, facts)


def birth(new: NewTransfer, at: int) -> Birth:
    """Parked before in doubt: nothing leaves until it is mended. What is in doubt is asked about at once."""
    if new.problem is not None:
        return Birth(State.PARKED, None, new.problem.code, said(new.problem))
    return Birth(State.IN_DOUBT, at, new.doubt) if new.doubt else Birth(State.WAITING)


class Into(NamedTuple):
    """Where a new transfer goes: its message, by id and number, and its destination."""

    message: str
    number: int
    at: int
    dest: int
    order_sensitive: bool
    live_since: int


def come(db: Db, tally: Tally, new: NewTransfer, to: Into, *, key: str = "", supersedes: str = "") -> None:
    """Make one transfer and give it the last place in its lane. ``key``: another one than it says itself."""
    born = birth(new, to.at)
    deadline = micros(new.deadline)
    (n,) = only(
        db,
        "INSERT INTO transfer(id,message,dest,subject,operation,part,key,stage,deadline,state,wake_at,problem,detail,supersedes)"
        " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?) RETURNING n",
        (
            *(new.id, to.number, to.dest, new.lane_subject, new.operation, new.part, key or new.key),
            *(new.stage, deadline, str(born.state), *born[1:], supersedes),
        ),
    )
    tally.add(to.dest, born.state)
    tally.add(to.dest, "accepted")
    born.tell(db, to.at, to.message, new.id)
    if to.order_sensitive or not born.stopped:
        arrival = lanes.Arrival(n, to.at, deadline, to.live_since, born.stopped)
        lanes.arrive(db, tally, Lane(new.lane_subject, to.dest), arrival)


def watch(db: Db, transfers: Sequence[NewTransfer]) -> None:
    """Look at their dossiers when these are due."""
    due = [(micros(one.deadline), one.lane_subject) for one in transfers if one.deadline is not None]
    if due:
        lateness.watch(db, due)


def known(db: Db, authority: str, code: str) -> Known | None:
    row = one(
        db,
        "SELECT d.id, d.version, d.origin, d.story FROM alias a JOIN dossier d ON d.id=a.dossier WHERE a.code=? AND a.authority=?",
        (code, authority),
    )
    return None if row is None else Known(dossier=row[0], version=row[1], origin=row[2], story=bytes(row[3]))
