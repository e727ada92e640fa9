"""STILTS reads what is written: the same rows of every type from each format, and votlint finds nothing."""

from __future__ import annotations

import csv
import io
import subprocess
from pathlib import Path

import pytest
from every_type import EVERY_TYPE, batch_of
from stilts_remarks import unexplained_votlint
from votables import SERIALISATIONS, column, encode

from tap_schema import published
from vo_service.formats import OK, OVERFLOW, Info, Outcome, failed

pytestmark = pytest.mark.judge

ALL = tuple(one for one, _ in EVERY_TYPE)


def run(stilts: str, *arguments: str) -> str:
    done = subprocess.run([stilts, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def found_by_votlint(stilts: str, document: bytes, path: Path) -> list[str]:
    path.write_bytes(document)
    return unexplained_votlint(run(stilts, "votlint", f"votable={path}"))


@pytest.mark.parametrize("outcome", [OK, OVERFLOW, failed("engine gone")])
@pytest.mark.parametrize("asked", SERIALISATIONS)
def test_votlint_finds_nothing(stilts: str, tmp_path: Path, asked: str, outcome: Outcome) -> None:
    """# VOT-001, VOT-006, VOT-007, VOT-008, VOT-009, VOT-022, VOT-033, VOT-034, VOT-035, VOT-063, VOT-070,
    VOT-086"""
    infos = (Info("QUERY", "SELECT '<é>'"), Info("citation", "x", "y", "meta.bib"))
    document = encode(asked, ALL, [batch_of(*EVERY_TYPE)], outcome, infos)
    assert found_by_votlint(stilts, document, tmp_path / "x.vot") == []


@pytest.mark.parametrize("asked", SERIALISATIONS)
def test_votlint_on_the_columns_of_obscore(stilts: str, tmp_path: Path, asked: str) -> None:
    """# VOT-039, VOT-041, VOT-042, VOT-106, VOT-107, VOT-108"""
    columns = published()["ivoa.obscore"].columns
    document = encode(asked, columns, [batch_of(*((one, [None]) for one in columns))])
    assert found_by_votlint(stilts, document, tmp_path / "x.vot") == []


@pytest.mark.parametrize("asked", SERIALISATIONS)
def test_letters_of_all_planes(stilts: str, tmp_path: Path, asked: str) -> None:
    """# VOT-046, VOT-057: what text carries comes through it, what two bytes do not have is told as such"""
    name = column("y", "unicodeChar", "8*")
    path = tmp_path / "table"
    path.write_bytes(encode(asked, (name,), [batch_of((name, ["Ω Cen é", "\U0001f52d\U00020bb7", "𝛼"]))]))
    found = run(stilts, "tpipe", f"in={path}", "ifmt=votable", "ofmt=csv", "out=-").splitlines()
    far = ["\U0001f52d\U00020bb7", "𝛼"] if asked == "votable/td" else ["\ufffd\ufffd", "\ufffd"]
    assert found == ["y", "Ω Cen é", *far]


@pytest.mark.parametrize("asked", [*SERIALISATIONS, "text/xml", "votable/1.5", "fits", "csv"])
def test_the_same_rows_from_each_format(stilts: str, tmp_path: Path, asked: str) -> None:
    """# TAP-052, TAP-112, VOT-189: few rows and many, in lines of a million characters too"""
    kept = tuple(
        (one, values)
        for one, values in EVERY_TYPE
        if one.name in ("tiny", "small", "whole", "big", "real", "text", "at_most", "when")
    )
    columns = tuple(one for one, _ in kept)
    batches = [batch_of(*kept), batch_of(*((one, values * 5000) for one, values in kept))]
    path = tmp_path / "table"
    path.write_bytes(encode(asked, columns, batches))
    kind = {"fits": "fits", "csv": "csv"}.get(asked, "votable")
    text = run(stilts, "tpipe", f"in={path}", f"ifmt={kind}", "ofmt=csv", "out=-")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == [one.name for one in columns] and len(rows) == 1 + 3 * 5001
    for n, row in enumerate(rows[1:]):
        for got, (one, values) in zip(row, kept):
            wanted = values[n % 3]
            if wanted is None:
                assert got == ""
            elif one.xtype == "timestamp":
                assert got in ("2020-01-02T03:04:05.006", "1969-12-31T23:59:59.999999")
            elif isinstance(wanted, str):
                assert got == wanted
            else:
                assert float(got) == wanted if one.datatype == "double" else int(got) == wanted


@pytest.mark.parametrize("asked", [*SERIALISATIONS, "fits"])
def test_no_rows(stilts: str, tmp_path: Path, asked: str) -> None:
    """# VOT-090, TAP-111"""
    path = tmp_path / "table"
    path.write_bytes(encode(asked, ALL, []))
    kind = "fits" if asked == "fits" else "votable"
    assert run(stilts, "tpipe", f"in={path}", f"ifmt={kind}", "omode=count").split() == [
        "columns:",
        str(len(ALL)),
        "rows:",
        "0",
    ]


def test_metadata_of_a_fits_column(stilts: str, tmp_path: Path) -> None:
    one = column(
        "s_ra", "double", unit="deg", ucd="pos.eq.ra", utype="obscore:x", description="Right ascension"
    )
    path = tmp_path / "x.fits"
    path.write_bytes(encode("fits", (one,), [batch_of((one, [1.0]))]))
    told = run(
        stilts, "tpipe", f"in={path}", "cmd=meta name units ucd utype description", "ofmt=csv", "out=-"
    )
    assert told.splitlines()[1] == "s_ra,deg,pos.eq.ra,obscore:x,Right ascension"
