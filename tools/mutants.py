"""Plant known mistakes in a copy of the repository and see the tests fail: ``python -m tools.mutants [F7 F5.1 …]``.

The table is ``tests/mutants.toml``. A mutant is caught when its tests run and fail; it lives when they pass, and it is
lost when its text no longer stands in the file exactly once or the tests cannot even begin. Living and lost ones fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "tests" / "mutants.toml"
AT_ONCE = 2
SECONDS = 180
FAILED = 1
"""pytest's exit status for tests that ran and failed."""


class Mutant(NamedTuple):
    id: str
    what: str
    file: str
    before: str
    after: str
    tests: list[str]


class Verdict(NamedTuple):
    mutant: Mutant
    word: str
    seconds: float
    output: str


def main() -> int:
    wanted = sys.argv[1:]
    mutants = [Mutant(**one) for one in tomllib.loads(TABLE.read_text("utf-8"))["mutant"]]
    chosen = [
        one for one in mutants if not wanted or any(one.id == w or one.id.startswith(f"{w}.") for w in wanted)
    ]
    with tempfile.TemporaryDirectory() as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(AT_ONCE):
            copies.put(copy(Path(folder) / str(number)))
        with ThreadPoolExecutor(AT_ONCE) as threads:
            verdicts = list(threads.map(lambda one: tell(judge(one, copies)), chosen))
    missed = [verdict for verdict in verdicts if verdict.word != "caught"]
    print(f"{len(verdicts) - len(missed)} of {len(verdicts)} caught")
    return 1 if missed or not verdicts else 0


def copy(to: Path) -> Path:
    """Everything that git knows, as it stands; the environment is shared."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in listed.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    return to


def judge(mutant: Mutant, copies: SimpleQueue[Path]) -> Verdict:
    place = copies.get()
    try:
        return planted(mutant, place)
    finally:
        copies.put(place)


def planted(mutant: Mutant, place: Path) -> Verdict:
    file = place / mutant.file
    whole = file.read_text("utf-8")
    if whole.count(mutant.before) != 1:
        return Verdict(
            mutant, "no longer applies", 0.0, f"{whole.count(mutant.before)} times in {mutant.file}"
        )
    began = time.monotonic()
    file.write_text(whole.replace(mutant.before, mutant.after), "utf-8")
    try:
        status, output = run(mutant.tests, place)
    finally:
        file.write_text(whole, "utf-8")
    word = {FAILED: "caught", 0: "LIVES"}.get(status, f"cannot be tested ({status})")
    return Verdict(mutant, word, time.monotonic() - began, output)


def run(tests: list[str], place: Path) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(place), "SEEDS": "400"}
    try:
        done = subprocess.run(  # noqa: S603 - our own tests
            command, cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return FAILED, f"still running after {SECONDS} s"
    return done.returncode, done.stdout[-2000:]


def tell(verdict: Verdict) -> Verdict:
    mutant = verdict.mutant
    print(f"{mutant.id:6} {mutant.what} … {verdict.word} ({verdict.seconds:.0f} s)", flush=True)
    if verdict.word != "caught":
        print(verdict.output)
    return verdict


if __name__ == "__main__":
    sys.exit(main())
