"""What happened, in the transaction in which it happened. Digests, codes and structure; never personal data."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - part of a public signature

import msgspec

from hub.store.sql.db import Db  # noqa: TC001 - part of a public signature

_COLUMNS = "at,what,message,transfer,facts"


def write(
    db: Db,
    at: int,
    what: str,
    message: str = "",
    transfer: str = "",
    facts: Mapping[str, str] | None = None,
) -> None:
    db.put("journal", _COLUMNS, (at, what, message, transfer, text(facts or {})))


OUR_KEY = "our_key"
"""In the facts of an entry: SHA-256 (hex) of the certificate by which the hub signed what it tells of."""


def by(fingerprint: str) -> dict[str, str]:
    """Say which certificate of ours signed it, so that it can be found when its key gets into other hands."""
    return {OUR_KEY: fingerprint} if fingerprint else {}


def text(facts: Mapping[str, str]) -> str:
    return msgspec.json.encode(dict(facts), order="deterministic").decode()


def mapping(stored: str) -> dict[str, str]:
    return msgspec.json.decode(stored, type=dict[str, str])
