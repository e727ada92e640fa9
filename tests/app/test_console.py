"""What a person at the terminal sees of a long step."""

from __future__ import annotations

import io
import json
from typing import ClassVar

import pytest

from vo_service.commands import console as console_module
from vo_service.commands.console import Console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_quiet_shows_no_progress_and_no_notes_but_answers_and_complaints() -> None:
    out, err = io.StringIO(), Terminal()
    console = Console(True, out, err)
    with console.progress("files") as progress:
        progress("reading", 5, 10)
    console.note("working")
    console.say("answer")
    assert (out.getvalue(), err.getvalue()) == ("answer\n", "")
    console.complain("trouble")
    assert err.getvalue() == "trouble\n"


def test_a_line_is_written_with_its_end_at_one_blow() -> None:
    class Pipe(io.StringIO):
        pieces: ClassVar[list[str]] = []

        def write(self, text: str, /) -> int:
            self.pieces.append(text)
            return super().write(text)

    console = Console(False, Pipe(), Pipe())
    console.say("answer")
    console.note("working")
    console.complain("trouble")
    assert Pipe.pieces == ["answer\n", "working\n", "trouble\n"]


def test_a_terminal_gets_a_bar_for_each_phase() -> None:
    err = Terminal()
    with Console(False, io.StringIO(), err).progress("files") as progress:
        progress("reading", 0, None)
        progress("reading", 7, 10)
        progress("writing", 3, 3)
    assert "reading" in err.getvalue() and "7/10" in err.getvalue()
    assert "writing: 100%" in err.getvalue()


def test_a_pipe_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    err = io.StringIO()
    monkeypatch.setattr(console_module, "_LINE_SECONDS", 0.0)
    with Console(False, io.StringIO(), err).progress("files") as progress:
        progress("reading", 7, 10)
        progress("counting", 8, None)
    assert err.getvalue().splitlines() == ["reading: 7 of 10 files", "counting: 8 files"]


def test_a_table_has_columns_as_wide_as_they_need() -> None:
    out = io.StringIO()
    Console(False, out).table(("a", "long"), [("word", None), (1, 22)])
    assert out.getvalue() == "a     long\nword\n1     22\n"


def test_no_line_steers_the_terminal() -> None:
    out, err = io.StringIO(), io.StringIO()
    console = Console(False, out, err)
    line = "one\x1b[2J\rtwo\x9b\u202e\x07\n\tthree"
    for write in (console.say, console.note, console.complain):
        write(line)
    console.table(["a"], [["b\x1b"]])
    escaped = r"one\u001b[2J\u000dtwo\u009b\u202e\u0007" + "\n\tthree\n"
    assert out.getvalue() == escaped + "a\n" + r"b\u001b" + "\n"
    assert err.getvalue() == 2 * escaped
    out.truncate(0), out.seek(0)
    console.say(json.dumps({"name": line}, ensure_ascii=False))
    assert json.loads(out.getvalue()) == {"name": line}  # still the JSON that it was
