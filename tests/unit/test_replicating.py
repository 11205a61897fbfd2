"""Versions of what a hub gives to those below: numbered, believed only when they follow, laid whole, and the site's own kept."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub.replicating import laying, manifest
from hub.replicating.manifest import Kind, Known, Manifest, file_of
from hub.replicating.places import Places
from schemas.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
DAY = date(2026, 11, 24)
CSV = b"code,level,parent,vi,en\n"


def made(*files: tuple[Kind, str, bytes], before: Manifest | None = None, at: datetime = NOW) -> Manifest:
    new = manifest.follow(before, [file_of(*each) for each in files], hub="H47", made_at=at, from_day=DAY)
    assert new is not None
    return new


def known(told: Manifest) -> Known:
    return Known(number=told.number, digest=manifest.digest(manifest.to_json(told)), made_at=told.made_at)


def news(told: Manifest, before: Known | None, now: datetime = NOW) -> bool:
    return manifest.is_news(told, manifest.digest(manifest.to_json(told)), before, now)


FIRST = made((Kind.REGISTRY, "agencies/2026-11-24-a.csv", CSV))
SECOND = made((Kind.REGISTRY, "agencies/2026-11-24-a.csv", CSV + b"x"), before=FIRST)


def test_a_version_is_read_as_it_was_written_and_the_same_files_make_no_other() -> None:
    assert manifest.read(manifest.to_json(SECOND)) == SECOND
    assert (SECOND.number, SECOND.previous) == (2, manifest.digest(manifest.to_json(FIRST)))
    assert manifest.follow(SECOND, SECOND.files, hub="H47", made_at=NOW, from_day=DAY) is None


def test_the_next_version_counts_no_sooner_than_the_one_before_it() -> None:
    later = msgspec.structs.replace(FIRST, from_day=DAY + timedelta(days=9))
    new = manifest.follow(later, SECOND.files, hub="H47", made_at=NOW, from_day=DAY)
    assert new is not None
    assert new.from_day == DAY + timedelta(days=9)


def test_a_later_version_is_news_and_the_known_one_is_none() -> None:
    assert news(FIRST, None)
    assert news(SECOND, known(FIRST))
    assert not news(SECOND, known(SECOND))


@pytest.mark.parametrize(
    ("told", "before", "place"),
    [
        (FIRST, known(SECOND), "version/number"),
        (msgspec.structs.replace(SECOND, from_day=date(2026, 12, 1)), known(SECOND), "version/number"),
        (msgspec.structs.replace(SECOND, made_at=NOW - timedelta(days=1)), known(FIRST), "version/made_at"),
        (msgspec.structs.replace(SECOND, made_at=NOW + timedelta(hours=1)), known(FIRST), "version/made_at"),
        (msgspec.structs.replace(SECOND, previous="0" * 64), known(FIRST), "version/previous"),
    ],
    ids=["older", "another one under its number", "made before", "from the future", "follows on another"],
)
def test_what_cannot_follow_on_what_is_known_is_not_believed(
    told: Manifest, before: Known, place: str
) -> None:
    with pytest.raises(Refusal) as refused:
        news(told, before)
    assert (refused.value.code, refused.value.problems[0].place) == (manifest.REGRESSES, place)


@pytest.mark.parametrize(
    "name",
    [
        "../lienthong.toml",
        "agencies/../../x.csv",
        "/etc/passwd",
        "agencies/.x.csv",
        "partners/a.toml",
        "agencies/a.toml",
    ],
)
def test_no_name_of_a_version_leads_out_of_its_folder(name: str) -> None:
    wrong = msgspec.structs.replace(FIRST, files=(file_of(Kind.REGISTRY, name, b""),))
    with pytest.raises(Refusal) as refused:
        manifest.read(manifest.to_json(wrong))
    assert refused.value.code == manifest.WRONG


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"v":2}', manifest.to_json(FIRST)[:-1]])
def test_what_is_no_version_is_refused(raw: bytes) -> None:
    with pytest.raises(Refusal):
        manifest.read(raw)


def test_a_file_twice_and_other_bytes_than_listed_are_refused() -> None:
    twice = msgspec.structs.replace(FIRST, files=(*FIRST.files, *FIRST.files))
    with pytest.raises(Refusal):
        manifest.read(manifest.to_json(twice))
    with pytest.raises(Refusal):
        manifest.check_file(FIRST.files[0], CSV + b"y")


def places_in(folder: Path) -> Places:
    return Places(
        registries=folder / "registries",
        mappings=folder / "mappings",
        signatories=folder / "signatories",
        calendar=folder / "calendar.toml",
        pins=folder / "pins",
    )


class Site:
    def __init__(self, folder: Path) -> None:
        self.places, self.record = places_in(folder), folder / "laid.json"

    def lay(self, told: Manifest, *content: bytes, check: Callable[[Places], None] = lambda _: None) -> bool:
        by_hash = {file_of(Kind.REGISTRY, "x", each).sha256: each for each in content}
        digest = manifest.digest(manifest.to_json(told))
        return laying.lay(told, digest, self.places, self.record, by_hash, check)

    def standing(self, name: str) -> bytes | None:
        path = self.places.registries / name
        return path.read_bytes() if path.is_file() else None


def test_a_version_is_laid_once_and_what_it_no_longer_lists_is_taken_away_but_for_mappings(
    tmp_path: Path,
) -> None:
    site, mapping = Site(tmp_path), b"id = 'x'\n"
    both = made((Kind.REGISTRY, "agencies/a.csv", CSV), (Kind.MAPPING, "mappings/x-1.toml", mapping))
    assert site.lay(both, CSV, mapping)
    assert not site.lay(both, CSV, mapping)
    other = made((Kind.REGISTRY, "agencies/b.csv", CSV), before=both)
    assert site.lay(other, CSV)
    assert (site.standing("agencies/a.csv"), site.standing("agencies/b.csv")) == (None, CSV)
    assert (tmp_path / "mappings" / "x-1.toml").read_bytes() == mapping
    assert laying.read(site.record).number == other.number


def test_the_sites_own_additions_stay_and_its_own_file_of_the_same_name_is_kept_beside(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path)
    own = tmp_path / "registries" / "agencies"
    own.mkdir(parents=True)
    (own / "a.csv").write_bytes(b"mine")
    (own / "own.csv").write_bytes(b"mine, too")
    site.lay(made((Kind.REGISTRY, "agencies/a.csv", CSV)), CSV)
    assert (own / "a.csv").read_bytes() == CSV
    assert (own / "a.csv.own").read_bytes() == b"mine"
    assert (own / "own.csv").read_bytes() == b"mine, too"


def test_what_was_changed_here_since_is_not_taken_away(tmp_path: Path) -> None:
    site = Site(tmp_path)
    first = made((Kind.REGISTRY, "agencies/a.csv", CSV))
    site.lay(first, CSV)
    (tmp_path / "registries" / "agencies" / "a.csv").write_bytes(b"mine now")
    site.lay(made((Kind.REGISTRY, "agencies/b.csv", CSV), before=first), CSV)
    assert site.standing("agencies/a.csv") == b"mine now"


def test_a_version_that_cannot_be_read_here_changes_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path)
    seen: list[bytes] = []

    def check(trial: Places) -> None:
        seen.append((trial.registries / "agencies" / "a.csv").read_bytes())
        raise ValueError("two agencies with one code")

    with pytest.raises(Refusal) as refused:
        site.lay(made((Kind.REGISTRY, "agencies/a.csv", CSV)), CSV, check=check)
    assert (refused.value.code, seen) == (laying.CANNOT_STAND, [CSV])
    assert (site.standing("agencies/a.csv"), site.record.exists()) == (None, False)


def test_what_stands_is_gathered_under_its_kind_and_a_private_key_never_leaves(tmp_path: Path) -> None:
    places = places_in(tmp_path)
    for name, content in (
        ("registries/agencies/a.csv", "a"),
        ("registries/agencies/.a.csv.new", "half"),
        ("registries/notes.txt", "nobody's"),
        ("mappings/x-1.toml", "x"),
        ("mappings/approvals/x-1.toml", "x"),
        ("json/x/1.json", "{}"),
        ("signatories/a.toml", "a"),
        ("signatories/certs/a.pem", "-----BEGIN CERTIFICATE-----"),
        ("calendar.toml", ""),
        ("partners/a.toml", "a"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert [f"{kind}/{name}" for kind, name, _ in places.gather()] == [
        "registry/agencies/a.csv",
        "mapping/mappings/x-1.toml",
        "mapping/mappings/approvals/x-1.toml",
        "mapping/json/x/1.json",
        "signatories/a.toml",
        "signatories/certs/a.pem",
        "calendar/calendar.toml",
    ]
    (tmp_path / "signatories" / "certs" / "b.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(Refusal) as refused:
        list(places.gather())
    assert refused.value.problems[0].place == "signatories/certs/b.pem"
