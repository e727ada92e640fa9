"""A PostgreSQL cluster for the suite: one for all test processes, gone when they are.

It lives in a directory of its own under the system's temporary one: the servers refuse to run as root, so
they run as another user, who could not enter pytest's directories; and the path of a socket must be short.
A keeper process (this file, run as a program) starts the cluster and watches the process that wanted it: when
that has ended, by itself, by Ctrl-C or killed, the keeper stops the cluster and removes the directory.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

SETUP = Path(__file__).resolve().parent.parent / "vo_service" / "engines" / "postgresql_setup.sql"
_SUPERUSER = "super"
_OPTIONS = (
    "-F -c listen_addresses='' -c shared_buffers=128MB -c jit=off -c max_connections=80 "
    "-c synchronous_commit=off -c full_page_writes=off -c max_wal_size=2GB "
    "-c autovacuum=off"  # its own snapshots would keep rows from being frozen by a VACUUM of ours
)
_STARTING_SECONDS = 60


def find_binaries() -> Path | None:
    """Where initdb and pg_ctl are: VO_SERVICE_TEST_POSTGRESQL, the PATH, or Debian's newest version."""
    named = os.environ.get("VO_SERVICE_TEST_POSTGRESQL")
    on_path = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name))
    places = [Path(named)] if named else [*([Path(on_path).parent] if on_path else []), *reversed(debian)]
    return next((p for p in places if (p / "initdb").exists() and (p / "pg_ctl").exists()), None)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster: the directory of its socket, and the process that keeps it."""

    directory: str
    keeper: int
    binaries: str

    def url(self, database: str, user: str) -> str:
        """Address of a database (libpq URI)."""
        return f"postgresql:///{database}?host={quote(self.directory, safe='')}&user={user}"

    def make_database(self, name: str) -> Database:
        """A database of that name, with an owner and a reader, made by the script for operators."""
        owner, reader = f"{name}_owner", f"{name}_reader"
        self.run_script(SETUP, database=name, owner=owner, reader=reader)
        return self._database(name)

    def run(self, statement: str) -> None:
        """Run one statement as a superuser."""
        with psycopg.connect(self.url("postgres", _SUPERUSER), autocommit=True) as connection:
            connection.execute(statement.encode())

    def rename(self, database: str, name: str) -> None:
        """Give a database another name, its connections being ended."""
        self.run(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
        self.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")
        self.run(f"ALTER DATABASE {database} RENAME TO {name}")
        self.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    def stop(self, mode: str) -> None:
        """End the servers, as the mode of pg_ctl says: ``fast``, or ``immediate``, which is like a crash."""
        _controlled(self, "-m", mode, "stop")

    def start(self) -> None:
        """Start them again; they take connections when this returns."""
        _controlled(self, *_starting(Path(self.directory)))

    def _database(self, name: str) -> Database:
        owner, reader = f"{name}_owner", f"{name}_reader"
        return Database(
            name, self.url(name, _SUPERUSER), self.url(name, owner), self.url(name, reader), reader
        )

    def make_bare_database(self, name: str) -> Database:
        """A database, an owner who is no superuser and a reader, as PostgreSQL itself makes them."""
        owner, reader = f"{name}_owner", f"{name}_reader"
        with psycopg.connect(self.url("postgres", _SUPERUSER), autocommit=True) as connection:
            for role in (owner, reader):
                connection.execute(f"CREATE ROLE {role} LOGIN".encode())
            connection.execute(f"CREATE DATABASE {name} OWNER {owner}".encode())
        return self._database(name)

    def run_script(self, script: Path, **variables: str) -> None:
        """Run a script of psql as a superuser."""
        beside = Path(self.binaries) / "psql"
        command = [str(beside) if beside.exists() else "psql", "-qX", "-o", os.devnull, "-f", str(script)]
        command += ["-d", self.url("postgres", _SUPERUSER)]
        for name, value in variables.items():
            command += ["-v", f"{name}={value}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr


@dataclass(frozen=True, slots=True)
class Database:
    """A database with the addresses by which a superuser, its owner and its reader get there."""

    name: str
    superuser_url: str
    owner_url: str
    reader_url: str
    reader: str

    def rows(self, statement: str, url: str | None = None) -> list[tuple[object, ...]]:
        """Run one statement, as the owner where no other address is given; its rows, if it has any."""
        with psycopg.connect(url or self.owner_url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


def start_cluster(binaries: Path, watched: int) -> Cluster:
    """Start a cluster that lives as long as the process ``watched``."""
    command = [sys.executable, str(Path(__file__).resolve()), str(binaries), str(watched)]
    keeper = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C in the terminal is not for the keeper
        text=True,
    )
    assert keeper.stdout is not None
    with keeper.stdout as told:
        answer = told.readline()
        if not answer.startswith("{"):
            raise AssertionError(f"PostgreSQL did not start: {answer}{told.read()}")
    keeper.returncode = 0  # nobody waits for it here: it outlives this process on purpose
    return Cluster(**json.loads(answer))


def _server_user() -> tuple[int, int] | None:
    """The user that the servers run as, where this process is root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    raise SystemExit("PostgreSQL does not run as root, and there is no user postgres or nobody")


def _runner(directory: Path) -> Callable[..., None]:
    """A function that runs a program of PostgreSQL as the right user, in the directory."""
    user = _server_user()
    as_other = {} if user is None else {"user": user[0], "group": user[1], "extra_groups": ()}
    if user is not None:
        os.chown(directory, *user)
    log = directory / "keeper.log"

    def run(*command: str) -> None:
        with log.open("ab") as output:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=directory,
                check=False,
                timeout=_STARTING_SECONDS,
                **as_other,  # type: ignore[call-overload]
            )
        if done.returncode:
            raise SystemExit(f"{command[0]} ended with {done.returncode}: {log.read_text(errors='replace')}")

    return run


def _starting(directory: Path) -> tuple[str, ...]:
    """What pg_ctl is told to start the servers."""
    return "-l", str(directory / "log"), "-o", f"{_OPTIONS} -c unix_socket_directories={directory}", "start"


def _controlled(cluster: Cluster, *order: str) -> None:
    """Have pg_ctl do something and wait until it is done."""
    directory = Path(cluster.directory)
    try:
        _runner(directory)(
            str(Path(cluster.binaries) / "pg_ctl"), "-D", str(directory / "data"), "-w", *order
        )
    except SystemExit as error:
        raise AssertionError(str(error)) from error


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


def keep(binaries: Path, watched: int) -> None:
    """Start a cluster, say where it is, and end it with the process ``watched`` or at SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    directory = Path(tempfile.mkdtemp(prefix="vo-pg-"))
    try:
        run = _runner(directory)
        data = str(directory / "data")
        run(
            str(binaries / "initdb"), "-D", data, "-A", "trust", "-U", _SUPERUSER, "-E", "UTF8",
            "--locale=C.UTF-8", "--no-sync", "--no-instructions",
        )  # fmt: skip
        try:
            run(str(binaries / "pg_ctl"), "-D", data, "-w", *_starting(directory))
            made = Cluster(str(directory), os.getpid(), str(binaries))
            print(json.dumps(asdict(made)), flush=True)
            sys.stdout.close()
            while _alive(watched):
                time.sleep(0.2)
        finally:
            with contextlib.suppress(SystemExit):
                run(str(binaries / "pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    keep(Path(sys.argv[1]), int(sys.argv[2]))
