"""The hub's own keys on the command line, over the real store: what signs, until when, and taking one out of use."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from hub.cli.main import Surroundings, run
from hub.cli.opening import WiredPrograms, kept, wired
from hub.cli.screen import screen_of
from hub.cli.times import utc_now
from tests.doubles.pki import Pki
from tests.unit.test_cli_double import Ran

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(UTC)
SETTINGS = """
data = "data"
[[keys.dau-so.generations]]
id = "2025"
file = "seal-p256.key"
certificate = "seal-p256.pem"
[[keys.dau-so.generations]]
id = "2026"
file = "seal-2048.key"
certificate = "seal-2048.pem"
begins = {today}
[[keys.dau-so.generations]]
id = "2027"
file = "seal-2048-next.key"
certificate = "seal-2048-next.pem"
begins = {later}
[keys.other]
file = "seal-p256.key"
certificate = "seal-p256.pem"
"""


@pytest.fixture
def settings(tmp_path: Path) -> str:
    pki = Pki(tmp_path, NOW)
    for name in ("seal-p256", "seal-2048", "seal-2048-next"):
        assert pki[name]
    (tmp_path / "partners").mkdir()
    file = tmp_path / "hub.toml"
    file.write_text(
        SETTINGS.format(today=NOW.isoformat(), later=(NOW + timedelta(days=9)).date().isoformat())
    )
    return str(file)


def ran(settings: str, *words: str) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    around = Surroundings(
        screen=screen_of(out, err, io.StringIO(), {}, 200),
        environment={},
        open=wired,
        check=lambda _, __: (),
        programs=WiredPrograms(),
        keep=kept,
        now=utc_now,
        by="lan",
    )
    status = run((*words, "--settings", settings, "--lang", "en"), around)
    return Ran(status, out.getvalue(), err.getvalue())


def listed(settings: str) -> dict[str, str]:
    told = json.loads(ran(settings, "key", "list", "--json").out)
    return {f"{row['key']} {row['generation']}": row["state"] for row in told}


def test_a_compromised_key_stops_signing_for_every_process_and_says_what_signs_instead(settings: str) -> None:
    before = listed(settings)
    assert before == {
        "dau-so 2025": "retiring",
        "dau-so 2026": "active",
        "dau-so 2027": "pending",
        "other 1": "active",
    }
    done = ran(settings, "key", "compromise", "dau-so", "2026", "--reason", "INC-1", "--yes")
    assert done.status == 0
    assert "generation 2025 signs instead" in done.err
    assert listed(settings) == {**before, "dau-so 2025": "active", "dau-so 2026": "compromised"}
    again = ran(settings, "key", "compromise", "dau-so", "2026", "--reason", "INC-1", "--yes")
    assert "nothing changed" in again.err


def test_what_nobody_declared_cannot_be_compromised(settings: str) -> None:
    done = ran(settings, "key", "compromise", "dau-so", "2029", "--reason", "INC-1", "--yes")
    assert done.status == 1
    assert "There are: dau-so 2025" in done.err
    wrong = ran(
        settings, "key", "compromise", "dau-so", "2026", "--since", "hôm qua", "--reason", "x", "--yes"
    )
    assert wrong.status == 2


PARTNER = """
id = "so-dat"
agency = "000.00.15.H47"
room = "rest"
[name]
vi = "Sở Đất đai"
en = "Land department"
[sends]
format = "lienthong.message@1"
kinds = ["returned"]
authority = "000.00.15.H47"
api_keys = ["sha256:{hash}"]
[sends.signature]
binding = "jws-detached"
certificates = ["../seal-expired.pem", {{ file = "../seal-p256.pem", until = {until} }}]
"""


def foreseen(settings: str, *words: str) -> tuple[int, dict[str, dict[str, object]]]:
    done = ran(settings, "trust", "--json", *words)
    return done.status, {row["kind"]: row for row in json.loads(done.out)}


def test_the_forecast_says_who_stops_when_and_is_three_once_somebody_has(
    settings: str, tmp_path: Path
) -> None:
    pki = Pki(tmp_path, NOW)
    assert pki["seal-expired"]
    file = tmp_path / "partners" / "so-dat.toml"
    until = (NOW + timedelta(days=20)).date()
    file.write_text(PARTNER.format(hash="ab" * 32, until=until.isoformat()))
    assert foreseen(settings, "--days", "5") == (0, {})
    status, found = foreseen(settings, "--days", "30")
    assert (status, set(found)) == (0, {"key-begins", "pin-ends"})
    ends = found["pin-ends"]
    assert ends["partners"] == ["so-dat"]
    assert str(ends["stops"]).startswith(until.isoformat())
    file.write_text(PARTNER.format(hash="ab" * 32, until="2026-01-01"))
    status, found = foreseen(settings, "--days", "0")
    assert (status, set(found)) == (3, {"pin-none"})
    shown = ran(settings, "trust", "--days", "0").out
    assert "so-dat has no certificate in force" in shown


def test_a_partners_certificate_is_believed_no_more_once_a_person_says_so(
    settings: str, tmp_path: Path
) -> None:
    assert Pki(tmp_path, NOW)["seal-expired"]
    file = tmp_path / "partners" / "so-dat.toml"
    file.write_text(PARTNER.format(hash="ab" * 32, until=(NOW + timedelta(days=200)).date().isoformat()))
    wrong = ran(settings, "partner", "distrust", "so-dat", "other.pem", "--reason", "x", "--yes")
    assert (wrong.status, "Pinned are: seal-expired.pem" in wrong.err) == (1, True)
    done = ran(settings, "partner", "distrust", "so-dat", "seal-p256.pem", "--reason", "INC-2", "--yes")
    assert "1 others are left" in done.err
    status, found = foreseen(settings, "--days", "0")
    assert (status, set(found)) == (
        3,
        {"barred", "pin-none", "key-none"},
    )  # the hub's own `other` is the same one
