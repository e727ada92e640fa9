"""Archive tables with broken rows and unusual columns: what is wrong costs the row, never the file."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from service_processes import run_command

from tap_schema import published
from vo_service.holdings.archive import Mapped, map_rows
from vo_service.holdings.harvest_sources import ArchiveTable, SourceError, open_file
from vo_service.store import Catalogue, Snapshots

ARCHIVE_ROW = published()["holdings.archive_row"]
HEAD = b"obs_id,member_ous_uid,s_ra,s_dec,obs_title\n"


def line(number: int, title: bytes = b"fine") -> bytes:
    return b"uid://A001/X1/X%d,uid://A001/X1/X%d,10.5,-20.5,%s\n" % (number, number, title)


def mapped(source: ArchiveTable) -> list[Mapped]:
    first, found = 1, []
    for table in source.tables():
        found.append(map_rows(table, ARCHIVE_ROW, first, source.units))
        first += table.num_rows
    return found


def kept_and_refused(path: Path) -> tuple[list[str], list[tuple[int, str]]]:
    parts = mapped(open_file(path))
    kept = [uid for part in parts for uid in part.rows["member_ous_uid"].to_pylist()]
    return kept, [(reject.line, reject.reason) for part in parts for reject in part.rejects]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b"uid://A001/X1/X2,uid://A001/X1/X2,3\n", "3 fields where the table has 5 columns"),
        (line(2).rstrip() + b",more\n", "6 fields where the table has 5 columns"),
        (line(2, b"caf\xe9"), "bytes that are no UTF-8"),
    ],
)
def test_a_broken_line_costs_its_row_alone(tmp_path: Path, broken: bytes, reason: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(HEAD + line(1) + broken + line(3) + b"\n" + line(4, b'"two\nlines"'))
    kept, refused = kept_and_refused(path)
    assert kept == ["uid://A001/X1/X1", "uid://A001/X1/X3", "uid://A001/X1/X4"]
    assert [row for row, _ in refused] == [2]
    assert reason in refused[0][1]


def test_lines_that_break_late_lose_no_row_and_give_none_twice(tmp_path: Path) -> None:
    """The fast reader has handed out many rows by then."""
    path = tmp_path / "a.csv"
    count = 9_000
    long = b"x" * 4_000
    path.write_bytes(HEAD + b"".join(line(n, long) for n in range(count)) + b"short\n" + line(count))
    kept, refused = kept_and_refused(path)
    assert kept == [f"uid://A001/X1/X{n}" for n in range(count + 1)]
    assert [row for row, _ in refused] == [count + 1]


@pytest.mark.parametrize("broken", [b'"open', b'"a "b" c'])
def test_a_quotation_mark_that_is_not_closed_costs_its_row_alone(tmp_path: Path, broken: bytes) -> None:
    """The worst kind: a reader may take all rows that follow for a part of that cell."""
    path = tmp_path / "a.csv"
    others = [line(n, b'"two\nlines ""quoted"""') for n in range(3, 300)]
    path.write_bytes(HEAD + line(1) + line(2, broken) + b"".join(others))
    kept, refused = kept_and_refused(path)
    assert [row for row, _ in refused] == [2]
    assert "quotation mark" in refused[0][1] and "line 3" in refused[0][1]
    assert kept == [f"uid://A001/X1/X{n}" for n in (1, *range(3, 300))]


