"""``lienthong partner validate``: what is wrong with a set of files is told in one run, each with its file and line."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - fixtures are annotated

import pytest

from hub.cli.opening import checked
from hub.demo.scene import build
from hub.wiring.validating import check_partners, mapping_faults
from schemas.mapping import __file__ as mapping_file
from tests.unit.test_cli_double import line

LAND = "so-tnmt.toml"
NO_WORD = 'delivery_failed = "the service has no such word; an operator sees it"\n'


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The demonstration's, with a folder for mappings of its own."""
    settings = build(tmp_path, 1, (2, 3, 4)).settings
    (settings.parent / "own" / "mappings").mkdir(parents=True)
    text = settings.read_text("utf-8")
    settings.write_text('mappings = "own/mappings"\n' + text, "utf-8")
    return settings


def written(site: Path, name: str, *changes: tuple[str, str]) -> Path:
    """Write the land department's file anew; each text stands in it once."""
    text = (site.parent / "partners" / LAND).read_text("utf-8")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file = site.parent / "partners" / name
    file.write_text(text, "utf-8")
    return file


def told(site: Path, *files: Path) -> set[tuple[str, str, str]]:
    """File, text of the line and rule of each fault."""
    found = check_partners(site, files)
    return {(file.name, lined(file, problem.line), problem.rule) for file, problem in found}


def lined(file: Path, number: int) -> str:
    return file.read_text("utf-8").splitlines()[number - 1].partition("#")[0].strip() if number else ""


def test_every_fault_of_every_file_is_told_in_one_run_with_its_line(site: Path) -> None:
    mapping = site.parent / "own" / "mappings" / "so-c.soap-1.toml"
    shipped = (type(site)(mapping_file).parent / "mappings" / "land.soap-1.toml").read_text("utf-8")
    own = shipped.replace('id = "land.soap"', 'id = "so-c.soap"').replace('as = "digits"', 'as = "moon"', 1)
    mapping.write_text(own.replace(NO_WORD, ""), "utf-8")
    a = written(
        site,
        "a.toml",
        ('role = "decides"', 'role = "decides"\ncan_be_askd = true\nacknowledges = true'),
        ('wsdl = "land@1"', 'wsdl = "land@1"\noperations = { TiepNhanHoSo = "Nope" }'),
        ('element = "Ma"\nhas', 'element = "MaSai"\nhas'),
        ("{ MaGiaoDich = ", "{ MaSo = "),
        ('read_timeout = "5s"', 'read_timeout = "5 s"\nauth = { kind = "bearer", secret_file = "no.txt" }'),
    )
    b = written(
        site,
        "b.toml",
        ('id = "so-tnmt"', 'id = "so-b"'),
        ('agency = "000.00.15.H47"', 'agency = "000.00.99.H47"'),
        ('mapping = "land.soap@1"', 'mapping = "nope@1"'),
        ('key = "province-seal"', 'key = "nobodys-seal"'),
        ('wsdl = "land@1"', 'wsdl = "nope@1"'),
        ('base_url = "http://127.0.0.1:3"', 'base_url = "http://so-b.example.vn"'),
    )
    c = written(
        site,
        "c.toml",
        ('id = "so-tnmt"', 'id = "so-c"'),
        ('"land.soap@1"', '"so-c.soap@1"'),
        ('"received", "transferred"', '"received", "delivery_failed", "transferred"'),
    )
    found = told(site, a, b, c)
    assert found == {
        # of a file by itself, in whatever part of it
        ("a.toml", "can_be_askd = true", "unknown key"),
        ("a.toml", "acknowledges = true", "receives.receipts.api_keys, or [sends], for its receipts"),
        ("a.toml", 'operations = { TiepNhanHoSo = "Nope" }', "an operation of the WSDL"),
        (
            "a.toml",
            'element = "MaSai"',
            "an element of {urn:lienthong:example:land:1}KetQua",
        ),
        (
            "a.toml",
            'arguments = { MaSo = "key" }',
            "an element of {urn:lienthong:example:land:1}TraCuuGiaoDich",
        ),
        ("a.toml", 'read_timeout = "5 s"', 'a duration: "500ms", "30s", "5m" or "1h"'),
        ("a.toml", 'auth = { kind = "bearer", secret_file = "no.txt" }', "a file that is there"),
        ("b.toml", 'agency = "000.00.99.H47"', "an agency of the registry"),
        ("b.toml", 'mapping = "nope@1"', "a mapping of the library, id@version"),
        ("b.toml", 'key = "nobodys-seal"', "the name of a key in the hub's settings"),
        ("b.toml", 'wsdl = "nope@1"', "a schema of the library"),
        (
            "b.toml",
            'base_url = "http://so-b.example.vn"',
            "http:// is for loopback only; use https://",
        ),
        ("c.toml", "kinds = [", "kinds that the mapping says"),
        ("so-c.soap-1.toml", '{ wire = "SoThuTu", at = "event.sequence", as = "moon" },', ""),
        # across files: one that was not asked about counts, too
        ("a.toml", 'id = "so-tnmt"', "an id of its own: this one stands in another file"),
        (
            "c.toml",
            'agency = "000.00.15.H47"',
            "one system that decides: so-tnmt decides here, too (stage live)",
        ),
    }
    ran = line(
        "partner", "validate", *map(str, (a, b, c)), "--settings", str(site), "--json", checker=checked
    )
    assert (ran.status, len(json.loads(ran.out))) == (3, len(found))


