"""Whom somebody who checks a container believes: certificates that he brings himself, and the time for which he asks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from schemas.problems import Refusal, refuse
from signing import timestamps
from signing.trust import path
from signing.trust.pins import pin

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cryptography import x509


_SKEW = timedelta(seconds=60)


class Anchors(msgspec.Struct, frozen=True, kw_only=True):
    """``seals``: certificates that sign containers, or authorities above them; ``stamps``: whose time is believed."""

    seals: tuple[x509.Certificate, ...]
    stamps: timestamps.Anchors

    def believe(self, certificate: x509.Certificate, at: datetime) -> None:
        """Raise ``Refusal`` HUB-EVD-007 for a signer that nothing here vouches for, HUB-EVD-008 for one who could not sign then."""
        _is_a_seal(certificate)
        if not certificate.not_valid_before_utc - _SKEW <= at <= certificate.not_valid_after_utc + _SKEW:
            raise refuse("HUB-EVD-008", rule=f"valid on {at:%Y-%m-%d}")
        if certificate not in self.seals and not self._leads_here(certificate, at):
            raise refuse("HUB-EVD-007", rule="an anchor above it, or the certificate itself as anchor")

    def _leads_here(self, certificate: x509.Certificate, at: datetime) -> bool:
        try:
            path.validate(certificate, self.seals, at)
        except Refusal:
            return False
        return True


def _is_a_seal(certificate: x509.Certificate) -> None:
    """A certificate for TLS, stamps or OCSP signs no container, whoever issued it."""
    try:
        pin(certificate)
    except Refusal as refusal:
        raise refuse("HUB-EVD-007", rule=refusal.problems[0].rule) from refusal


def load(seals: Iterable[Path], stamps: timestamps.Anchors) -> Anchors:
    """Read PEM files. Raises ``Refusal`` HUB-CRT-003."""
    found = timestamps.load_anchors(seals)
    return Anchors(seals=(*found.roots, *found.between), stamps=stamps)
