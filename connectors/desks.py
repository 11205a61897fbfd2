"""The promise between the hub and a drop-in desk: a foreign client's call goes in, what it wishes comes out, and what came of it
is written as that client expects.

A desk knows one protocol and nothing else: it has no network, no clock and no store. The hub performs what it read exactly as
at its own addresses: the same door, bounds, refusals, counts and evidence. Whoever writes a desk reads this file, and gives it a line in
``tests/contract/desk.py``: the suite fails for a desk without one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal, Protocol

import msgspec

from connectors.contract import Enclosed  # noqa: TC001
from connectors.small import Small
from schemas.agencies import Agency  # noqa: TC001 - msgspec reads the annotations at run time
from schemas.codelists import Entry  # noqa: TC001 - msgspec reads the annotations at run time
from schemas.dossier import Duty, Fee, State  # noqa: TC001 - msgspec reads the annotations at run time
from schemas.procedures import Procedure  # noqa: TC001 - msgspec reads the annotations at run time


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape: frozen, named fields."""


class Errand(StrEnum):
    """What an address of the client's protocol is for. ``login``: the client asks for a token. ``say``: a sender brings a message,
    or asks. ``small``: somebody who is known asks or settles something, in a small body (``connectors.small``). ``open``: answered
    out of what the desk knows itself, to everybody. ``file``: the last part of the address is a document's, as the hub gave it out.
    """

    LOGIN = "login"
    SAY = "say"
    SMALL = "small"
    OPEN = "open"
    FILE = "file"


class Stands(StrEnum):
    """Where a protocol's clients say who they are. ``head``: in the headers or the certificate, where the hub looks by itself;
    ``address``, ``body``: where the desk finds it (``Desk.shows``), in the path or in what was sent.
    """

    HEAD = "head"
    ADDRESS = "address"
    BODY = "body"


class Call(Value, frozen=True):
    """One request as it came. ``path``: below the desk; header names are in small letters. ``address``: where the desk is reached.

    ``enveloped``: the caller's signatures are about the envelope that its messages come in. ``at``: when it came, by the hub's clock:
    for protocols that leave out when something happened.
    """

    path: str
    body: bytes = b""
    headers: Mapping[str, str] = {}
    method: str = "POST"
    query: str = ""
    address: str = ""
    enveloped: bool = False
    at: datetime = datetime.fromtimestamp(0, UTC)


class Login(Value, frozen=True):
    """A client asks for a token. ``client``, ``secret``: those of ``[[access.clients]]``."""

    client: str
    secret: str


class Shown(Value, frozen=True):
    """By what a client is known: a token that the hub gave, or its API key. ``place``: where it stood, for the refusal."""

    secret: str
    place: str


class Standing(Value, frozen=True):
    """What the hub knows of the dossier before the call. ``state``: ``None`` when it does not know it.

    ``said``: the keys of this sender's own messages about it, in their order; where a call is about no dossier, those that
    begin as it says (``Say.begins``). ``answered``: another system spoke of it after the last of them.
    """

    state: State | None = None
    said: tuple[str, ...] = ()
    answered: bool = False


class Message(Value, frozen=True):
    """One message for intake. ``key``: the same whenever the client says the same again; empty: its format has one.
    ``clocked``: the key is made of all that the client said, and beside it the body says when that came: other bytes under
    the same key are the same said again.

    ``signature``: what the sender's signature header would hold. ``within``: the call's own body is what was signed, and
    the message stands in it there, in base64: names of elements below its root; then ``body`` is empty.

    ``own``: it is made of a file that says itself how its letters are written, and holds none of the call's.
    """

    body: bytes
    key: str
    media_type: str = "application/json"
    signature: str = ""
    within: tuple[str, ...] = ()
    clocked: bool = False
    own: bool = False


class Say(Value, frozen=True):
    """The client says something. ``about``: the code by which it knows the dossier, where the desk must know how that stands.
    ``begins``: with what the keys of its messages begin, where they are about no dossier and it must know what was said before.

    ``messages``: what that is in the hub's order, given what the hub knows already; at least one. Raises ``Refusal``.
    ``write``: how the answer to this call is written; by default as the desk writes.
    """

    messages: Callable[[Standing], tuple[Message, ...]]
    about: str = ""
    begins: str = ""
    encloses: tuple[Enclosed, ...] = ()
    write: Callable[[Result], Reply] | None = None


class Says(Value, frozen=True):
    """One call that says something about several dossiers, in this order. ``write``: as of ``Say``, instead of theirs."""

    each: tuple[Say, ...]
    write: Callable[[Result], Reply] | None = None


class Ask(Value, frozen=True):
    """The client asks where a dossier stands, and what is owed for it. ``about``: the code by which it knows it; ``write``: as of ``Say``."""

    about: str
    owed: bool = False
    write: Callable[[Result], Reply] | None = None


