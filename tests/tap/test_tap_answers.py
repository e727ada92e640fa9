"""The bytes of an answer, made without HTTP: what it says of itself, when pieces leave, how it ends."""

from __future__ import annotations

import io
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pyarrow as pa
import pytest
from astropy.io import fits
from astropy.io.votable import parse_single_table
from tap_jobs import FAILING, with_one_that_is_no_number

from vo_service.access import ANONYMOUS, Rights
from vo_service.asking.answers import Answering
from vo_service.asking.errors import service_error
from vo_service.dali.current import Current
from vo_service.dali.errors import ServiceError
from vo_service.dali.streams import Cancellation, StalledReader
from vo_service.engines import CountedEngine, DuckDBEngine, Engine, EngineDown, Limits, QueryFailed
from vo_service.formats import Info, find_format
from vo_service.query import Context, Question
from vo_service.settings import Settings
from vo_service.store import Catalogue, Snapshot, Snapshots
from vo_service.tap.queries import STANDARD_ID

ROWS = 60_000
BATCH = 2048
NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
SPACE = "{http://www.ivoa.net/xml/VOTable/v1.3}"
ALL = "SELECT dataset_id, s_ra, s_dec FROM ivoa.obscore"


class Tally:
    """Statements that run in the engine."""

    def __init__(self) -> None:
        self.running = self.rows = 0

    def started(self) -> None:
        self.running += 1

    def gave(self, rows: int) -> None:
        self.rows += rows

    def ended(self) -> None:
        self.running -= 1


@pytest.fixture(scope="module")
def tally() -> Tally:
    return Tally()


@pytest.fixture(scope="module")
def current(
    tmp_path_factory: pytest.TempPathFactory,
    tally: Tally,
    make_rows: Callable[[int], pa.Table],
    publish_table: Callable[[Settings, pa.Table], None],
) -> Iterator[Current[Engine]]:
    settings = Settings.load(home=tmp_path_factory.mktemp("answers"), environ={})
    publish_table(settings, with_one_that_is_no_number(make_rows(ROWS)))

    @contextmanager
    def engine_on(snapshot: Snapshot) -> Iterator[Engine]:
        engine = DuckDBEngine(snapshot.engine_file, memory_bytes=300_000_000, threads=1)
        yield CountedEngine(engine, tally)
        engine.close()

    with ExitStack() as closing:
        catalogue = Catalogue.open(settings.catalogue_address)
        closing.callback(catalogue.close)
        snapshots = Snapshots(settings.home, catalogue)
        closing.callback(snapshots.close)
        opened: Current[Engine] = Current(snapshots, engine_on)
        closing.callback(opened.close)
        yield opened


@pytest.fixture(scope="module")
def readers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


Make = Callable[..., Answering]


@pytest.fixture
def answering(current: Current[Engine], readers: ThreadPoolExecutor, tmp_path: Path) -> Make:
    """Makes an answer to ADQL in a format; more of its fields by name."""

    def make(adql: str, format: str = "votable", maxrec: int | None = 10**6, **more: object) -> Answering:
        context = Context(ANONYMOUS, NOW, "https://vo.example.org", Limits(60.0, BATCH), Rights(False))
        plain = Answering(Question(adql, maxrec), context, find_format(format), STANDARD_ID, (), current)
        return replace(plain, readers=readers, place=tmp_path, **more)  # type: ignore[arg-type]

    return make


def infos_of(content: bytes) -> list[tuple[str, str, str | None, str]]:
    """All INFOs in order: name, value, UCD, text; the document must be well-formed."""
    root = ElementTree.fromstring(content)
    return [
        (info.get("name", ""), info.get("value", ""), info.get("ucd"), info.text or "")
        for info in root.iter(f"{SPACE}INFO")
    ]


def whole(answer: Answering) -> bytes:
    return b"".join(answer.pieces(Cancellation()))


