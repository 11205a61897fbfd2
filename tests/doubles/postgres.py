"""A private PostgreSQL cluster for one test run: on a free loopback port, in a folder of its own, gone when the run ends."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
USER, PASSWORD_USER, PASSWORD = "hub", "locked", "a pass word"
QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")
ALWAYS = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=200",
    "shared_buffers=64MB",
    "wal_level=minimal",
    "max_wal_senders=0",
    "log_min_messages=fatal",
)


_CUT_OFF = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname=%s AND pid<>pg_backend_pid()"
_EMPTY = """
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT relname FROM pg_class
    WHERE relkind='r' AND relnamespace='public'::regnamespace AND relname<>'hub_schema'
  LOOP EXECUTE 'DELETE FROM ' || quote_ident(name); END LOOP;
  FOR name IN SELECT relname FROM pg_class WHERE relkind='S' AND relnamespace='public'::regnamespace
  LOOP PERFORM setval(quote_ident(name)::regclass, 1, false); END LOOP;
END $$
"""


_KEEP = """
DO $$ DECLARE name text; BEGIN
  CREATE SCHEMA kept;
  FOR name IN SELECT relname FROM pg_class WHERE relkind='r' AND relnamespace='public'::regnamespace
  LOOP EXECUTE format('CREATE TABLE kept.%I AS TABLE public.%I', name, name); END LOOP;
END $$
"""
_BRING_BACK = """
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT nspname FROM pg_namespace WHERE nspname LIKE 'replaced%'
  LOOP EXECUTE format('DROP SCHEMA %I CASCADE', name); END LOOP;
  FOR name IN SELECT relname FROM pg_class WHERE relkind='r' AND relnamespace='kept'::regnamespace
  LOOP
    EXECUTE format('DELETE FROM public.%I', name);
    EXECUTE format('INSERT INTO public.%I SELECT * FROM kept.%I', name, name);
  END LOOP;
END $$
"""


class Cluster:
    """``durable``: with fsync, for tests that kill the server. ``options``: settings that stand after the usual ones."""

    def __init__(self, folder: Path, *, durable: bool = False, options: Sequence[str] = ()) -> None:
        self._folder = folder
        self._options = tuple(options)
        self._durable = durable
        self._count = 0
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        secret = self._folder / "secret"
        secret.write_text(PASSWORD)
        _run(
            [
                BINARIES[-1] / "initdb",
                "-D",
                self._data,
                "-U",
                USER,
                "-E",
                "UTF8",
                "--locale=C",
                "-A",
                "trust",
                "-N",
            ]
        )
        rules = self._data / "pg_hba.conf"
        rules.write_text(
            f"host all {PASSWORD_USER} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
        )
        self.start()
        with self.connect("postgres") as db:
            db.execute(f"CREATE ROLE {PASSWORD_USER} SUPERUSER LOGIN PASSWORD '{PASSWORD}'".encode())

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def start(self) -> None:
        """Return when it takes connections."""
        options = (*ALWAYS, f"port={self.port}", *(() if self._durable else QUICK), *self._options)
        command = [str(BINARIES[-1] / "postgres"), "-D", str(self._data)]
        for option in options:
            command += ["-c", option]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*_as_unprivileged(), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )
        self._until_it_answers()

    def _until_it_answers(self) -> None:
        end = time.monotonic() + 30
        while True:
            try:
                self.connect("postgres").close()
            except psycopg.OperationalError:
                if time.monotonic() > end or self._process is None or self._process.poll() is not None:
                    raise RuntimeError((self._folder / "log").read_text()) from None
                time.sleep(0.02)
            else:
                return

    @property
    def pid(self) -> int:
        """Of the postmaster."""
        if self._process is None:
            raise RuntimeError("it is stopped")
        return self._process.pid

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: fast shutdown; SIGQUIT: as if it had crashed."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def conninfo(self, database: str, user: str = USER) -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.conninfo(database), autocommit=True)

    def database(self) -> str:
        """Create a database and return its name."""
        self._count += 1
        name = f"d{os.getpid()}_{self._count}"
        with self.connect("postgres") as db:
            db.execute(f"CREATE DATABASE {name}".encode())
        return name

    def keep(self, name: str) -> None:
        """Remember what a database holds, inside of it and out of the hub's sight."""
        with self.connect(name) as db:
            db.execute(_KEEP)

    def bring_back(self, name: str) -> None:
        """Let it hold what was kept, and nothing else: much quicker than a new database."""
        with self.connect(name) as db:
            db.execute(_BRING_BACK)

    def empty(self, name: str) -> None:
        """Leave the schema and nothing in it; whoever is still connected is cut off."""
        with self.connect(name) as db:
            db.execute(_CUT_OFF, (name,))
            db.execute(_EMPTY)


@contextlib.contextmanager
def cluster(*, durable: bool = False, options: Sequence[str] = ()) -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    made = Cluster(folder, durable=durable, options=options)
    try:
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
        made.create()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


def _as_unprivileged() -> list[str]:
    """PostgreSQL does not run as root; and the server ends with this process, however that ends."""
    drop = ["--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    return ["setpriv", *drop, "--pdeathsig=INT"]


def _run(command: list[object]) -> None:
    done = subprocess.run(
        [*_as_unprivileged(), *map(str, command)], capture_output=True, text=True, check=False, cwd="/"
    )
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
