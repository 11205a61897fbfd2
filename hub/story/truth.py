"""What all hubs with the same messages about a dossier agree on, and its digest: the proof that they do. Pure.

Nothing in it depends on one hub: no partners, no deadline that a hub counted by its own calendar, no catalogue versions.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from hub.evidence import merkle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.story.record import Story


def truth(story: Story) -> bytes:
    """Return canonical JSON. ``messages``: of each hub its code, the number of its last message and the chain of their digests."""
    told = {
        "code": story.code,
        "state": story.state,
        "legs": sorted([leg.agency, leg.state, sorted(leg.passed_to)] for leg in story.legs),
        "due": story.due,
        "custody": story.custody,
        "national": story.national,
        "messages": sorted([hub, no, story.chains.get(hub, "")] for hub, no in story.heard.items()),
    }
    return _ENCODER.encode(told)


def digest(story: Story) -> str:
    """Return SHA-256 (hex) of the truth; empty while nothing of the dossier was stamped."""
    return hashlib.sha256(truth(story)).hexdigest() if story.heard else ""


def root(digests: Mapping[str, str]) -> str:
    """Return one digest (hex) over many dossiers, ``digests``: code → digest of its truth; empty for none. RFC 6962 over codes in their order."""
    leaves = [f"{code} {told}".encode() for code, told in sorted(digests.items())]
    return merkle.root(leaves).hex() if leaves else ""


_ENCODER = msgspec.json.Encoder(order="deterministic")
