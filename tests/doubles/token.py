"""A token (PKCS#11) in software: SoftHSM2 from Debian, with keys of ``tests.doubles.pki`` in it.

One process sees one folder of tokens: the library reads its configuration when it is loaded.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from signing.keys.ring import KeySource

if TYPE_CHECKING:
    from pathlib import Path

    from tests.doubles.pki import Pki

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
LABEL, PIN = "hub", "123456"


def soft_token(pki: Pki, folder: Path, *names: str) -> Path:
    """Make a token with these keys; return the file with its PIN."""
    tokens, config, pin = folder / "tokens", folder / "softhsm2.conf", folder / "pin"
    tokens.mkdir()
    config.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(config)
    pin.write_text(PIN + "\n")
    pin.chmod(0o600)
    _told("--init-token", "--free", "--label", LABEL, "--so-pin", "87654321", "--pin", PIN)
    for number, name in enumerate(names, 1):
        key = str(pki[name].key_file)
        _told("--import", key, "--token", LABEL, "--label", name, "--id", f"{number:02}", "--pin", PIN)
    return pin


def in_token(pki: Pki, name: str, pin: Path, **changes: str) -> KeySource:
    given = {
        "name": "seal",
        "module": MODULE,
        "token": LABEL,
        "label": name,
        "pin_file": str(pin),
        "certificate": str(pki[name].certificate_file),
        **changes,
    }
    return KeySource(**given)  # type: ignore[arg-type]  # changes are spelt per field


def _told(*words: str) -> None:
    subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)
