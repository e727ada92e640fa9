"""What hipsgen says, and what is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from stand_ins import END, saying, stand_in

from hips.hipsgen.errors import HipsgenFailed
from hips.hipsgen.lines import Kind, read_line
from hips.hipsgen.run import Progress, run

HEADING = "\033[34mRUN   : ==================== TILES  =================\033[0m"
STAT = "\033[36mSTAT  : 2/286 tiles + 1 nodes in 366ms (0.7%) by 2/2 threads\033[0m"
FULL = "java.io.IOException: No space left on device"
TRACE = "\tat java.base/java.io.FileOutputStream.writeBytes(Native Method)"


@pytest.mark.parametrize(
    ("written", "kind", "text"),
    [
        ("INFO  : Order=14 => PixelAngularRes=25.16mas", Kind.NOTE, "Order=14 => PixelAngularRes=25.16mas"),
        (HEADING, Kind.ACTION, "TILES"),
        ("\033[31m*ERROR: No source image found in in\033[0m", Kind.ERROR, "No source image found in in"),
        ("\033[35m*WARN*: BAD PIXEL CUT\033[0m", Kind.WARNING, "BAD PIXEL CUT"),
        ("\033[31mABORT : TILES abort (after 1s)\033[0m", Kind.ABORT, "TILES abort (after 1s)"),
        ("\033[34mDONE  : TILES done (in 1s)\033[0m", Kind.NOTE, "TILES done (in 1s)"),
        ("..\033[34mDONE  : == THE END (done in 1s) ==\033[0m", Kind.END, "== THE END (done in 1s) =="),
        (FULL, Kind.FAULT, FULL),
        ("java.lang.NullPointerException", Kind.FAULT, "java.lang.NullPointerException"),
        ('Exception in thread "the main" java.lang.Error: x', Kind.FAULT, None),
        ("Terminating due to java.lang.OutOfMemoryError: Java heap space", Kind.FAULT, None),
        (TRACE, Kind.REST, TRACE),
        ("...", Kind.REST, "..."),
        ("", Kind.REST, ""),
        ("BuilderTiles.createLeave error: ./t/Norder14/Dir0/Npix4", Kind.REST, None),
    ],
    ids=range(15),
)  # fmt: skip
def test_a_line_is_known_for_what_it_is(written: str, kind: Kind, text: str | None) -> None:
    line = read_line(written)
    assert line.kind is kind
    assert text is None or line.text == text


def test_progress_is_told_as_it_comes(tmp_path: Path) -> None:
    told: list[Progress] = []
    run(saying(tmp_path, HEADING, ".", STAT, END), ["TILES"], {}, tmp_path, told.append)
    assert told == [Progress("TILES", None, None), Progress("TILES", 2, 286)]


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["*ERROR: Unknown parameter [BLAH] !"], "Unknown parameter [BLAH] !"),
        (["*ERROR: Input not available [in]", "ABORT : == (aborted after 15ms  =="], "Input not available"),
        (["java.io.EOFException", "*WARN*: => file retired: in/b.fits", END], "file retired: in/b.fits"),
        (["java.lang.NullPointerException: x is null", END], "x is null"),
        (["ABORT : TILES abort (after 8ms)"], "did not come to its end"),
        ([HEADING, STAT], "did not come to its end"),
    ],
    ids=["parameter", "input", "unreadable", "exception", "abort", "breaks off"],
)  # fmt: skip
def test_a_complaint_is_an_exception_with_its_words(tmp_path: Path, lines: list[str], complaint: str) -> None:
    # its exit status is 0 in all these cases, and most come to an end that looks good
    with pytest.raises(HipsgenFailed, match="hipsgen INDEX TILES: ") as failed:
        run(saying(tmp_path, *lines), ["INDEX", "TILES"], {}, tmp_path)
    assert complaint in str(failed.value)


def test_warnings_are_no_complaint(tmp_path: Path) -> None:
    report = run(saying(tmp_path, "*WARN*: BAD PIXEL CUT", END), ["TILES"], {}, tmp_path)
    assert report.texts(Kind.WARNING) == ("BAD PIXEL CUT",)


@pytest.mark.parametrize("words", ["No space left on device", "Disk quota exceeded", "File too large"])
def test_a_full_disk_is_one_of_the_system(tmp_path: Path, words: str) -> None:
    # a tile that could not be written is lost without a word in the end
    with pytest.raises(OSError, match=words) as failed:
        run(saying(tmp_path, f"java.io.IOException: {words}", TRACE, END), ["TILES"], {}, tmp_path)
    assert failed.value.errno in (28, 122, 27)


def test_too_little_memory_is_told(tmp_path: Path) -> None:
    tool = stand_in(tmp_path, "echo 'Terminating due to java.lang.OutOfMemoryError: Java heap space'; exit 3")
    with pytest.raises(HipsgenFailed, match="too little memory; the setting hipsgen_memory"):
        run(tool, ["TILES"], {}, tmp_path)


def test_a_last_line_without_an_end_counts(tmp_path: Path) -> None:
    with pytest.raises(HipsgenFailed, match="no end of line"):
        run(stand_in(tmp_path, "printf '*ERROR: no end of line'"), ["TILES"], {}, tmp_path)