@pytest.mark.parametrize("readers_given", [True, False])
def test_an_answer_says_what_it_is(answering: Make, readers_given: bool) -> None:
    # TAP-104, VOT-125, DALI-116
    asked = (Info("LANG", "ADQL-2.1"), Info("MAXREC", "1000000"))
    numbers: list[int] = []
    answer = answering(ALL, infos=asked, citation="Doe et al. 2026", on_snapshot=numbers.append)
    if not readers_given:
        answer = replace(answer, readers=None)
    content = whole(answer)
    infos = infos_of(content)
    told = {name: (value, ucd) for name, value, ucd, _ in infos}
    assert told["standardID"] == ("ivo://ivoa.net/std/TAP", None)
    assert told["QUERY"] == (ALL, None)
    assert told["LANG"] == ("ADQL-2.1", None) and told["MAXREC"] == ("1000000", None)
    assert told["QUERY_TIMESTAMP"] == ("2026-02-03T04:05:06Z", None)
    assert told["server"][0].startswith("vo-service/")
    assert told["snapshot"] == ("1", None) and numbers == [1]
    assert told["citation"] == ("Doe et al. 2026", "meta.bib")
    assert infos[-1][:2] == ("rows", str(ROWS))  # known only at the end, so it stands there
    assert len(parse_single_table(io.BytesIO(content)).array) == ROWS
    assert (answer.told.rows, answer.told.bytes) == (ROWS, len(content))
    assert [info[1] for info in infos if info[0] == "QUERY_STATUS"] == ["OK"] and answer.told.error is None


def test_who_sets_no_citation_claims_none(answering: Make) -> None:
    assert "citation" not in {name for name, *_ in infos_of(whole(answering(f"{ALL} WHERE s_ra < 1")))}


def test_the_same_question_in_the_same_circumstances_gives_the_same_bytes(answering: Make) -> None:
    ordered = f"{ALL} ORDER BY dataset_id"
    for format in ("votable", "votable/td", "csv"):
        assert whole(answering(ordered, format)) == whole(answering(ordered, format))  # TAP-157


def test_a_small_answer_is_one_piece_and_an_empty_one_too(answering: Make) -> None:
    for where in ("s_ra < 1", "s_ra < 0"):
        assert len(list(answering(f"{ALL} WHERE {where}").pieces(Cancellation()))) == 1
    assert len(list(answering(ALL, maxrec=0).pieces(Cancellation()))) == 1


def test_the_first_piece_leaves_while_the_engine_works(answering: Make, tally: Tally) -> None:
    before = tally.rows
    answer = answering(ALL)
    pieces = answer.pieces(Cancellation())
    first = next(pieces)
    assert first.startswith(b"<?xml") and tally.running == 1
    assert tally.rows - before < ROWS / 2
    rest = b"".join(pieces)
    assert tally.running == 0 and tally.rows - before == ROWS == answer.told.rows
    assert rest.endswith(b"</VOTABLE>\n")


def test_an_overflow_is_told_behind_the_rows(answering: Make) -> None:
    answer = answering(ALL, maxrec=5000)
    infos = infos_of(whole(answer))
    assert [info[1] for info in infos if info[0] == "QUERY_STATUS"] == ["OK", "OVERFLOW"]
    assert answer.told.rows == 5000


@pytest.mark.parametrize("format", ["votable", "votable/td", "votable/b"])
def test_a_failure_amid_the_rows_is_told_behind_them(answering: Make, format: str) -> None:
    # VOT-123, DALI-114
    ends: list[tuple[str, int]] = []
    answer = answering(FAILING, format, account=lambda state, _s, rows, _b: ends.append((state, rows)))
    content = whole(answer)
    statuses = [info for info in infos_of(content) if info[0] == "QUERY_STATUS"]
    assert [info[1] for info in statuses] == ["OK", "ERROR"] and "Orion" in statuses[-1][3]
    table = parse_single_table(io.BytesIO(content)).array
    assert 0 < len(table) == answer.told.rows < ROWS  # the rows before it are whole
    assert all(did == f"d-{n}" for did, n in zip(table["dataset_id"], table["n"], strict=True))
    assert answer.told.error is not None and answer.told.error.status == 400  # a job fails by it
    assert ends == [("failed", len(table))]


def test_a_format_without_a_place_for_errors_breaks_off(answering: Make) -> None:
    pieces = answering(FAILING, "csv").pieces(Cancellation())
    assert next(pieces).startswith(b"dataset_id,obs_publisher_did,")
    with pytest.raises(ServiceError, match="Orion"):
        list(pieces)