def test_a_mark_of_inches_is_a_letter(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(HEAD + line(1, b'5" beam') + line(2))
    [found] = mapped(open_file(path))
    assert found.rejects == ()
    assert found.rows["obs_title"].to_pylist() == ['5" beam', "fine"]


def parquet(path: Path, **columns: pa.Array) -> Path:
    uids = pa.array(["uid://A001/X1/X1", "uid://A001/X1/X2"])
    pq.write_table(pa.table({"obs_id": uids, "member_ous_uid": uids, **columns}), path)
    return path


def test_columns_of_lists_records_and_bytes_are_read(tmp_path: Path) -> None:
    path = parquet(
        tmp_path / "a.parquet",
        band_list=pa.array([[6, 7], None], pa.list_(pa.int32())),
        target_name=pa.array([b"M83", b"caf\xe9"], pa.binary()),
        strange=pa.array([{"a": 1}, {"a": 2}]),
        odd=pa.array([b"\xff", b"ok"], pa.binary()),
        many=pa.array([[1.5, 2.5], []], pa.list_(pa.float64())),
        obs_title=pa.array(["one", "two"]).dictionary_encode(),
    )
    [found] = mapped(open_file(path))
    [row] = found.rows.to_pylist()
    assert (row["band_list"], row["target_name"], row["obs_title"]) == ("6 7", "M83", "one")
    assert row["other"] == '{"strange":"{\\"a\\": 1}","many":"1.5 2.5"}'
    assert [(each.line, each.reason) for each in found.rejects] == [
        (2, "target_name is 'not UTF-8', not a text")
    ]


def test_numbers_without_end_are_refused_and_not_dropped(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", t_exptime=pa.array([float("inf"), float("nan")]))
    [found] = mapped(open_file(path))
    assert [(each.line, each.reason) for each in found.rejects] == [
        (1, "t_exptime is 'inf', not a finite number")
    ]
    assert found.rows["t_exptime"].to_pylist() == [None]
    path = parquet(tmp_path / "b.parquet", s_ra=pa.array(["1e999", "1"]), s_dec=pa.array(["1", "1"]))
    [found] = mapped(open_file(path))
    assert [each.reason for each in found.rejects] == ["s_ra is '1e999', not a finite number"]


def test_utc_may_be_written_as_an_offset(tmp_path: Path) -> None:
    texts = pa.array(["2019-01-01T00:00:00+00:00", "2019-01-01T02:00:00+02:00"])
    [found] = mapped(open_file(parquet(tmp_path / "a.parquet", obs_release_date=texts)))
    assert [str(each) for each in found.rows["obs_release_date"].to_pylist()] == ["2019-01-01 00:00:00"]
    assert ["(UTC)" in each.reason for each in found.rejects] == [True]


def test_the_identifiers_of_another_service_of_this_kind_are_kept_apart(tmp_path: Path) -> None:
    """Its own identifier is the archive's to us; what it calls the archive's is one column among others."""
    same = pa.array(["uid://A001/X1/X1"] * 2)
    theirs = pa.array(["ivo://them/obs?a", "ivo://them/obs?b"])
    project = pa.array(["ADS/JAO.ALMA#1"] * 2)
    for order in (
        ("obs_publisher_did", "archive_publisher_did"),
        ("archive_publisher_did", "obs_publisher_did"),
    ):
        columns = {"obs_publisher_did": theirs, "archive_publisher_did": project}
        path = tmp_path / f"{order[0]}.parquet"
        pq.write_table(
            pa.table({"obs_id": same, "member_ous_uid": same, **{name: columns[name] for name in order}}),
            path,
        )
        [found] = mapped(open_file(path))
        assert found.rows["archive_publisher_did"].to_pylist() == theirs.to_pylist()
        assert set(found.rows["other"].to_pylist()) == {'{"archive_publisher_did":"ADS/JAO.ALMA#1"}'}
        assert len(set(found.rows["archive_row_id"].to_pylist())) == 2


VOTABLE = """<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE type="results">
<INFO name="QUERY_STATUS" value="{status}">{text}</INFO>{table}{after}</RESOURCE></VOTABLE>"""
TABLE = """<TABLE><FIELD name="obs_id" datatype="char" arraysize="*"/><DATA><TABLEDATA>
<TR><TD>uid://A001/X1/X1</TD></TR></TABLEDATA></DATA></TABLE>"""


def test_a_table_that_its_service_cut_is_taken_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "over.vot"
    path.write_text(
        VOTABLE.format(
            status="OK", text="", table=TABLE, after='<INFO name="QUERY_STATUS" value="OVERFLOW"/>'
        )
    )
    done = run_command(tmp_path / "home", "harvest", str(path), check=False)
    assert done.returncode == 1
    assert "OVERFLOW" in done.stderr
    assert open_file(path).warnings


def test_the_error_that_a_saved_answer_holds_is_quoted(tmp_path: Path) -> None:
    path = tmp_path / "err.vot"
    path.write_text(VOTABLE.format(status="ERROR", text="no such table", table="", after=""))
    with pytest.raises(SourceError, match="no such table"):
        open_file(path)


def test_the_unknown_frame_of_archive_rows_is_on_record_once(tmp_path: Path) -> None:
    """Design 4.4; harvesting the same table again does not say it twice."""
    home, path = tmp_path / "home", tmp_path / "a.csv"
    for count in (2, 3):
        path.write_bytes(HEAD + b"".join(line(n) for n in range(count)))
        run_command(home, "harvest", str(path))
    with closing(Catalogue.open_in(home)) as catalogue:
        snapshot = Snapshots(home, catalogue).current()
        assert snapshot is not None
        [row] = snapshot.read("holdings.repair", where="item = 'specsys'").to_pylist()
    assert (row["rule_id"], row["became"]) == ("SPEC-FRAME-UNKNOWN", None)
    assert "a.csv" in row["why"]


def test_a_harvest_that_keeps_nothing_publishes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (tmp_path / "good.csv").write_bytes(HEAD + line(1))
    (tmp_path / "none.csv").write_bytes(HEAD)
    (tmp_path / "bad.csv").write_bytes(HEAD + b",,1,2,x\n")
    codes = [
        run_command(home, "harvest", str(tmp_path / name), check=False).returncode
        for name in ("good.csv", "none.csv", "bad.csv")
    ]
    assert codes == [0, 0, 1]
    assert len(list((home / "snapshots").iterdir())) == 1
