"""SOAP answers → outcomes. The partner's rows come first, then these, then the rows that every room shares.

Sources: SOAP 1.1 §4.4.1 (fault codes are dotted, the left part is the general one) and §6.2 (a Fault comes with HTTP
500); SOAP 1.2 part 1 §5.4.6 and part 2 §7.5.2.2 (``Sender`` comes with 400, all others with 500). A ``Server`` or ``Receiver`` fault says
nothing about how far the partner came, so it may have the parcel; that it lies with the processing and not with the message is
what its class means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from connectors.replies import Reply, Row, Table, Verdict, classify, fits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WITH_FAULT = (200, 400, 500)
TAKEN = "taken"
"""The code given to an output that carries no status: the operation's own output element says that it was done."""

ROWS: Table = (
    Row(status=(401, 403), outcome="deferred", reason="HUB-PAR-005"),
    Row(status=(429,), outcome="deferred", reason="HUB-PAR-008"),
    Row(fault="FailedAuthentication", outcome="deferred", reason="HUB-PAR-005"),  # WSS 1.1 §12
    Row(fault="VersionMismatch", outcome="refused", reason="HUB-PAR-006"),
    Row(fault="MustUnderstand", outcome="refused", reason="HUB-PAR-006"),
    Row(fault="DataEncodingUnknown", outcome="refused", reason="HUB-PAR-006"),
    Row(fault="Client", outcome="refused", reason="HUB-PAR-001"),
    Row(fault="Sender", outcome="refused", reason="HUB-PAR-001"),
    Row(fault="Server", outcome="unsure", reason="HUB-PAR-003"),
    Row(fault="Receiver", outcome="unsure", reason="HUB-PAR-003"),
)


class Tables(Struct, frozen=True):
    """One table for an operation's output, one for a Fault: no code in a Fault's detail is ever a success by itself."""

    output: Table
    fault: Table


def tables(partner: Iterable[Row], delivered: tuple[str, ...] = (TAKEN,)) -> Tables:
    """Join the rows in order. A partner's row about a fault means the statuses that faults come with."""
    told = tuple(map(_with_status, partner))
    return Tables((*told, Row(code=delivered, outcome="delivered"), *ROWS), (*told, *ROWS))


def decide(reply: Reply, rows: Tables) -> Verdict:
    """Look up the whole fault code first, then its more general left parts."""
    for name in _general(reply.fault):
        asked = replace(reply, fault=name)
        if any(fits(row, asked) for row in rows.fault):
            return replace(classify(asked, rows.fault), detail=classify(reply).detail)
    if reply.fault and reply.status in WITH_FAULT:
        return classify(reply, rows.fault, (Row(fault=reply.fault, outcome="unsure", reason="HUB-PAR-006"),))
    return classify(reply, rows.fault if reply.fault else rows.output)


def _with_status(row: Row) -> Row:
    return row.model_copy(update={"status": WITH_FAULT}) if row.fault and not row.status else row


def _general(code: str) -> Iterator[str]:
    while code:
        yield code
        code = code.rpartition(".")[0]
