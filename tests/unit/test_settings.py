"""The hub's own settings: closed, typed, overridable from the environment."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import closed_toml
from hub.settings import file as settings
from schemas.problems import Refusal

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """\
data = "store"
listen = "127.0.0.1:9000"
lease = "45s"

[keys.province-seal]
file = "keys/seal.pem"
password_file = "keys/seal.password"

[limits]
body = "2MB"
in_flight = 64
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "hub.toml"
    path.write_text(text, "utf-8")
    return path


def refused(folder: Path, text: str, environment: dict[str, str] | None = None) -> Refusal:
    with pytest.raises(Refusal) as caught:
        settings.load(written(folder, text), environment or {})
    return caught.value


def test_a_file_is_read_with_its_paths_anchored_at_its_folder(tmp_path: Path) -> None:
    found = settings.load(written(tmp_path, GOOD), {})
    assert (found.host, found.port, found.lease) == ("127.0.0.1", 9000, 45.0)
    assert found.data == tmp_path / "store"
    assert found.keys["province-seal"].file == tmp_path / "keys/seal.pem"
    assert found.keys["province-seal"].password_file == tmp_path / "keys/seal.password"
    assert found.limits.body == 2 << 20
    assert found.limits.sender.in_flight == 128


def test_without_a_file_the_defaults_hold() -> None:
    found = settings.load(None, {})
    assert found.limits.body == 1 << 20
    assert found.listen == "127.0.0.1:8080"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    found = settings.load(
        written(tmp_path, GOOD),
        {"LIENTHONG_LIMITS__BODY": "512KB", "LIENTHONG_LISTEN": "[::1]:80", "PATH": "/bin"},
    )
    assert found.limits.body == 512 << 10
    assert found.limits.in_flight == 64
    assert (found.host, found.port) == ("::1", 80)


def test_an_unknown_key_is_refused_with_its_line_and_path(tmp_path: Path) -> None:
    refusal = refused(tmp_path, GOOD + "retries = 3\n")
    [problem] = refusal.problems
    assert (problem.code, problem.place, problem.line, problem.rule) == (
        "HUB-CFG-002",
        "hub.toml: limits.retries",
        12,
        "unknown key",
    )


def test_an_unknown_variable_is_refused_by_its_name(tmp_path: Path) -> None:
    refusal = refused(tmp_path, GOOD, {"LIENTHONG_LIMITS__BODDY": "1"})
    assert [(p.place, p.rule) for p in refusal.problems] == [
        ("LIENTHONG_LIMITS__BODDY: limits.boddy", "unknown key")
    ]


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    refusal = refused(tmp_path, 'data = 3\nlease = "soon"\nlisten = "here"\nlanguage = "fr"\n')
    assert [(p.line, p.place.partition(": ")[2]) for p in refusal.problems] == [
        (1, "data"),
        (3, "listen"),
        (4, "language"),
        (2, "lease"),
    ]


def test_no_value_of_the_file_enters_a_problem(tmp_path: Path) -> None:
    refusal = refused(
        tmp_path, 'listen = "swordfish"\npassword = "swordfish"\n[limits]\nbody = "swordfish"\n'
    )
    assert len(refusal.problems) == 3
    assert "swordfish" not in repr(refusal.problems)


@pytest.mark.parametrize(
    "text", ["", "postgresql://hub@db:5432/hub", "postgres://db/hub?sslmode=verify-full"]
)
def test_a_database_is_named_by_its_address(text: str, tmp_path: Path) -> None:
    file = tmp_path / "hub.toml"
    file.write_text(f'database = "{text}"\ndatabase_password_file = "secret"\n', "utf-8")
    found = settings.load(file, {})
    assert (found.database, found.database_password_file) == (text, tmp_path / "secret")


@pytest.mark.parametrize(
    "text",
    [
        "hub.db",
        "mysql://db/hub",
        "postgresql://hub:swordfish@db/hub",
        "postgresql://db/hub?password=swordfish",
    ],
)
def test_a_password_or_another_engine_is_refused_and_not_repeated(text: str, tmp_path: Path) -> None:
    refusal = refused(tmp_path, f'database = "{text}"')
    assert [problem.place for problem in refusal.problems] == ["hub.toml: database"]
    assert "swordfish" not in repr(refusal.problems)


def test_a_file_that_is_not_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    [problem] = refused(tmp_path, 'data = "x"\ndata = "y"\n').problems
    assert (problem.line, problem.rule) == (2, "TOML")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        settings.load(tmp_path / "absent.toml", {})
    assert caught.value.problems[0].rule == "file can be read"


@pytest.mark.parametrize("text", ["30", "-1s", "1 s", "1w", "s", ""])
def test_a_duration_names_its_unit(text: str, tmp_path: Path) -> None:
    assert refused(tmp_path, f'lease = "{text}"').problems[0].place == "hub.toml: lease"


