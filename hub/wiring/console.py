"""The pages at which people work, where some partner's officers come by them."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from argon2 import PasswordHasher

from hub.api.failures import Failures
from hub.console.gate import REFUSED_AFTER, Gate
from hub.console.parts import Console, agencies
from hub.console.reading import Reading
from hub.wiring.parts import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from hub.intake.spool import Spool
    from hub.partners.partner import Partner
    from hub.settings.sections import Console as Times
    from hub.store.contract.people import PeopleStore


def console(  # noqa: PLR0913 - what it is built from
    partners: Sequence[Partner],
    people: PeopleStore,
    spool: Spool,
    times: Times,
    *,
    now: Callable[[], datetime] = utc_now,
    seconds: Callable[[], float] = time.monotonic,
    hasher: PasswordHasher | None = None,
    refused_after: float = REFUSED_AFTER,
) -> Console | None:
    """``None`` where nobody comes by the form: then there are no pages. ``hasher``: argon2id, as RFC 9106 §4 recommends it."""
    found = agencies(partners)
    if not found:
        return None
    gate = Gate(
        people,
        hasher or PasswordHasher(),
        Failures(seconds),
        times,
        now=now,
        randomness=os.urandom,
        refused_after=refused_after,
    )
    names = {each.id: (each.name.vi, each.name.en) for each in partners}
    return Console(gate=gate, agencies=found, names=names, spool=spool, reading=Reading(times, seconds))
