"""Values for store tests: short to write, complete enough for the seam."""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.contract import Exchange, Sealed
from hub.ids import Ids
from hub.lifecycle import Move
from hub.store.contract.delivery import Attempt, Capacity, Settlement
from hub.store.contract.intake import Acceptance, Alias, NewTransfer
from schemas.problems import Problem

NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
AUTHORITY = "000.00.00.H47"


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def numbered_ids(seed: int = 1) -> Ids:
    return Ids(NOON.timestamp, random.Random(seed).randbytes)  # noqa: S311 - numbers that repeat, not secrets


def transfer(
    message: str,
    partner: str = "so-tnmt",
    part: int = 0,
    *,
    subject: str = "",
    deadline: datetime | None = None,
    problem: str = "",
    doubt: str = "",
) -> NewTransfer:
    return NewTransfer(
        id=f"{message}.{partner}.{part}",
        partner=partner,
        operation="submit",
        part=part,
        key=f"{message}:{partner}:{part}",
        lane_subject=subject or message,
        deadline=deadline,
        problem=Problem(code=problem, place="/dossier") if problem else None,
        doubt=doubt,
    )


def acceptance(
    message: str,
    *,
    dossier: str | None = None,
    version: int = 0,
    partners: tuple[str, ...] = ("so-tnmt",),
    transfers: tuple[NewTransfer, ...] | None = None,
    sender: str = "motcua-tinh",
    key: str = "",
    raw: bytes = b"",
    when: datetime = NOON,
    deadline: datetime | None = None,
    problem: str = "",
    doubt: str = "",
) -> Acceptance:
    body = raw or f'{{"message":"{message}"}}'.encode()
    lane = dossier or message
    made = tuple(
        transfer(message, one, subject=lane, deadline=deadline, problem=problem, doubt=doubt)
        for one in partners
    )
    return Acceptance(
        message=message,
        sender=sender,
        key=key or f"key-{message}",
        digest=hashlib.sha256(body).hexdigest(),
        raw=body,
        media_type="application/json",
        headers={"Content-Type": "application/json"},
        canonical=b'{"canonical":"' + message.encode() + b'"}',
        kind="received",
        accepted_at=when,
        receipt=f"receipt of {message}".encode(),
        dossier=dossier,
        aliases=(Alias(authority=AUTHORITY, code=f"code-{dossier}"),) if dossier else (),
        expected_version=version,
        story=b'{"story":1}' if dossier else b"",
        transfers=made if transfers is None else transfers,
        facts={"rule": "decides"},
    )


def sealed(text: str = "sealed") -> Sealed:
    return Sealed(
        payload=text.encode(), media_type="text/xml", headers={"SOAPAction": "x"}, facts={"code": "a"}
    )


def attempt(outcome: str = "delivered", verb: str = "deliver") -> Attempt:
    exchange = Exchange(
        url="http://127.0.0.1/x", sent=b"<a/>", received=b"<b/>", status=200, started_at=NOON, seconds=0.25
    )
    return Attempt(
        verb=verb,
        outcome=outcome,
        code="",
        detail="",
        started_at=NOON,
        seconds=0.25,
        exchanges=(exchange,),
    )


def delivered(transfer_id: str, **more: Any) -> Settlement:
    return Settlement(transfer=transfer_id, move=Move.DELIVER, attempts=(attempt(),), **more)


def deferred(transfer_id: str, wake_at: datetime, **more: Any) -> Settlement:
    return Settlement(
        transfer=transfer_id, move=Move.DEFER, wake_at=wake_at, attempts=(attempt("deferred"),), **more
    )


def roomy(*partners: str, concurrency: int = 1000, order_sensitive: bool = True) -> list[Capacity]:
    return [
        Capacity(partner=partner, concurrency=concurrency, order_sensitive=order_sensitive)
        for partner in partners
    ]
