"""The pages at which people work, where some partner's officers come by them."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from argon2 import PasswordHasher

from hub.api.failures import Failures
from hub.console.gate import Gate
from hub.console.parts import Console, agencies
from hub.wiring.parts import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from hub.intake.spool import Spool
    from hub.partners.partner import Partner
    from hub.settings.sections import Console as Times
    from hub.store.contract.people import PeopleStore


def console(
    partners: Sequence[Partner],
    people: PeopleStore,
    spool: Spool,
    times: Times,
    *,
    now: Callable[[], datetime] = utc_now,
    seconds: Callable[[], float] = time.monotonic,
    hasher: PasswordHasher | None = None,
) -> Console | None:
    """``None`` where nobody comes by the form: then there are no pages. ``hasher``: argon2id, as RFC 9106 §4 recommends it."""
    found = agencies(partners)
    if not found:
        return None
    gate = Gate(people, hasher or PasswordHasher(), Failures(seconds), times, now=now, randomness=os.urandom)
    return Console(gate=gate, agencies=found, spool=spool)
