"""What is handed out to workers, what they report, what partners say later, and the limits that a claim respects."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time

from connectors.contract import Exchange, Relayed, Sealed  # noqa: TC001 - msgspec reads the annotations at run time
from hub.going_live.stages import Stage  # noqa: TC001 - msgspec reads the annotations at run time
from hub.health.circuit import AFTER, WAITS, Health
from hub.lifecycle import Move, State  # noqa: TC001 - msgspec reads the annotations at run time
from hub.store.contract.intake import Acceptance  # noqa: TC001 - msgspec reads the annotations at run time
from hub.store.contract.value import Value
from hub.story.filling import Earlier  # noqa: TC001 - msgspec reads the annotations at run time


class Work(Value, frozen=True):
    """A claimed head. ``doubt``: something may already have left in an earlier attempt, so ask first.

    ``attempts`` counts sends that used up schedule entries; ``sends`` counts every send. ``sealed`` is ``None`` until
    ``seal`` stored it. ``facts``: what this partner told in earlier deliveries about this dossier. ``probe``: claimed to see
    whether a partner that was down is back. ``contents``: documents that travel inside the payload, by SHA-256, and ``opened``: what the partner opened the dossier with, ``earlier``: what the dossier said before, and ``relayed``: where the message stands in it, for another hub; never the store's. ``stage``: of the transfer.
    ``number``: the transfer's own in this store; no other has it.
    """

    token: str
    transfer: str
    message: str
    partner: str
    operation: str
    part: int
    key: str
    kind: str
    dossier: str | None
    canonical: bytes
    sealed: Sealed | None
    doubt: bool
    attempts: int
    sends: int
    accepted_at: datetime
    deadline: datetime | None = None
    facts: Mapping[str, str] = {}
    probe: bool = False
    number: int = 0
    contents: Mapping[str, bytes] = {}
    opened: bytes = b""
    earlier: tuple[Earlier, ...] = ()
    relayed: Relayed | None = None
    stage: Stage = "live"


class Attempt(Value, frozen=True):
    """One try on the wire, as it will be shown. ``verb``: ``deliver`` or ``find``."""

    verb: str
    outcome: str  # delivered, refused, deferred, unsure
    code: str
    detail: str
    started_at: datetime
    seconds: float
    exchanges: tuple[Exchange, ...] = ()


class Settlement(Value, frozen=True):
    """What was decided for one claimed transfer; written in one transaction with its attempts and what follows from it.

    ``move``: DELIVER, DEFER, REFUSE, EXHAUST, PARK, UNSENT, OFFER, or ``None``: still in doubt (``wake_at`` set: ask again then;
    not set: waits for a person). ``counts``: uses up one entry of the schedule. ``follow_up``: the ``delivery_failed``
    message to the sender, accepted in the same transaction; its ``expected_version``, ``aliases`` and ``story`` are not
    looked at (it says nothing new about the dossier), and a key that is taken does not undo the settlement.
    ``receipt_by``: until when the partner's receipt for a delivered transfer is awaited; ``None``: nobody awaits one.
    A receipt that came while it was leased wins over whatever is settled. ``health``: what it says about the partner as a
    whole, ``rest``: seconds that the partner asked everybody to wait (``hub.health.circuit``); ``probe``: as the work said.
    ``offered``: from now on it lies where the partner fetches it; with ``move`` ``None`` one that an earlier fetch left in doubt.
    """

    transfer: str
    move: Move | None
    attempts: tuple[Attempt, ...] = ()
    code: str = ""
    detail: str = ""
    wake_at: datetime | None = None
    counts: bool = True
    reference: str = ""
    facts: Mapping[str, str] = {}
    follow_up: Acceptance | None = None
    receipt_by: datetime | None = None
    health: Health = Health.NOTHING
    rest: float | None = None
    probe: bool = False
    offered: bool = False


class Capacity(Value, frozen=True):
    """A partner's limits as the claim must respect them. ``order_sensitive`` false: a stopped head does not hold its lane.
    ``fetches``: nothing is sent there; what is sealed is offered, and leaves when the partner fetches it.

    ``circuit_after``, ``circuit_waits``: its breaker's policy, in the store because every worker's outcomes count together.
    """

    partner: str
    concurrency: int
    rate: float | None = None
    burst: int = 1
    order_sensitive: bool = True
    circuit_after: int = AFTER
    circuit_waits: tuple[float, ...] = WAITS
    fetches: bool = False


class Window(Value, frozen=True):
    """When a partner may be sent to by its declared hours: claimed only from ``opens`` until before ``closes``; ``None``: always."""

    partner: str
    opens: datetime | None = None
    closes: datetime | None = None


class Acknowledgement(Value, frozen=True):
    """A partner's receipt as it came: its proof that it has a transfer (what *we* hand to senders is ``hub.receipts.receipts``).

    ``key`` or ``reference`` (the partner's own) names the transfer; ``digest``: SHA-256 hex of the payload that it says it
    received, empty when it does not say. ``said_at``: when it says that it received it. ``raw``: evidence, kept encrypted.
    ``signature``: the detached JWS that came with it, verified; ``signer``: SHA-256 of its certificate (hex). Empty: nobody asks
    this partner for one. ``batch``: epoch and number of the one that it acknowledges as a whole, where the partner is a hub.
    """

    partner: str
    raw: bytes
    received_at: datetime
    said_at: datetime
    key: str = ""
    reference: str = ""
    digest: str = ""
    signature: str = ""
    signer: str = ""
    algorithm: str = ""
    batch: str = ""


class Acknowledged(Value, frozen=True):
    """What the partner is answered, now and whenever it brings the receipt again. ``state``: of the transfer, by then."""

    transfer: str
    key: str
    state: State
    received_at: datetime
    replayed: bool = False
