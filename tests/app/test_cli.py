"""The command line: exit codes, one clear line for every mistake, no traceback for anybody."""

from __future__ import annotations

import errno
import json
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from vo_service import cli
from vo_service.cli import COMMANDS, main, parser
from vo_service.commands import runs
from vo_service.commands.command import Action, Command


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings of whoever runs it."""
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "PORT", "UNLISTED", "WORKERS", "HOST", "BASE_URL"):
        monkeypatch.delenv(f"VO_SERVICE_{name}", raising=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a small sample in ``s`` and a home in ``home`` that holds it."""
    place = tmp_path_factory.mktemp("cli")
    home = ["--home", str(place / "home"), "--quiet"]
    assert main(["--quiet", "sample", str(place / "s"), "--seed", "3", "--products", "24"]) == 0
    assert main([*home, "ingest", str(place / "s" / "products")]) in (0, 1)
    assert main([*home, "harvest", str(place / "s" / "archive.vot")]) in (0, 1)
    return place


def test_the_commands_are_those_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    # design 3
    assert [one.name for one in COMMANDS] == [
        "sample",
        "ingest",
        "harvest",
        "serve",
        "demo",
        "moc",
        "hips",
        "token",
        "runs",
        "explain",
    ]
    for command in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            parser().parse_args([command.name, "--help"])
        assert ended.value.code == 0
        assert command.help.split()[0] in capsys.readouterr().out


def test_the_list_of_commands_needs_none_of_them() -> None:
    # imports of all that commands do take seconds
    code = (
        "import sys, vo_service.cli as cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pyarrow', 'duckdb', 'astropy', 'sqlalchemy', 'starlette'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_server_does_without_the_drawing_library() -> None:
    code = "import sys, vo_service.app; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    "call",
    [
        [],
        ["nothing"],
        ["serve", "--nothing"],
        ["sample"],
        ["sample", "d", "--products", "0"],
        ["sample", "d", "--seed", "x"],
        ["runs", "--state", "x"],
    ],
)
def test_a_call_that_argparse_refuses_is_2(call: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(call)
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (["serve"], "no home directory vo-home; run `vo-service ingest DIR`"),
        (["runs"], "no home directory"),
        (["ingest"], "name a directory, file or URL of products"),
        (["ingest", "nowhere"], "there is no nowhere"),
        (["ingest", ".", "--retry", "bad_wcs,nothing"], "'nothing'; the classes are bad_header, bad_wcs, "),
        (["harvest", "nowhere.csv"], "no file nowhere.csv"),
        (["serve", "--port", "99999"], "--port: a number from 0 to 65535"),
        (["serve", "--workers", "0"], "--workers: a number from 1"),
        (["explain", "SELECT x FROM ivoa.nothing"], "line 1, column"),
        (["explain", ""], "there is no query"),
    ],
)
def test_a_mistake_is_2_and_one_line_that_says_what_is_right(
    call: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(call) == 2
    out, err = capsys.readouterr()
    assert words in err and err.startswith(f"vo-service {call[0]}: ")
    assert out == "" and "Traceback" not in err


def test_a_root_that_is_not_there_cannot_be_withdrawn(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made / "home", tmp_path / "home")
    assert main(["--home", "home", "ingest", "--withdraw", "nobody"]) == 2
    assert "no root 'nobody' to withdraw; the roots are: products" in capsys.readouterr().err
    assert main(["--home", "home", "ingest", "--withdraw", "products"]) == 0
    assert re.search(
        r"ingested 0 files: 0 described, 0 unchanged, \d+ withdrawn, 0 failed", capsys.readouterr().out
    )


def test_files_that_stay_broken_are_told_with_the_way_to_see_them(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made / "home", tmp_path / "home")
    home = ["--home", "home", "--quiet"]
    assert main([*home, "runs", "--broken"]) == 0
    broken = [line for line in capsys.readouterr().out.splitlines()[1:] if not line.startswith(" ")]
    assert broken
    assert main([*home, "ingest", str(made / "s" / "products")]) == 0
    out, err = capsys.readouterr()
    files = "1 file is" if len(broken) == 1 else f"{len(broken)} files are"
    assert f"{files} still broken, as before: `vo-service runs --broken`" in out
    assert " 0 failed" in out and err == ""
    kind = broken[0].split()[0]
    again = sum(line.startswith(f"{kind} ") for line in broken)
    assert main([*home, "ingest", str(made / "s" / "products"), "--retry", kind]) == 1
    out, err = capsys.readouterr()
    assert f", {again} failed;" in out
    assert len(err.splitlines()) == again and all(f": {kind}: " in line for line in err.splitlines())


def test_broken_files_are_those_of_all_runs(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(made / "home"), "runs", "x", "--broken"]) == 2
    assert "leave out the run" in capsys.readouterr().err


