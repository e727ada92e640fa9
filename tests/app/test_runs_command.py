"""``vo-service runs`` as an operator uses it: runs, one run, what is broken, the story of one product."""

from __future__ import annotations

import csv
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from vo_service.cli import main
from vo_service.spectral import C

UID = "uid://A001/X1/X2"
STEM = "member.uid___A001_X1_X2.M83_sci.spw25.cube.I"
CUBE, BEAM = f"{STEM}.pbcor.fits", f"{STEM}.pb.fits"
CARDS: dict[str, object] = {
    "CTYPE1": "RA---SIN", "CRVAL1": 204.25, "CRPIX1": 8.5, "CDELT1": -1e-4, "CUNIT1": "deg",
    "CTYPE2": "DEC--SIN", "CRVAL2": -29.87, "CRPIX2": 8.5, "CDELT2": 1e-4, "CUNIT2": "deg",
    "CTYPE3": "FREQ", "CRVAL3": 2.3e11, "CRPIX3": 1.0, "CDELT3": 1e6, "CUNIT3": "Hz",
    "BMAJ": 3e-4, "BMIN": 3e-4, "BPA": 0.0, "RADESYS": "ICRS", "SPECSYS": "BARYCENT", "TELESCOP": "ALMA",
}  # fmt: skip


