"""What the judging of messages takes and gives; all of it crosses into the pool's processes except the desk, which is built there."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import datetime  # noqa: TC003
from pathlib import Path
from typing import Protocol

import msgspec

from connectors.contract import Codec, Relayed  # noqa: TC001
from hub.documents.contract import New  # noqa: TC001
from hub.routing.parties import HubKind  # noqa: TC001
from hub.signatories.authority import Authority
from hub.story.filling import Earlier  # noqa: TC001
from schemas.agencies import Agencies  # noqa: TC001
from schemas.dossier import Kind  # noqa: TC001
from schemas.legacy_text import Text
from schemas.mapping import Opened  # noqa: TC001
from schemas.problems import Problem  # noqa: TC001
from schemas.procedures import Procedures  # noqa: TC001
from signing.contract import Verifier  # noqa: TC001

CODE_PLACE = "/dossier/code"


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape: frozen, named fields."""


class Meant(Value, frozen=True, tag=True):
    """What the hub knows of a message that only says which earlier one of its sender it takes back: ``kind`` and ``code`` of the
    dossier are what it means in the hub's words, ``corrects`` the earlier one.
    """

    kind: Kind
    code: str
    corrects: str


class Answers(Value, frozen=True, tag=True):
    """The message is a status about one that the hub sent its sender: ``kind`` is what that one said."""

    kind: Kind


class Inbound(Value, frozen=True):
    """One message as it came. ``message``: what it is called until it is accepted. ``headers``: lower-case names. ``file``: the spool's, instead of ``body``.

    ``sender``: who sends it, as the door found out (``hub.api.callers``); ``claimed``: it was only said, and the signature must
    prove it. ``authorization``: for signatures that have a part of themselves there. ``within``: the message stands in what was
    signed, in base64, in an element that these names lead to, from the outermost on. ``clocked``: its key is made of all that was
    said, and its bytes hold the hub's clock beside that: other bytes under the key are the same message. ``earlier``: what its
    dossier said before, once it is known that something is missing for somebody. ``meant``: what a recall is, as the record has it; or what a status is about.
    ``told``: the partner whose message failed, where another hub tells so.
    ``relayed``: it stood in a batch of another hub's whose signature and place hold. ``returned``: an entry that this hub made itself of
    its sender's message, and lost.
    """

    message: str
    sender: str
    headers: Mapping[str, str]
    received_at: datetime
    claimed: bool = False
    authorization: str = ""
    body: bytes = b""
    file: str = ""
    within: tuple[str, ...] = ()
    clocked: bool = False
    earlier: tuple[Earlier, ...] = ()
    meant: Meant | Answers | None = None
    told: str = ""
    relayed: bool = False
    returned: bool = False

    def content(self) -> bytes:
        return Path(self.file).read_bytes() if self.file else self.body


class Reader(Protocol):
    """The sender's mapping, as far as intake uses it (``schemas.mapping.Mapping``)."""

    def open(self, raw: bytes) -> Opened: ...


class Sender(Value, frozen=True):
    """One partner that may send. ``procedures``: the only ones it may speak of; empty: all. ``settles_duty``: as its file says. ``verifier``: ``None`` when its messages need no signature.

    ``places``: canonical place → place in the sender's format (``hub.judging.places``). ``own_key``: its format carries a key.
    ``hosts``: where its documents are fetched from; ``None``: their addresses travel on as they are; ``base``: of addresses that name no server. ``authority_kinds``: what
    only a signatory with the right to may sign; ``seals``: fingerprints of its own certificates, which are no signatory's. ``hub``: it is another
    hub, whose messages are entries (``connectors.edge``); ``serves``: agencies for which one below may speak.
    """

    id: str
    agency: str
    kinds: frozenset[str]
    codes: tuple[str, ...]
    authority: str
    format: str
    media: str
    media_types: frozenset[str]
    reader: Reader
    places: Mapping[str, str] = {}
    verifier: Verifier | None = None
    own_key: bool = True
    hosts: frozenset[str] | None = None
    base: str = ""
    authority_kinds: frozenset[str] = frozenset()
    seals: frozenset[str] = frozenset()
    procedures: frozenset[str] = frozenset()
    settles_duty: bool = False
    text: Text = Text.UTF_8
    hub: HubKind = ""
    serves: tuple[str, ...] = ()


class Recipient(Value, frozen=True):
    """One partner that may receive: which kinds, and the codec for the trial encoding.

    ``says``: room and mapping. Partners that say the same alike share one trial, so that judging costs by formats and not
    by partners.
    """

    partner: str
    kinds: frozenset[str]
    codec: Codec
    says: str = ""


class Desk(Value, frozen=True):
    """Everything that judging needs; built once per pool process."""

    senders: Mapping[str, Sender]
    recipients: tuple[Recipient, ...]
    agencies: Agencies
    procedures: Procedures
    limit: int
    authority: Authority = Authority()


class Said(Value, frozen=True):
    """One operation of a recipient's format. ``problem``: why it cannot be said there; then its transfer is born parked."""

    operation: str
    problem: Problem | None = None


class Judged(Value, frozen=True):
    """A message that may be accepted. ``canonical``: ``schemas.dossier.to_json``, without the hub's dossier id yet.

    ``received_by``: the agency part of the dossier's code; ``may_create``: it lies in the sender's trees;
    ``code_place``: where the code stands in the sender's format. ``aliases``: further codes that this sender may give the
    dossier, as (authority, code); a code under another sender's authority is that sender's to give. ``natural_key``: the
    format's own key where the sender gave another one, ``signed_key`` what the signature calls the message, or
    what stands for it; they are bound as well. ``documents``: those that it names by their
    digest alone; ``places``: where such things stand in the sender's format. ``procedures``: the only ones that its
    sender may speak of; empty: all. ``signatory``: by whose right it was signed; ``repeats``: it tells a result that somebody
    with the right must have signed before. ``trial``: its sender marked it so. ``answers``: what the hub's own message said that it is a status about.
    ``relayed``: where it stands in its dossier, when another hub accepted it first. ``told``: the partner whose message
    failed, when that hub tells so.
    """

    sender: str
    key: str
    digest: str
    size: int
    media_type: str
    format: str
    kind: str
    canonical: bytes
    agency: str
    authority: str
    trials: Mapping[str, tuple[Said, ...]]
    code: str | None = None
    received_by: str | None = None
    may_create: bool = False
    code_place: str = ""
    aliases: tuple[tuple[str, str], ...] = ()
    natural_key: str = ""
    signed_key: str = ""
    media: str = "json"
    text: Text = Text.UTF_8
    procedures: tuple[str, ...] = ()
    settles_duty: bool = False
    signer: str = ""
    algorithm: str = ""
    profile: str = ""
    signatory: str = ""
    repeats: bool = False
    stamped_at: datetime | None = None
    trial: bool = False
    answers: Kind | None = None
    documents: tuple[New, ...] = ()
    places: Mapping[str, str] = {}
    relayed: Relayed | None = None
    told: str = ""
