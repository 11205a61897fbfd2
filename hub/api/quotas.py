"""What each sender may use: rate, requests at once, unfinished transfers, messages and bytes a day; and how often each
recipient may bring receipts and fetch documents. One that does much of this is never short of that.

Several web processes share one quota through the store: every second each tells what it let in and hears what all let in
together. A bucket fills with the whole rate here and is debited by what the others let in, so the rate holds for all of them
in the long run, however unevenly connections fall on processes; a burst may exceed it by what the others let in within the
last second. Day and backlog are exact to the same second. ``in_flight`` guards this process's memory and counts here alone.
"""

from __future__ import annotations

from datetime import timedelta, timezone
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from hub.api.later import Later
from hub.settings.sections import Quota
from hub.store.contract.intake import Use

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import date, datetime

    from hub.settings.sections import Pace
    from hub.store.contract.intake import Usage

    Share = Callable[[date, Sequence[Use]], Awaitable[Sequence[Usage]]]

OVER = "HUB-LIM-002"
VIETNAM = timezone(timedelta(hours=7))
"""A sender's day ends at its own midnight; Vietnam has one zone and no summer time."""
BACKLOG_WAIT = 30
"""Seconds that a sender with too much unfinished is asked to wait."""


class Errand(StrEnum):
    """What a recipient calls for; it has a rate for each."""

    RECEIPTS = "receipts"
    DOWNLOADS = "downloads"
    MAILBOX = "mailbox"


class _Fresh(msgspec.Struct):
    """What was let in and not yet told to the store."""

    requests: int = 0
    messages: int = 0
    octets: int = 0
    transfers: int = 0


class _Account:
    """One sender. ``told``: requests that the store heard from here today; ``others``: those it heard from elsewhere."""

    def __init__(self, quota: Quota, now: float) -> None:
        self.quota, self.fresh = quota, _Fresh()
        self.tokens, self.at = float(quota.burst), now
        self.in_flight = self.messages = self.octets = self.open = self.told = 0
        self.others: int | None = None

    def fill(self, now: float, rate: float) -> None:
        self.tokens = min(float(self.quota.burst), self.tokens + max(0.0, now - self.at) * rate)
        self.at = now

    def take(self, sender: str) -> Use:
        fresh, self.fresh = self.fresh, _Fresh()
        self.told += fresh.requests
        self.messages += fresh.messages
        self.octets += fresh.octets
        self.open += fresh.transfers
        return Use(sender=sender, **msgspec.structs.asdict(fresh))

    def give_back(self, use: Use) -> None:
        self.told -= use.requests
        self.messages -= use.messages
        self.octets -= use.octets
        self.open -= use.transfers
        self.fresh.requests += use.requests
        self.fresh.messages += use.messages
        self.fresh.octets += use.octets
        self.fresh.transfers += use.transfers

    def hear(self, usage: Usage) -> None:
        others = usage.requests - self.told
        if self.others is not None:
            self.tokens -= max(0, others - self.others)
        self.others = others
        self.messages, self.octets, self.open = usage.messages, usage.octets, usage.open


class Quotas:
    """``seconds``: a monotonic clock, for rates; ``now``: the wall clock, for days."""

    def __init__(
        self,
        quotas: Mapping[str, Quota],
        paces: Mapping[str, Pace],
        *,
        seconds: Callable[[], float],
        now: Callable[[], datetime],
        retry_after: int,
    ) -> None:
        self._seconds, self._now, self._retry_after = seconds, now, retry_after
        self._accounts = {sender: _Account(quota, seconds()) for sender, quota in quotas.items()}
        for partner, pace in paces.items():
            quota = Quota(rate=pace.rate, burst=pace.burst)
            self._accounts |= {_name(partner, errand): _Account(quota, seconds()) for errand in Errand}
        self._day = self._here().date()

    # --- one request

    def enter(self, sender: str) -> None:
        """Let one request in. Raises ``Later`` HUB-LIM-002 with the quota that is used up."""
        account = self._accounts[sender]
        quota, fresh = account.quota, account.fresh
        if account.in_flight >= quota.in_flight:
            raise Later(OVER, f"in_flight: at most {quota.in_flight} requests at once", self._retry_after)
        if quota.backlog is not None and account.open + fresh.transfers >= quota.backlog:
            raise Later(OVER, f"backlog: at most {quota.backlog} unfinished transfers", BACKLOG_WAIT)
        if quota.day_messages is not None and account.messages + fresh.messages >= quota.day_messages:
            raise Later(OVER, f"day_messages: at most {quota.day_messages} a day", self._until_midnight())
        if quota.day_bytes is not None and account.octets + fresh.octets >= quota.day_bytes:
            raise Later(OVER, f"day_bytes: at most {quota.day_bytes} a day", self._until_midnight())
        self._pace(account)
        account.in_flight += 1

    def call(self, partner: str, errand: Errand) -> None:
        """Let a recipient's request in. Raises ``Later`` HUB-LIM-002."""
        account = self._accounts.get(_name(partner, errand))
        if account is not None:
            self._pace(account)

    def _pace(self, account: _Account) -> None:
        rate = account.quota.rate
        if rate is not None:
            account.fill(self._seconds(), rate)
            if account.tokens < 1:
                raise Later(OVER, f"rate: {rate:g} requests a second", (1 - account.tokens) / rate)
            account.tokens -= 1
        account.fresh.requests += 1

    def leave(self, sender: str) -> None:
        self._accounts[sender].in_flight -= 1

    def accepted(self, sender: str, size: int, transfers: int) -> None:
        """Book a message that was taken for good; a replay is none."""
        fresh = self._accounts[sender].fresh
        fresh.messages += 1
        fresh.octets += size
        fresh.transfers += transfers

    def _here(self) -> datetime:
        return self._now().astimezone(VIETNAM)

    def _until_midnight(self) -> float:
        here = self._here()
        midnight = here.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return (midnight - here).total_seconds()

    # --- with the other processes

    async def sync(self, share: Share) -> None:
        """Tell the store what was let in here, hear what was let in everywhere. What could not be told is told next time."""
        day = self._here().date()
        if day != self._day:
            self._turn(day)
        uses = [account.take(sender) for sender, account in self._accounts.items() if account.fresh.requests]
        try:
            usage = await share(day, uses)
        except BaseException:
            for use in uses:
                self._accounts[use.sender].give_back(use)
            raise
        for heard in usage:
            if heard.sender in self._accounts:
                self._accounts[heard.sender].hear(heard)

    def _turn(self, day: date) -> None:
        """A new day: nothing is used up, and the store counts from nought."""
        self._day = day
        for account in self._accounts.values():
            account.messages = account.octets = account.told = account.others = 0


def _name(partner: str, errand: Errand) -> str:
    """No partner's id has a colon, so these stand beside the senders' names."""
    return f"{errand}:{partner}"