def write_image(path: Path, **cards: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(len(str(path.name)))
    hdu = fits.PrimaryHDU(random.normal(size=(10, 16, 16)).astype(np.float32))
    hdu.header.update(CARDS | cards)
    hdu.writeto(path, overwrite=True)


def write_row(path: Path) -> None:
    cells: dict[str, object] = {
        "obs_id": f"{UID}.source.M83.spw.25",
        "obs_publisher_did": "ADS/JAO.ALMA#2016.1.00001.S",
        "member_ous_uid": UID,
        "target_name": "M83",
        "proposal_id": "2016.1.00001.S",
        "s_ra": 204.25,
        "s_dec": -29.80,
        "em_min": C / 230.0095e9,
        "em_max": C / 229.9995e9,
        "obs_release_date": "2018-01-02T03:04:05",
    }
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(cells))
        writer.writeheader()
        writer.writerow(cells)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs: files (one broken), an archive row that disagrees, and the tree again without one file."""
    place = tmp_path_factory.mktemp("runs")
    files = place / "tree"
    write_image(files / "2016" / CUBE, OBJECT="M83", BUNIT="JY/BEAM")
    write_image(files / "2016" / BEAM, OBJECT="M83")
    write_image(files / "other" / "odd.fits", OBJECT="NGC 1")
    write_image(files / "other" / "gone.fits", OBJECT="NGC 2")
    (files / "other" / "broken.fits").write_bytes(b"SIMPLE  =" + b" " * 100)
    write_row(place / "archive.csv")
    home = ["--home", str(place / "home"), "--quiet"]
    assert main([*home, "ingest", "--no-pixels", str(files)]) == 1
    assert main([*home, "harvest", str(place / "archive.csv")]) == 0
    (files / "other" / "gone.fits").unlink()
    assert main([*home, "ingest", "--no-pixels", str(files)]) == 0
    return place


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns, wherever the tests run."""
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def runs(made: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Calls ``vo-service runs`` and gives its exit code, output and errors."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["--home", str(made / "home"), "--quiet", "runs", *arguments])
        out, err = capsys.readouterr()
        for line in out.splitlines():
            assert len(line) <= 80 or len(line.split()) <= 4 or "--json" in arguments, line
        return code, out, err

    return call


def told(out: str) -> str:
    """The story as one line, for texts that may be wrapped anywhere."""
    return " ".join(out.split())


def test_runs_are_listed_newest_first(runs: Any) -> None:
    code, out, _ = runs()
    assert code == 0
    assert [line.split()[1] for line in out.splitlines()] == ["kind", "ingest", "harvest", "ingest"]
    code, out, _ = runs("--json")
    found = json.loads(out)
    assert [run["kind"] for run in found] == ["ingest", "harvest", "ingest"]
    assert found[2]["ok_count"] == 4 and found[2]["failed_count"] == 1
    assert found[2]["started"].endswith("Z")


def test_one_run_tells_what_it_did_with_each_file(runs: Any) -> None:
    first = json.loads(runs("--json")[1])[2]["run_id"]
    code, out, _ = runs(first)
    assert code == 0
    assert "4 ok, 1 failed, 0 skipped" in out
    head, _, files = out.partition("\n\n")
    [kind] = [line.split()[1] for line in head.splitlines() if line.startswith("failed: ")]
    lines = files.splitlines()
    assert lines[0].split() == ["state", "repairs", "place"]
    [failed] = [number for number, line in enumerate(lines) if line.startswith("failed")]
    assert lines[failed].endswith("tree/other/broken.fits")
    assert lines[failed + 1].strip().startswith(f"{kind}: ")
    entries = json.loads(runs(first, "--json", "--state", "failed")[1])["products"]
    assert [(entry["path"], entry["error_class"]) for entry in entries] == [("other/broken.fits", kind)]


def test_what_is_broken_is_listed_by_class(runs: Any) -> None:
    code, out, _ = runs("--broken")
    assert code == 0
    head, first, *rest = out.splitlines()
    assert head.split()[0] == "error"
    assert first.endswith("tree/other/broken.fits")
    assert rest and all(line.startswith(" ") for line in rest)
    [row] = json.loads(runs("--broken", "--json")[1])
    assert row["error_class"] == first.split()[0]
    assert row["error_message"] == told("\n".join(rest))


def test_the_story_of_a_product_goes_from_file_to_row(runs: Any, made: Path) -> None:
    code, out, _ = runs("--product", f"tree/2016/{CUBE}")
    assert code == 0
    text = told(out)
    size = (made / "tree" / "2016" / CUBE).stat().st_size
    for words in (
        f"file tree/2016/{CUBE} {size} bytes, changed 20",
        "header HDU 0, axes 16 x 16 x 10, 32-bit floating point (application/fits)",
        "role cube because: ",
        f"identity project 2016.1.00001.S, member set {UID}, target M83",
        "cube, windows 25",
        "cube, the file to use (this one):",
        f"pb: tree/2016/{BEAM}",
        "row of archive.csv, harvested in run 20",
        f"the archive calls it {UID}.source.M83.spw.25",
        "BUNIT by UNIT-SPELLING, confidence 1 was JY/BEAM became Jy/beam why ",
        "s_dec by ARCH-POSITION, confidence 0.5, of the data set was -29.8 became -29.8",
        "pixels not measured",
        "cube of M83, from files and archive",
        "obs_release_date by ARCH-RELEASE, confidence 0.5, of the data set was 2018-01-02T03:04:05",
        "released unknown",  # the row is of another field
        "ingest: ok, ",
    ):
        assert words in text, words
    assert text.count(" ingest: ") == 1  # the second run met it unchanged
    assert str(made) not in out  # design 4.7


def test_a_product_goes_by_any_of_its_names(runs: Any, made: Path) -> None:
    story = json.loads(runs("--product", CUBE, "--json")[1])
    published = story["published"][0]["obs_publisher_did"]
    names = [story["product_id"], story["dataset"]["dataset_id"], published, f"2016/{CUBE}"]
    for name in [*names, str(made / "tree" / "2016" / CUBE)]:
        assert json.loads(runs("--product", name, "--json")[1]) == story


def test_the_story_as_json_holds_all_that_was_recorded(runs: Any) -> None:
    story = json.loads(runs("--product", CUBE, "--json")[1])
    assert story["header"] | {"data_offset": 0} == {
        "hdu": 0,
        "axes": "16 16 10",
        "bitpix": -32,
        "data_offset": 0,
        "cards": story["header"]["cards"],
    }
    assert story["header"]["cards"] > len(CARDS)
    assert {"BUNIT", "s_dec"} <= {repair["item"] for repair in story["repairs"]}
    assert [member["role"] for member in story["members"]] == ["cube", "pb"]
    assert [row["source"] for row in story["archive_rows"]] == ["archive.csv"]
    assert [run["state"] for run in story["runs"]] == ["ok"]
    assert story["measurement"] is None and story["tombstone"] is None


def test_the_story_tells_what_the_pixels_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_image(tmp_path / "tree" / "one.fits", OBJECT="M83", BUNIT="Jy/beam")
    home = ["--home", str(tmp_path / "home"), "--quiet"]
    assert main([*home, "ingest", str(tmp_path / "tree")]) == 0
    capsys.readouterr()
    assert main([*home, "runs", "--product", "one.fits", "--json"]) == 0
    story = json.loads(capsys.readouterr().out)
    measured = story["measurement"]
    assert story["qa2"]["verdict"] is None
    pixels = fits.getdata(tmp_path / "tree" / "one.fits").astype(float)
    assert measured["state"] == "ok" and measured["valid_fraction"] == 1.0
    assert measured["rms"] == pytest.approx(pixels.std(), rel=0.2)
    assert main([*home, "runs", "--product", "one.fits"]) == 0
    text = told(capsys.readouterr().out)
    assert f"pixels noise {measured['rms']:.4g} Jy/beam, peak {measured['peak']:.4g} Jy/beam" in text
    assert "100.0 % of the pixels are valid" in text
    assert "QA2: unknown: a value that could change the verdict is not known" in text
    assert f"sha256 of the pixels {measured['content_hash']}" in text
    assert "measure: ok" in text and "ingest: ok" in text


def test_a_companion_has_the_row_of_its_data_set(runs: Any) -> None:
    text = told(runs("--product", BEAM)[1])
    assert "role pb" in text and "pb (this one):" in text
    assert "published ivo://" in text


def test_a_broken_file_says_what_stopped_it(runs: Any) -> None:
    text = told(runs("--product", "broken.fits")[1])
    assert "header not read: " in text
    assert "no row of ivoa.obscore is of this file" in text
    assert "ingest: failed (" in text


def test_a_file_that_has_gone_says_when_and_why(runs: Any) -> None:
    text = told(runs("--product", "other/gone.fits")[1])
    assert "because: gone" in text and "successor: none known" in text
    assert "ingest: withdrawn" in text
    story = json.loads(runs("--product", "other/gone.fits", "--json")[1])
    assert story["withdrawn"] and story["tombstone"]["reason"] == "gone"
    assert [run["state"] for run in story["runs"]] == ["ok", "withdrawn"]


@pytest.mark.parametrize(
    ("name", "near"),
    [("od.fits", "tree/other/odd.fits"), ("other/broke.fits", "tree/other/broken.fits"), ("spw25", BEAM)],
)
def test_an_unknown_product_is_a_mistake_with_what_may_be_meant(runs: Any, name: str, near: str) -> None:
    code, out, err = runs("--product", name)
    assert (code, out) == (2, "")
    assert f"no product goes by '{name}'" in err and near in err


def test_a_name_of_several_products_lists_them(
    runs: Any, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made / "home", tmp_path / "home")
    write_image(tmp_path / "more" / "other" / "odd.fits", OBJECT="NGC 3")
    home = ["--home", str(tmp_path / "home"), "--quiet"]
    assert main([*home, "ingest", "--no-pixels", str(tmp_path / "more")]) == 0
    capsys.readouterr()
    assert main([*home, "runs", "--product", "odd.fits"]) == 2
    err = capsys.readouterr().err
    assert "2 products go by 'odd.fits'" in err
    assert "tree/other/odd.fits" in err and "more/other/odd.fits" in err


def test_what_no_product_is_of_is_listed_as_broken_and_told_by_its_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = tmp_path / "tree"
    write_image(files / "one.fits", OBJECT="M83")
    with tarfile.open(files / "evil.tar", "w") as tar:
        for name in ("good.txt", "../out.fits", "es\x1b[2Jcape.fits"):
            tar.addfile(tarfile.TarInfo(name))
    (files / "away.fits").symlink_to("/etc")
    home = ["--home", str(tmp_path / "home"), "--quiet"]

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main([*home, *arguments])
        out, err = capsys.readouterr()
        assert "\x1b" not in out + err
        return code, out, err

    def broken() -> dict[str, tuple[str, Any]]:
        found = json.loads(call("runs", "--broken", "--json")[1])
        return {row["path"]: (row["error_class"], row["product_id"]) for row in found}

    assert call("ingest", "--no-pixels", str(files))[0] == 1
    expected = {
        "away.fits": ("outside", None),
        "evil.tar/../out.fits": ("outside", None),
        r"evil.tar/es\u001b[2Jcape.fits": ("unreadable", None),
    }
    assert {path: row for path, row in broken().items() if row[1] is None} == expected
    assert "tree/evil.tar/../out.fits" in call("runs", "--broken")[1]
    for name in ("evil.tar/../out.fits", "tree/evil.tar/../out.fits"):
        code, out, _ = call("runs", "--product", name)
        assert code == 0
        assert f"no product goes by '{name}'; what the runs did there:" in out
        assert "ingest: failed (outside: the name leads out of the tar), snapshot 1" in told(out)
    story = json.loads(call("runs", "--product", str(files / "away.fits"), "--json")[1])
    assert story["product_id"] is None
    assert [(run["state"], run["error_class"]) for run in story["runs"]] == [("failed", "outside")]
    code, out, err = call("ingest", "--no-pixels", "--retry", "outside", str(files))
    assert code == 1 and "3 failed" in out and "evil.tar/../out.fits: outside" in err
    (files / "away.fits").unlink()
    call("ingest", "--no-pixels", str(files))
    assert broken().keys() == expected.keys() - {"away.fits"}
    assert len(json.loads(call("runs", "--product", "away.fits", "--json")[1])["runs"]) == 2


def test_a_manifest_entry_that_cannot_be_had_is_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list").write_text("http://127.0.0.1:1/data/x.fits?hidden=word\n")
    home = ["--home", str(tmp_path / "home"), "--quiet"]
    assert main([*home, "ingest", "--manifest", str(tmp_path / "list")]) == 1
    capsys.readouterr()
    assert main([*home, "runs", "--broken", "--json"]) == 0
    out = capsys.readouterr().out
    [row] = json.loads(out)
    assert (row["error_class"], row["product_id"]) == ("unreadable", None)
    assert row["path"].endswith("/x.fits") and "word" not in out
    assert main([*home, "runs", "--product", row["path"]]) == 0
    assert "ingest: failed (unreadable: " in told(capsys.readouterr().out)


def test_an_unknown_run_is_a_mistake_with_what_may_be_meant(runs: Any) -> None:
    name = json.loads(runs("--json")[1])[0]["run_id"]
    code, _, err = runs(name[:-1] + "z")
    assert code == 2
    assert f"near it: {name}" in err


def test_options_that_exclude_each_other(runs: Any) -> None:
    assert runs("x", "--product", "y")[0] == 2
    assert runs("--product", "y", "--state", "ok")[0] == 2
    assert runs("--product", "y", "--broken")[0] == 2


def test_a_home_without_data_says_what_to_do_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").mkdir()
    assert main(["--home", str(tmp_path / "home"), "runs", "--product", "x"]) == 2
    assert "vo-service ingest DIR" in capsys.readouterr().err
