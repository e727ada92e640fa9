"""Fixtures shared by the whole suite: real data where it is present, sample holdings, a live server."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers
from judges import hipsgen_judge, judge, judge_missing
from postgres_cluster import Cluster, Database, find_binaries, start_cluster
from service_processes import run_command, running_server
from two_engines import Engines
from xsd import Validate, validator

from hips.hipsgen.tool import Tool

# no absolute time in a test: machines are shared
# the suite draws the same examples each time, `make soak` others
settings.register_profile("suite", deadline=None, derandomize=True)
settings.register_profile("others", deadline=None)
settings.load_profile(os.environ.get("VO_SERVICE_TEST_DRAWS", "suite"))
if settings.get_current_profile_name() == "suite":
    # hypothesis draws constants of all modules that its process has loaded, which other tests decide on
    assert callable(providers._get_local_constants)
    providers._get_local_constants = providers.Constants

REPOSITORY = Path(__file__).resolve().parent.parent
SEED = 7
PRODUCTS = 200


def data_directory() -> Path:
    """Where the real products and rows are expected (VO_SERVICE_TEST_DATA, else beside the checkout)."""
    return Path(os.environ.get("VO_SERVICE_TEST_DATA", REPOSITORY / "../shared/data")).resolve()


def schema_directory() -> Path:
    """Where the official XML schemas are expected (VO_SERVICE_TEST_XSD, else beside the checkout)."""
    return Path(os.environ.get("VO_SERVICE_TEST_XSD", REPOSITORY / "../shared/xsd")).resolve()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Directory of real products and archive rows; skips where it is absent."""
    path = data_directory()
    if not path.is_dir():
        pytest.skip(f"no real data at {path} (set VO_SERVICE_TEST_DATA)")
    return path


@pytest.fixture(scope="session")
def xsd_directory() -> Path:
    """Directory of official XML schemas; skips where it is absent."""
    path = schema_directory()
    if not path.is_dir():
        pytest.skip(f"no XML schemas at {path} (set VO_SERVICE_TEST_XSD)")
    return path


@pytest.fixture(scope="session")
def validate(xsd_directory: Path) -> Validate:
    """Checks a document (VOSI, UWS, VOTable, OAI-PMH, ...) against the official schemas, and gives its root;
    skips where they are absent."""
    return validator(xsd_directory)


@pytest.fixture(scope="session")
def stilts() -> str:
    """The STILTS command."""
    return judge("stilts")


@pytest.fixture(scope="session")
def hipsgen() -> Tool:
    """The CDS's tool for trees."""
    return hipsgen_judge()


@pytest.fixture(scope="session")
def stilts_classes(stilts: str) -> list[str]:
    """The command that runs a script of BeanShell with the classes of STILTS, which are TOPCAT's too."""
    jars = [Path("/usr/share/java", name) for name in ("starlink-ttools.jar", "bsh.jar")]
    for jar in jars:
        if not jar.exists():
            judge_missing(jar.name)
    return [judge("java"), "-classpath", ":".join(map(str, jars)), "bsh.Interpreter"]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many tests an outside judge was missing for."""
    skipped = terminalreporter.stats.get("skipped", [])
    missing = [r for r in skipped if "judge missing" in str(r.longrepr)]
    if missing:
        terminalreporter.write_line(f"{len(missing)} tests skipped for want of an outside judge")


@dataclass(frozen=True)
class Holdings:
    """Sample holdings, ingested and harvested: the home directory, the sample tree, and its truth."""

    home: Path
    sample: Path

    @property
    def truth(self) -> dict[str, Any]:
        return json.loads((self.sample / "truth.json").read_text(encoding="utf-8"))


def _shared_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all test processes of this run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own


@pytest.fixture(scope="session")
def postgresql_cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """A PostgreSQL cluster, one for all test processes; it ends with the one that started them."""
    binaries = find_binaries()
    if binaries is None:
        judge_missing("PostgreSQL")
    controller = os.getppid() if os.environ.get("PYTEST_XDIST_WORKER") else os.getpid()
    shared = _shared_directory(tmp_path_factory)
    told = shared / "postgresql.json"
    with (shared / "postgresql.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            told.write_text(json.dumps(asdict(start_cluster(binaries, controller))))
    return Cluster(**json.loads(told.read_text()))


@pytest.fixture(scope="session")
def make_database(postgresql_cluster: Cluster) -> Callable[[], Database]:
    """Makes an empty PostgreSQL database with an owner and a reader of its own, at each call another."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    numbers = itertools.count(1)
    return lambda: postgresql_cluster.make_database(f"test_{worker}_{next(numbers)}")


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """A PostgreSQL cluster of a module's own, to be stopped and started."""
    binaries = find_binaries()
    if binaries is None:
        judge_missing("PostgreSQL")
    cluster = start_cluster(binaries, os.getpid())
    yield cluster
    os.kill(cluster.keeper, signal.SIGTERM)


@pytest.fixture(params=["sqlite", "postgresql"])
def catalogue_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLAlchemy URL of an empty catalogue database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'catalogue.sqlite'}"
    database: Database = request.getfixturevalue("make_database")()
    return database.owner_url.replace("postgresql://", "postgresql+psycopg://", 1)


@pytest.fixture(scope="session")
def engines(
    make_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engines]:
    """Engines on published snapshots, closed at the end of the session; skips without PostgreSQL.

    ``engines.postgresql(snapshot)`` loads a snapshot into a database of its own and opens PostgreSQL on it
    (0.5 s: call it from a fixture of a module or session). ``engines.on({"ivoa.obscore": rows, ...})``
    publishes rows and opens both: it gives ``snapshot`` (for `query.ask`), ``duckdb``, ``postgresql`` and
    ``run(engine, sql, tables={...})``, the rows of one statement as an Arrow table. ``engine.dialect`` and
    ``engine.schemas`` are what `adql.write` wants; SQL written by hand names schemas so too:
    ``engine.schemas.get("ivoa", "ivoa")``.
    """
    with ExitStack() as closing:
        yield Engines(make_database, lambda: tmp_path_factory.mktemp("two-engines"), closing)


@pytest.fixture(scope="session")
def holdings(tmp_path_factory: pytest.TempPathFactory) -> Holdings:
    """The sample of seed 7, made once for all test processes; read only."""
    shared = _shared_directory(tmp_path_factory)
    made = Holdings(home=shared / "holdings-home", sample=shared / "holdings-sample")
    with (shared / "holdings.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "holdings.done").exists():
            run_command(
                made.home, "sample", str(made.sample), "--seed", str(SEED), "--products", str(PRODUCTS)
            )
            run_command(made.home, "ingest", str(made.sample / "products"))
            run_command(made.home, "harvest", str(made.sample / "archive.vot"))
            (shared / "holdings.done").touch()
    return made


@pytest.fixture(scope="session")
def live_server(holdings: Holdings) -> Iterator[str]:
    """Base URL of a running service with two workers on the sample holdings, unlisted files open."""
    with running_server(holdings.home) as address:
        yield address
