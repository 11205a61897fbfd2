"""A site to draft into, and a person who decides all that a draft leaves open as the draft itself says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hub.drafting.table import CONFIRM, UNKNOWN

if TYPE_CHECKING:
    from pathlib import Path

AGENCY = "000.00.09.H47"


def new_site(folder: Path) -> Path:
    file = folder / "site" / "lienthong.toml"
    for name in ("partners", "mappings"):
        (file.parent / name).mkdir(parents=True)
    file.write_text(
        'data = "data"\npartners = "partners"\nmappings = "mappings"\nlisten = "127.0.0.1:8080"\n'
        'public_url = "http://127.0.0.1:8080"\n',
        "utf-8",
    )
    return file


def answers_settled(partner: Path) -> None:
    """Say what the draft of a SOAP partner leaves to a person: that whatever is answered means taken."""
    text = partner.read_text("utf-8")
    partner.write_text(text.replace("# any_output = true", "any_output = true", 1), "utf-8")


def decided(mapping: Path) -> None:
    """Do what the draft itself says: what is proposed is confirmed, what is not connected is kept, and ``open`` is deleted."""
    text = mapping.read_text("utf-8")
    for says in ("Where a row says `open` a person decides", "keep = true", "Then delete `open`"):
        assert says in text
    text = text.replace(f', open = "{CONFIRM}"', "").replace(f'open = "{UNKNOWN}"', "keep = true")
    mapping.write_text(re.sub(rf'^operations = "{CONFIRM}.*"$', "", text, flags=re.MULTILINE), "utf-8")
