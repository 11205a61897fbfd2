"""Where what comes from a hub above stands, at a site that names no place of its own for it: beside its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from hub.settings.file import Settings

FOLDER = "replica"
RECORD = "laid.json"


def site(settings: Settings) -> Path:
    return settings.data / FOLDER / "site"


def record(settings: Settings) -> Path:
    """Return the file that says which version is laid out here."""
    return settings.data / FOLDER / RECORD


def standing(settings: Settings) -> Settings:
    """Return the settings with the places of what came from above, as far as something stands there."""
    beside = site(settings)
    if not beside.is_dir():
        return settings
    folders = {name: beside / name for name in ("registries", "mappings", "signatories")}
    told = {name: path for name, path in folders.items() if getattr(settings, name) is None and path.is_dir()}
    if settings.calendar is None and (beside / "calendar.toml").is_file():
        told["calendar"] = beside / "calendar.toml"
    looked, stamps = settings.documents.signatures, settings.timestamps
    anchors = (*looked.anchors, *sorted((beside / "pins" / "anchors").glob("*.pem")))
    signatures = looked.model_copy(update={"anchors": anchors})
    believed = (*stamps.certificates, *sorted((beside / "pins" / "timestamps").glob("*.pem")))
    return settings.model_copy(
        update={
            **told,
            "documents": settings.documents.model_copy(update={"signatures": signatures}),
            "timestamps": stamps.model_copy(update={"certificates": believed}),
        }
    )