@pytest.mark.parametrize(
    ("table", "key", "text"),
    [
        ("limits", "body_time", "99999y"),
        ("documents", "expires", "101y"),
        ("documents", "sweep", "0s"),
        ("scanner", "retry", "1ms"),
        ("limits", "document", "8GB"),
    ],
)
def test_what_would_only_break_while_the_hub_runs_is_refused_before(
    table: str, key: str, text: str, tmp_path: Path
) -> None:
    found = refused(tmp_path, f'[{table}]\n{key} = "{text}"')
    assert found.problems[0].place == f"hub.toml: {table}.{key}"


def test_lines_are_found_in_every_shape_of_toml() -> None:
    text = '''\
a = 1 # [not.a.table]
"b c".d = """
[also.not]
x = 1
"""
e = [
  1,  # one
  { f = "}", g = [2] },
]

[t.u]
v = '#'
[[w]]
x = 1
[w.y]
z = 2
[[w]]
x = 3
'''
    tomllib.loads(text)
    found = closed_toml.lines(text)
    assert found["a",] == 1
    assert found["b c", "d"] == 2
    assert found["e", 0] == 7
    assert found["e", 1, "g"] == 8
    assert found["t", "u", "v"] == 12
    assert (found["w", 0], found["w", 0, "x"], found["w", 0, "y", "z"]) == (13, 14, 16)
    assert (found["w", 1], found["w", 1, "x"]) == (17, 18)


_values = st.recursive(
    st.sampled_from(
        ["1", "true", "1.5", "'a]#='", '"\\"}{"', '"""\nx = [\n"""', "'''\n]'''", "1979-05-27T07:32:00Z"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: "[" + ",\n".join(parts) + "]")
        | st.lists(inner, max_size=3).map(
            lambda parts: (
                "{" + ", ".join(f"k{n} = {part}" for n, part in enumerate(parts) if "\n" not in part) + "}"
            )
        )
    ),
    max_leaves=6,
)


def _paths(value: object, at: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    if isinstance(value, dict):
        inner = [_paths(each, (*at, key)) for key, each in value.items()]
    elif isinstance(value, list):
        inner = [_paths(each, (*at, number)) for number, each in enumerate(value)]
    else:
        inner = []
    return set().union({at} if at else set(), *inner)


@given(st.lists(_values, min_size=1, max_size=5), st.booleans())
def test_every_path_of_any_valid_toml_has_a_line(values: list[str], table: bool) -> None:
    pairs = [f"k{number} = {value}" for number, value in enumerate(values)]
    text = "\n".join(["[t]\n" if table else "", *pairs])
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert _paths(parsed) <= set(closed_toml.lines(text))


GENERATIONS = """
[[keys.dau-so.generations]]
id = "2026"
file = "2026.p12"
[[keys.dau-so.generations]]
id = "2027"
file = "/seals/2027.p12"
begins = {begins}
"""


def test_a_key_may_have_generations_each_with_its_day(tmp_path: Path) -> None:
    found = settings.load(written(tmp_path, GENERATIONS.format(begins="2027-01-01")), {})
    first, second = found.keys["dau-so"].places
    assert (first.id, first.file, first.begins) == ("2026", tmp_path / "2026.p12", None)
    assert second.begins == datetime(2026, 12, 31, 17, tzinfo=UTC)
    with_zone = settings.load(written(tmp_path, GENERATIONS.format(begins="2027-01-01T08:00:00+07:00")), {})
    assert with_zone.keys["dau-so"].places[1].begins == datetime(2027, 1, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        GENERATIONS.format(begins="2027-01-01T08:00:00"),
        GENERATIONS.format(begins='"mai"'),
        GENERATIONS.format(begins="2027-01-01").replace('id = "2027"', 'id = "2026"'),
        GENERATIONS.format(begins="2027-01-01").replace('file = "2026.p12"', ""),
        '[keys.dau-so]\nfile = "a"\n[[keys.dau-so.generations]]\nid = "1"\nfile = "b"\n',
        "[keys.dau-so]\n",
    ],
)
def test_a_key_that_could_be_understood_in_two_ways_is_refused(tmp_path: Path, text: str) -> None:
    assert "keys.dau-so" in refused(tmp_path, text).problems[0].place


TOKEN = """
[keys.dau-so]
module = "/usr/lib/softhsm/libsofthsm2.so"
token = "hub"
label = "seal"
pin_file = "keys/pin"
certificate = "keys/seal.pem"
"""


def test_a_key_may_lie_in_a_token(tmp_path: Path) -> None:
    (one,) = settings.load(written(tmp_path, TOKEN), {}).keys["dau-so"].places
    assert (one.id, one.token, one.label, one.file) == ("1", "hub", "seal", None)
    assert one.pin_file == tmp_path / "keys/pin"
    assert str(one.module) == "/usr/lib/softhsm/libsofthsm2.so"


@pytest.mark.parametrize("without", ["token", "label", "pin_file", "certificate", "module"])
def test_a_key_in_a_token_needs_all_that_says_which(tmp_path: Path, without: str) -> None:
    text = "\n".join(line for line in TOKEN.splitlines() if not line.startswith(without))
    assert "keys.dau-so" in refused(tmp_path, text).problems[0].place
    assert "keys.dau-so" in refused(tmp_path, TOKEN + 'file = "keys/seal.p12"\n').problems[0].place