class Listing(StrEnum):
    """What the hub's registries hold. ``record``: one procedure whole, as who publishes it says it; ``nothing``: what a client may ask
    for and no hub holds.
    """

    PROCEDURES = "procedures"
    RECORD = "record"
    AGENCIES = "agencies"
    CODES = "codes"
    NOTHING = "nothing"


class Look(Value, frozen=True):
    """The client asks for a registry as it counts today. ``code``: of ``RECORD`` the procedure's, of ``CODES`` the code list's.

    ``write``: as of ``Say``. It may raise ``Refusal`` for what the client must not hear in part: nothing was brought that could be refused.
    """

    what: Listing
    code: str = ""
    write: Callable[[Result], Reply] | None = None


class Page(Value, frozen=True):
    """What everybody may read."""

    reply: Reply


class Token(Value, frozen=True, tag=True):
    """The client is let in. ``seconds``: how long the token lives."""

    token: str
    seconds: int


class Accepted(Value, frozen=True, tag=True):
    """Everything that was said is durable. ``ids``: the messages'; ``replayed``: all of it had been said before.

    ``receipts``: as ``/v1/messages`` answers them; ``confirmations``: the hub's signatures over them, empty where it has no key.
    """

    ids: tuple[str, ...]
    replayed: bool = False
    receipts: tuple[bytes, ...] = ()
    confirmations: tuple[str, ...] = ()


class Payee(Value, frozen=True):
    """Who takes money, as a partner's file declares it. ``bank``: the bank's code; ``holder``: the account's name; ``treasury``: the
    treasury's office; ``treasury_account``: the revenue account there.
    """

    account: str = ""
    bank: str = ""
    holder: str = ""
    treasury: str = ""
    treasury_account: str = ""


class Owed(Value, frozen=True):
    """What the applicant still owes, by what the hub was told; what nobody said is empty. ``procedure``: its national code.

    ``agency``: which received the dossier, ``agency_name`` in Vietnamese. ``fees_to``, ``duties_to``: who takes that agency's, as declared.
    """

    fees: tuple[Fee, ...] = ()
    duties: tuple[Duty, ...] = ()
    procedure: str = ""
    procedure_name: str = ""
    payer: str = ""
    agency: str = ""
    agency_name: str = ""
    fees_to: Payee = Payee()
    duties_to: Payee = Payee()


class Answered(Value, frozen=True, tag=True):
    """What the hub knows of what was asked. ``about``: as it was asked. ``owed``: ``None`` when that was not asked, or when the
    client has no part in such a dossier, or when not all that was said of money can be read.
    """

    about: str
    standing: Standing
    owed: Owed | None = None


class Listed(Value, frozen=True, tag=True):
    """The entries that were asked for: procedures with a national code, the agencies of the client's own tree, or the codes of a list.

    ``records``: in JSON, what is kept of a procedure that was asked for whole, beside its entry.
    """

    procedures: tuple[Procedure, ...] = ()
    records: tuple[bytes, ...] = ()
    agencies: tuple[Agency, ...] = ()
    codes: tuple[Entry, ...] = ()


class Told(Value, frozen=True):
    """One problem in the reader's language; ``place`` as in the message that the desk made."""

    code: str
    title: str
    place: str = ""
    rule: str = ""
    line: int = 0


class Refused(Value, frozen=True, tag=True):
    """Nothing of it was accepted. ``status``: of HTTP; ``advice``: what the sender can do; ``wait``: seconds, when it may come again.

    ``fault``: whose it is, in SOAP's words; ``retry``: whether the same bytes may be sent again. ``other``: the same in the other language.
    """

    status: int
    problems: tuple[Told, ...]
    advice: str = ""
    request: str = ""
    wait: int | None = None
    fault: str = "Client"
    retry: str = ""
    language: Literal["vi", "en"] = "vi"
    other: Refused | None = None


Wish = Say | Says | Ask | Look | Page | Small
Result = Token | Accepted | Answered | Listed | Refused


class Reply(Value, frozen=True):
    body: bytes
    status: int = 200
    media_type: str = "application/json"


class Desk(Protocol):
    """One protocol of foreign clients. Pure."""

    @property
    def stands(self) -> Stands: ...

    def errand(self, method: str, path: str, headers: Mapping[str, str]) -> Errand | None:
        """Say what an address below the desk is for; ``None``: this protocol has no such address. Raises ``Refusal``."""
        ...

    def login(self, call: Call) -> Login | None:
        """Read a call whose errand is ``LOGIN``; ``None``: it is an OAuth2 token request (RFC 6749 §4.4). Raises ``Refusal``."""
        ...

    def shows(self, call: Call) -> Shown:
        """Find by what the client is known, where ``stands`` says. Nothing is believed of the call yet. Raises ``Refusal``."""
        ...

    def read(self, call: Call) -> Wish:
        """Read a call: ``Page`` where its errand is ``OPEN``, a ``Small`` one where it is that, another wish where it is ``SAY``. Raises ``Refusal``."""
        ...

    def write(self, result: Result) -> Reply:
        """Write what came of a call."""
        ...