def test_an_authority_that_nobody_chose_is_told_before_it_is_fixed(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VO_SERVICE_AUTHORITY", raising=False)
    (tmp_path / "p").mkdir()
    assert main(["--home", "home", "ingest", "p"]) == 0
    assert "no VO_SERVICE_AUTHORITY is set" in capsys.readouterr().out
    assert main(["--home", "home", "ingest", "p"]) == 0
    assert "AUTHORITY" not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    "command", ["ingest p", "harvest rows.csv", "serve --workers 1 --host no.host.invalid"]
)
def test_an_authority_that_the_home_does_not_take_is_told(
    made: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    shutil.copytree(made / "home", tmp_path / "home")
    (tmp_path / "p").mkdir()
    (tmp_path / "rows.csv").write_text("x\n1\n")
    monkeypatch.setenv("VO_SERVICE_AUTHORITY", "archive.example.org")
    main(["--home", "home", "--quiet", *command.split()])
    err = capsys.readouterr().err
    assert "VO_SERVICE_AUTHORITY is archive.example.org, but" in err and "bear vo-service.invalid" in err


def test_an_empty_home_says_what_to_do_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "home").mkdir()
    assert main(["--home", "home", "serve"]) == 2
    assert "holds no data yet" in capsys.readouterr().err


def test_a_home_that_is_a_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "p").mkdir()
    assert main(["--home", "file", "ingest", "p"]) == 2
    assert "file is no directory" in capsys.readouterr().err


def test_a_wrong_setting_is_named_with_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "vo-home").mkdir()
    (tmp_path / "vo-home" / "vo-service.toml").write_text("ports = 1\n")
    assert main(["runs"]) == 2
    assert "vo-service.toml: no setting is called 'ports'; near it: port" in capsys.readouterr().err


def test_a_taken_port_is_told_before_anything_starts(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["--home", str(made / "home"), "serve", "--port", port]) == 2
        assert f"port {port} on 127.0.0.1 is taken; choose another with --port" in capsys.readouterr().err
        assert main(["demo", "--port", port]) == 2
    assert "is taken" in capsys.readouterr().err
    assert not Path("demo-home").exists()


