"""What is let in, and what it is answered: for the web processes."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time

from hub.documents.contract import New  # noqa: TC001 - msgspec reads the annotations at run time
from hub.going_live.stages import Stage  # noqa: TC001 - msgspec reads the annotations at run time
from hub.store.contract.value import Value
from schemas.problems import Problem  # noqa: TC001 - msgspec reads the annotations at run time


class Known(Value, frozen=True):
    """What the hub knows of a dossier before this message. ``story`` is ``hub.story``'s own JSON; ``version`` counts its changes.

    ``tellings``, ``prefix``: what is numbered of it and the story before that, where it may have to be told anew.
    """

    dossier: str
    version: int
    origin: str  # the partner whose message created it
    story: bytes
    tellings: tuple[bytes, ...] = ()
    prefix: bytes = b""


class NewTransfer(Value, frozen=True):
    """One transfer to make. ``key`` = ``<message>:<partner>:<part>``, the partner's idempotency key for ever.

    ``lane_subject``: dossier id, or document/catalogue/report id for a message without a dossier.
    ``problem`` set: born parked. ``doubt``: the code why it may have gone out already; then it is born in doubt, and the
    store sets it. ``deadline``: when the dossier is due, for the order of claims.
    """

    id: str
    partner: str
    operation: str
    part: int
    key: str
    lane_subject: str
    deadline: datetime | None = None
    problem: Problem | None = None
    doubt: str = ""
    stage: Stage = "live"


class Alias(Value, frozen=True):
    authority: str
    code: str


class Numbered(Value, frozen=True):
    """Where a message stands in its dossier among those of all hubs. ``telling``: ``hub.story.tellings``' own JSON; ``aside``: why it does not
    count, ``hub.story.merging``'s JSON, empty where it does. ``prefix``: the story before anything of the dossier was numbered, when
    this is the first. ``others``: (hub, number) → aside of every message that does not count, when the story was told anew; ``None``: it was not.
    """

    hub: str
    no: int
    telling: bytes
    aside: bytes = b""
    prefix: bytes = b""
    others: Mapping[tuple[str, int], bytes] | None = None


class Acceptance(Value, frozen=True):
    """All rows of one accepted message. ``digest``: SHA-256 hex of ``raw``. ``canonical``: ``schemas.dossier.to_json``.

    ``dossier`` is ``None`` for a message without one. ``expected_version``: the ``Known.version`` that routing was
    decided on (0: the dossier must not exist yet); when it moved meanwhile the store answers ``Stale`` and intake decides anew.
    ``stages``: the edition of the partners' stages that it was decided on, likewise; ``None``: it does not depend on them.
    ``natural_key``: the format's own key beside ``key``; bound in the same way, so that a client which makes a new
    Idempotency-Key for each try doubles nothing; ``signed_key``: what the signature calls the message, bound likewise.
    ``documents``: those that it names by their digest; they become its dossier's. ``confirmation``: the hub's signature over
    ``receipt`` (``hub.receipts.receipts``). ``tells``: messages of the hub's own that tell of its parked transfers. ``clocked``: ``raw`` holds the hub's clock, and its keys say all else: other bytes under them
    are the same message. ``facts`` go to the journal: digests, codes and structure, never personal data. ``fact``: what figures are
    counted from (``hub.figures.facts``' own JSON); empty where it changes none. ``numbered``: where it stands among the messages of all hubs; ``truth``:
    the digest of what they agree on after it.
    """

    message: str
    sender: str
    key: str
    digest: str
    raw: bytes
    media_type: str
    headers: Mapping[str, str]
    canonical: bytes
    kind: str
    accepted_at: datetime
    receipt: bytes
    confirmation: str = ""
    dossier: str | None = None
    aliases: tuple[Alias, ...] = ()
    expected_version: int = 0
    stages: int | None = None
    story: bytes = b""
    natural_key: str = ""
    signed_key: str = ""
    transfers: tuple[NewTransfer, ...] = ()
    facts: Mapping[str, str] = {}
    documents: tuple[New, ...] = ()
    clocked: bool = False
    tells: tuple[Acceptance, ...] = ()
    fact: bytes = b""
    numbered: Numbered | None = None
    truth: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that is bound to it, the sender's first."""
        return tuple(key for key in dict.fromkeys((self.key, self.natural_key, self.signed_key)) if key)


class Accepted(Value, frozen=True):
    """``replayed``: the same bytes had been accepted before under this key; ``receipt`` is the stored original, and so
    is ``confirmation``, the hub's signature over it.
    """

    message: str
    receipt: bytes
    replayed: bool = False
    confirmation: str = ""


class RefusedMessage(Value, frozen=True):
    """All that is left of a message that was refused. ``sender``: empty when nobody knows who it was."""

    at: datetime
    sender: str
    code: str
    digest: str
    size: int
    request: str
    n: int = 0


class Use(Value, frozen=True):
    """What one web process let in of one sender since it last told: requests, and of those accepted messages, their bytes
    and transfers.
    """

    sender: str
    requests: int = 0
    messages: int = 0
    octets: int = 0
    transfers: int = 0


class Usage(Value, frozen=True):
    """What all web processes let in of one sender today. ``open``: its unfinished transfers as last counted, and what came since."""

    sender: str
    requests: int
    messages: int
    octets: int
    open: int
