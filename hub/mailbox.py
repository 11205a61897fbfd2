"""What a partner answers to what it fetched: read strictly, answered in bytes that never change. Pure.

A yes is a receipt like any other (``hub.acknowledgements``). A no is the end of a try that the partner made itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from connectors.contract import Exchange
from hub.acknowledgements import Digest, Moment  # noqa: TC001 - msgspec reads the annotations at run time
from hub.failure import failed
from hub.lifecycle import State
from hub.store.contract.delivery import Attempt
from hub.store.contract.mailbox import Rejection
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from connectors.contract import Codec
    from hub.receipts import Confirm
    from hub.store.contract.delivery import Acknowledged, Work
    from hub.store.contract.mailbox import Letter, Rejected

CODE = "HUB-BOX-004"
REFUSED = "HUB-PAR-001"
VERB = "answer"
"""The verb of a try that was the partner's: it fetched, and answered."""


class Reason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``reason``: the partner's own words, kept encrypted with the transfer; ``code``: its own code, shown to the sender's operator."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    code: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{0,40}$")] = ""


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``digest``: SHA-256 of the bytes that were fetched; ``at``: when they were there; ``refused``: they cannot be processed."""

    digest: Digest
    at: Moment | None = None
    refused: Reason | None = None


def read(raw: bytes) -> Said:
    """Raises ``Refusal`` HUB-BOX-004 with the place."""
    try:
        said = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        rule, _, place = str(error).partition(" - at ")
        raise refuse(CODE, place.strip("`").removeprefix("$").replace(".", "/"), rule=rule) from None
    return msgspec.structs.replace(said, digest=said.digest.lower())


def rejection(
    work: Work,
    said: Said,
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


def listed(letters: Sequence[Letter], limit: int) -> dict[str, Any]:
    """Return the page of a list; ``next`` only where there may be more."""
    told = [
        {name: getattr(letter, name) for name in letter.__struct_fields__ if name != "cursor"}
        for letter in letters
    ]
    return {"letters": told, "next": letters[-1].cursor if len(letters) == limit else None}


def answer(taken: Acknowledged | Rejected) -> bytes:
    """Write what the partner is told: the same bytes whenever it says so again."""
    names = ("transfer", "key", "state", "received_at")
    return msgspec.json.encode({name: getattr(taken, name) for name in names})


_DECODER = msgspec.json.Decoder(Said)