@pytest.mark.parametrize("format", ["fits", "parquet", "json", "tsv"])
def test_other_formats_are_whole_or_fail(answering: Make, format: str, tmp_path: Path) -> None:
    good = whole(answering(ALL, format, maxrec=5000))
    if format == "fits":
        assert fits.open(io.BytesIO(good))[1].header["NAXIS2"] == 5000
    answer = answering(FAILING, format)
    if answer.format.tells_errors:
        whole(answer)
        assert answer.told.error is not None
    else:
        with pytest.raises(ServiceError):
            whole(answer)
    assert list(tmp_path.iterdir()) == []


def test_a_value_that_the_format_has_no_place_for_is_told_with_a_status(answering: Make) -> None:
    # VOT-085: nothing has left when the first rows are encoded
    adql = "SELECT TOP 1 CAST(-32768 AS SMALLINT) AS n FROM ivoa.obscore"
    with pytest.raises(ServiceError, match="-32768 stands for null"):
        next(answering(adql, "votable/b").pieces(Cancellation()))


def test_a_spooled_format_still_fails_with_a_status(answering: Make) -> None:
    pieces = answering(FAILING, "fits").pieces(Cancellation())
    with pytest.raises(ServiceError, match="Orion"):
        next(piece for piece in pieces if piece)


def test_a_reader_who_stalls_is_told_in_the_answer(answering: Make, tally: Tally) -> None:
    answer = answering(ALL)
    pieces = answer.pieces(Cancellation())
    sent = next(pieces)
    sent += pieces.throw(StalledReader())
    sent += b"".join(pieces)
    statuses = [info for info in infos_of(sent) if info[0] == "QUERY_STATUS"]
    assert [info[1] for info in statuses] == ["OK", "ERROR"] and "too slowly" in statuses[-1][3]
    assert answer.told.error is not None and answer.told.error.transient
    assert tally.running == 0
    silent = answering(ALL, "csv").pieces(Cancellation())
    next(silent)
    with pytest.raises(StalledReader):
        silent.throw(StalledReader())
    assert tally.running == 0


@pytest.mark.parametrize("pieces_taken", [1, 2, 5])
def test_a_client_that_leaves_ends_the_query(answering: Make, tally: Tally, pieces_taken: int) -> None:
    states: list[str] = []
    cancellation = Cancellation()
    answer = answering(ALL, account=lambda state, *_: states.append(state))
    pieces = answer.pieces(cancellation)
    for _ in itertools.islice(pieces, pieces_taken):
        pass
    assert tally.running == 1
    cancellation.cancel()
    pieces.close()
    assert tally.running == 0 and states == ["gone"]


def test_a_query_without_end_is_cancelled_from_outside(answering: Make, tally: Tally) -> None:
    endless = "SELECT COUNT(*) AS n FROM ivoa.obscore a, ivoa.obscore b WHERE a.s_ra * 7 + b.s_ra < 1"
    cancellation = Cancellation()
    timer = threading.Timer(0.3, cancellation.cancel)
    timer.start()
    with pytest.raises(ServiceError):
        list(answering(endless).pieces(cancellation))
    assert tally.running == 0


@pytest.mark.parametrize("adql", ["SELECT nothing FROM ivoa.obscore", "SELEC", f"{FAILING} ORDER BY n"])
def test_what_fails_before_the_first_byte_is_raised(answering: Make, adql: str) -> None:
    ends: list[str] = []
    answer = answering(adql, account=lambda state, *_: ends.append(state))
    with pytest.raises(ServiceError) as caught:
        next(answer.pieces(Cancellation()))
    assert caught.value.status == 400 and ends == ["failed"] and answer.told.bytes == 0


def test_the_log_hears_what_the_client_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    # AUTH-051: and nothing of the query
    down = service_error(EngineDown("engine.duckdb cannot be read: Input/output error"))
    assert down.status == 503 and "Input/output" not in down.text and "Input/output" in caplog.text
    caplog.clear()
    failed = service_error(QueryFailed("Binder Error: no such column\nLINE 1: SELECT secret"))
    assert failed.status == 400
    assert "Binder Error" in caplog.text and "secret" not in caplog.text and "column" not in caplog.text
    caplog.clear()
    service_error(QueryFailed("Conversion Error: 'x' is no number", "'x' is no number"))
    assert caplog.text == ""
