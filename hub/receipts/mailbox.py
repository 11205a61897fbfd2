"""What a partner answers to what it fetched: read strictly, answered in bytes that never change. Pure.

A yes is a receipt like any other (``hub.receipts.acknowledgements``). A no is the end of a try that the partner made itself.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import msgspec

from connectors.contract import Exchange
from hub.delivery.failure import failed
from hub.lifecycle import State
from hub.receipts.acknowledgements import Digest, Moment  # noqa: TC001 - msgspec reads the annotations at run time
from hub.store.contract.delivery import Attempt
from hub.store.contract.mailbox import Rejection
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connectors.contract import Codec
    from hub.receipts.receipts import Confirm
    from hub.store.contract.delivery import Work
    from hub.store.contract.mailbox import Letter

CODE = "HUB-BOX-004"
REFUSED = "HUB-PAR-001"
VERB = "answer"
"""The verb of a try that was the partner's: it fetched, and answered."""


class LetterRefused(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``reason``: the partner's own words, kept encrypted with the transfer; ``code``: its own code, shown to the sender's operator."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    code: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{0,40}$")] = ""


class LetterAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``digest``: SHA-256 of the bytes that were fetched; ``at``: when they were there; ``refused``: they cannot be processed."""

    digest: Digest
    at: Moment | None = None
    refused: LetterRefused | None = None


def read(raw: bytes) -> LetterAnswer:
    """Raises ``Refusal`` HUB-BOX-004 with the place."""
    try:
        said = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        rule, _, place = str(error).partition(" - at ")
        raise refuse(CODE, place.strip("`").removeprefix("$").replace(".", "/"), rule=rule) from None
    return msgspec.structs.replace(said, digest=said.digest.lower())


def rejection(
    work: Work,
    said: LetterAnswer,
    raw: bytes,
    *,
    address: str,
    now: datetime,
    codec_of: Callable[[str], Codec | None],
    confirm: Confirm,
) -> Rejection:
    """Make what the store writes, with the evidence and the message that tells the sender. ``raw``: as it came."""
    detail = said.refused.code if said.refused else ""
    came = Exchange(url=address, sent=b"", received=raw, status=200, started_at=now, seconds=0.0)
    return Rejection(
        partner=work.partner,
        transfer=work.transfer,
        digest=said.digest,
        attempt=Attempt(
            verb=VERB,
            outcome="refused",
            code=REFUSED,
            detail=detail,
            started_at=now,
            seconds=0.0,
            exchanges=(came,),
        ),
        follow_up=failed(
            work, code=REFUSED, state=State.REFUSED, now=now, codec_of=codec_of, confirm=confirm
        ),
    )


class LetterLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner sees of one letter before it fetches it (``hub.store.contract.mailbox.Letter``)."""

    transfer: str
    key: str
    kind: str
    operation: str
    dossier: str | None
    deadline: datetime | None
    digest: str
    media_type: str
    offered_at: datetime
    fetched_at: datetime | None
    fetches: int


class LetterPage(msgspec.Struct, frozen=True, kw_only=True):
    """``next``: where the list goes on; only where there may be more."""

    letters: tuple[LetterLine, ...]
    next: str | None


def listed(letters: Sequence[Letter], limit: int) -> LetterPage:
    """Return the page of a list."""
    told = (
        LetterLine(**{name: getattr(letter, name) for name in LetterLine.__struct_fields__})
        for letter in letters
    )
    return LetterPage(letters=tuple(told), next=letters[-1].cursor if len(letters) == limit else None)


_DECODER = msgspec.json.Decoder(LetterAnswer)