def test_a_sample_is_written_once(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = json.loads((made / "s" / "truth.json").read_text(encoding="utf-8"))
    assert len(truth["products"]) >= 24
    assert main(["sample", str(made / "s")]) == 2
    assert "is there already" in capsys.readouterr().err


def test_runs_lists_what_was_done_and_what_became_of_each_file(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(made / "home")]
    assert main([*home, "runs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["kind", "harvest", "measure", "ingest"]
    run = lines[-1].split()[0]
    assert main([*home, "runs", run]) == 0
    files = capsys.readouterr().out.partition("\n\n")[2].splitlines()[1:]
    assert main([*home, "runs", run, "--state", "ok"]) == 0
    good = capsys.readouterr().out.partition("\n\n")[2].splitlines()[1:]
    assert 24 <= len(good) <= len(files)
    assert all(line.startswith("ok") for line in good)
    assert str(made) not in "\n".join(files)  # design 4.7
    assert main([*home, "runs", "nothing"]) == 2
    assert "no run 'nothing'" in capsys.readouterr().err


def test_an_unchanged_directory_is_skipped(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made / "home", tmp_path / "home")
    main(["--home", "home", "ingest", str(made / "s" / "products")])
    assert re.search(r": 0 described, \d\d+ unchanged, 0 withdrawn", capsys.readouterr().out)


def test_closed_files_are_told_with_the_way_to_open_them(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--home", "home", "ingest", str(made / "s" / "products")])
    assert "VO_SERVICE_UNLISTED=open" in capsys.readouterr().out


def test_a_directory_that_cannot_be_a_root_is_a_mistake(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", "h", "ingest", str(made / "s" / "products"), "--root", "a/b"]) == 2
    assert "a/b" in capsys.readouterr().err


def test_a_table_that_is_none_is_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.vot").write_bytes(b"\x00\x01\x02")
    assert main(["harvest", "x.vot"]) == 1
    assert "x.vot: neither CSV" in capsys.readouterr().err


def test_explain_shows_all_stages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "SELECT TOP 2 s_ra FROM ivoa.obscore"]) == 0
    out = capsys.readouterr().out
    for stage in ("-- tree", "-- plan", "-- columns", "-- sql"):
        assert stage in out


def test_explain_shows_what_the_engine_makes_of_it(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = "SELECT TOP 2 obs_id FROM ivoa.obscore WHERE 1 = INTERSECTS(s_region, CIRCLE(10, 20, 5))"
    assert main(["--home", str(made / "home"), "explain", "--engine-plan", query]) == 0
    ours, _, its = capsys.readouterr().out.partition("-- plan of the engine, as anybody's query (duckdb)")
    assert "-- probe" in ours and "Limit: 2" in its and "ivoa.obscore" in its


def test_an_engine_plan_needs_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["explain", "--engine-plan", "SELECT s_ra FROM ivoa.obscore"]
    assert main(["--home", str(tmp_path), *call]) == 2
    assert "holds no data yet" in capsys.readouterr().err
    assert main(["--home", str(tmp_path / "nowhere"), *call]) == 2
    assert "there is no home directory" in capsys.readouterr().err


def test_explain_judges_by_the_version_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    # ADQL-099, ADQL-192
    for version, query, words in (
        ("2.0", "SELECT s_ra FROM ivoa.obscore OFFSET 2", "OFFSET came with ADQL 2.1"),
        ("2.1-strict", "SELECT s_ra FROM ivoa.obscore;", "a semicolon at the end is an extension"),
    ):
        assert main(["explain", "--version", version, query]) == 2
        assert words in capsys.readouterr().err
        assert main(["explain", query]) == 0
        capsys.readouterr()


def test_explain_marks_the_place_of_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "SELECT s_ra,\n  nothing FROM ivoa.obscore"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert "line 2, column 3" in lines[0]
    assert lines[-2:] == ["    nothing FROM ivoa.obscore", "    ^"]


def replaced(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """``runs`` raises ``error``: the world's doing, which no test can cause by itself."""

    def fail(*_: object) -> int:
        raise error

    broken = Command("runs", "x", lambda: Action(runs.ACTION.arguments, fail))
    monkeypatch.setattr(cli, "COMMANDS", (broken,))


def test_a_bug_is_one_line_that_names_a_log_with_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replaced(monkeypatch, ZeroDivisionError("secret"))
    assert main(["runs"]) == 1
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1 and "Traceback" not in err
    log = Path(err.split("the reason is in ")[1].strip())
    assert log.parent.name == "logs" and "ZeroDivisionError: secret" in log.read_text()


def test_a_full_disk_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replaced(monkeypatch, OSError(errno.ENOSPC, "No space left on device", "some/file"))
    assert main(["runs"]) == 1
    assert "no space left on the device: some/file" in capsys.readouterr().err


def test_ctrl_c_is_no_failure_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replaced(monkeypatch, KeyboardInterrupt())
    assert main(["runs"]) == 130
    assert capsys.readouterr().err == "vo-service runs: stopped\n"