def test_a_file_that_lies_elsewhere_takes_the_place_of_the_one_with_its_id(
    site: Path, tmp_path: Path
) -> None:
    (tmp_path / "new.toml").write_bytes((site.parent / "partners" / LAND).read_bytes())
    assert told(site, tmp_path / "new.toml") == set()


ANSWER = 'status = { code = "Ma", message = "ThongDiep", delivered = ["0", "1"] }'


@pytest.mark.parametrize("says", ["", "any_output = false", "any_output = true", ANSWER])
def test_which_answers_mean_taken_is_said_on_purpose(site: Path, says: str) -> None:
    found = told(site, written(site, LAND, (ANSWER, says)))
    rule = "status, or any_output = true: which answers mean taken"
    assert {each[2] for each in found} == (set() if "true" in says or says == ANSWER else {rule})


BY_DOSSIER = (
    ('{ MaGiaoDich = "key" }', '{ MaGiaoDich = "dossier" }'),
    ('key = "MaGiaoDich"\nreference', "reference"),
)


KINDS = """\
kinds = [
  "received", "transferred", "supplement_requested", "supplement_submitted", "duty_announced", "duty_paid", "withdrawn",
  "finished", "result_incorrect", "result_handed_over", "returned", "recalled", "corrected",
]"""


@pytest.mark.parametrize(
    ("changes", "right"),
    [
        ((), False),
        (((KINDS, 'kinds = ["supplement_submitted"]'),), False),
        (((KINDS, 'kinds = ["received"]'),), True),
        ((("can_be_asked = true ", "can_be_asked = false "),), True),
    ],
)
def test_a_question_about_a_dossier_proves_nothing_of_its_second_message(
    site: Path, changes: tuple[tuple[str, str], ...], *, right: bool
) -> None:
    found = told(site, written(site, LAND, *BY_DOSSIER, *changes))
    assert {(at, rule[:33]) for _, at, rule in found} == (
        set() if right else {("[receives.soap.find]", "a question about one transfer (ke")}
    )


def test_a_question_whose_answer_repeats_the_transfers_key_is_about_that_transfer(site: Path) -> None:
    assert told(site, written(site, LAND, BY_DOSSIER[0])) == set()


def test_a_path_with_the_dossier_alone_is_no_question_about_a_transfer(site: Path) -> None:
    one_stop = site.parent / "partners" / "motcua-tinh.toml"
    text = one_stop.read_text("utf-8")
    changed = text.replace('/{key}", key = "/key" }', '/{dossier}" }')
    assert changed != text
    one_stop.write_text(changed, "utf-8")
    assert [each[2][:29] for each in told(site, one_stop)] == ["a question about one transfer"]


def test_all_that_is_wrong_with_a_mapping_is_told_at_once(site: Path) -> None:
    mapping = site.parent / "own" / "mappings" / "so-c.soap-1.toml"
    text = (type(site)(mapping_file).parent / "mappings" / "land.soap-1.toml").read_text("utf-8")
    for old, new in (
        ('id = "land.soap"', 'id = "so-c.soap"'),
        ('at = "size", as = "digits"', 'at = "size", as = "moon"'),
        ('at = "event.reason"', 'at = "event.nothing"'),
        ("\n[lost]\n", '\n[lost]\n"dossier.never" = "no such field"\n'),
        ('record = "tiep_nhan"', 'record = "nowhere"'),
    ):
        assert old in text, old
        text = text.replace(old, new, 1)
    mapping.write_text(text, "utf-8")
    file = written(site, "c.toml", ('id = "so-tnmt"', 'id = "so-c"'), ('"land.soap@1"', '"so-c.soap@1"'))
    ours = {lined(mapping, problem.line) for _, problem in mapping_faults(site, file)}
    wanted = ('as = "moon"', 'at = "event.nothing"', '"dossier.never" =', "[operation.TiepNhanHoSo]")
    assert [any(part in at for at in ours) for part in wanted] == [True] * len(wanted), ours
    assert len(ours) == len(wanted), "what a row means whose place is none is not told as left out"


@pytest.mark.parametrize("mapping", ["edxml.qcvn102@1", "vbdlis.rest@1"])
def test_what_a_mapping_says_and_the_wsdl_does_not_take_is_told(site: Path, mapping: str) -> None:
    found = check_partners(site, [written(site, LAND, ('"land.soap@1"', f'"{mapping}"'))])
    assert {problem.rule for _, problem in found} == {"an operation of the WSDL"}


def test_a_key_whose_file_is_gone_is_told_of_the_partner_that_names_it(site: Path) -> None:
    (site.parent / "keys" / "province-seal.key").unlink()
    [(file, problem)] = check_partners(site, [site.parent / "partners" / LAND])
    assert (file.name, problem.code) == (LAND, "HUB-CRT-003")


def test_a_secret_that_is_none_is_told_at_the_line_that_names_it(site: Path) -> None:
    (site.parent / "partners" / "secrets" / "ngan.txt").write_text("ngan", "utf-8")
    auth = 'auth = { kind = "bearer", secret_file = "secrets/ngan.txt" }'
    file = written(site, LAND, ('wsdl = "land@1"', f'wsdl = "land@1"\n{auth}'))
    assert told(site, file) == {(LAND, auth, "secret file")}


def test_a_fault_is_told_in_vietnamese_whatever_found_it(site: Path) -> None:
    file = written(site, LAND, ("concurrency = 8", 'concurrency = "tám"'))
    ran = line("partner", "validate", str(file), "--settings", str(site), terminal=True, checker=checked)
    assert "phải là một số nguyên" in ran.out
