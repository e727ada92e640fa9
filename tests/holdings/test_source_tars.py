"""Tars below a root: their members are files of their own, found, described and followed as others are."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from ingest_homes import Home, open_home
from product_files import write_product

from vo_service.holdings import members
from vo_service.holdings.measurement import PixelLimits
from vo_service.holdings.members import TarListing, list_members
from vo_service.holdings.out_of_reach import read_out_of_reach
from vo_service.holdings.read import is_as_found, source_of
from vo_service.holdings.records import FoundFile

MODES = {"plain.tar": "w", "packed.tar.gz": "w:gz", "x.tar.xz": "w:xz"}
STILL = 1_700_000_000


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


@pytest.fixture
def products(tmp_path: Path) -> Path:
    """Some files to be put into tars."""
    top = tmp_path / "loose"
    for number, name in enumerate(("a/one", "a/two", "three")):
        write_product(top / f"{name}.fits", OBJECT=f"S{number}", CRVAL1=10.0 + number)
    (top / "a" / "README.txt").write_text("what this is\n")
    return top


def pack(tar: Path, top: Path, mode: str = "w") -> Path:
    tar.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(tar, mode) as packed:  # type: ignore[call-overload]
        for path in sorted(top.rglob("*")):
            packed.add(path, path.relative_to(top).as_posix(), recursive=False)
    return tar


def described(home: Home) -> dict[str, dict[str, Any]]:
    return {row["path"]: row for row in home.rows("holdings.product")}


SAME = (
    "role",
    "evidence",
    "state",
    "media_type",
    "size_bytes",
    "hdu",
    "data_offset",
    "axes",
    "target_name",
    "_sha256",
)


@pytest.mark.parametrize("name", MODES)
def test_a_member_is_described_as_the_loose_file_is(
    home: Home, products: Path, tmp_path: Path, name: str
) -> None:
    loose = open_home(tmp_path / "other")
    loose.ingest(products)
    expected = described(loose)
    loose.snapshots.close()
    loose.catalogue.close()
    tar = pack(tmp_path / "in" / "sub" / name, products, MODES[name])
    report = home.ingest(tar.parent.parent)
    assert (report.ok, report.failed) == (5, 0)
    found = described(home)
    for path, row in expected.items():
        member = found[f"sub/{name}/{path}"]
        assert {key: member[key] for key in SAME} == {key: row[key] for key in SAME}
        assert member["_container"] == f"sub/{name}"
    itself = found[f"sub/{name}"]
    assert (itself["role"], itself["state"], itself["dataset_id"]) == ("unknown", "ok", None)
    assert itself["evidence"] == "a tar of 4 files, each listed by itself"
    assert itself["media_type"].startswith("application/x-tar")
    assert len(home.rows("ivoa.obscore")) == 3


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_workers_read_members_too(home: Home, products: Path, tmp_path: Path, mode: str) -> None:
    for number in range(20):
        write_product(products / f"more-{number}.fits", OBJECT=f"M{number}")
    tar = pack(tmp_path / "in" / "x.tar", products, mode)
    report = home.ingest(tar.parent, workers=2)
    assert (report.ok, report.failed) == (25, 0)
    assert {row["target_name"] for row in described(home).values()} > {f"M{number}" for number in range(20)}


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_that_has_not_changed_is_not_opened_again(
    home: Home, products: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    tar = pack(tmp_path / "in" / "x.tar", products, mode)
    home.ingest(tar.parent)
    opened: list[str] = []
    read = members.list_members
    monkeypatch.setattr(
        "vo_service.holdings.comparison.list_members",
        lambda file, place: opened.append(file.path) or read(file, place),
    )
    report = home.ingest(tar.parent)
    assert (report.skipped, report.ok, report.withdrawn, report.snapshot) == (5, 0, 0, None)
    assert not opened
    os.utime(tar, (STILL, STILL))
    report = home.ingest(tar.parent)
    assert opened == ["x.tar"]
    assert {row["version"] for row in described(home).values()} == {1}  # the same bytes in a touched tar


def test_members_come_and_go_with_their_tar(home: Home, products: Path, tmp_path: Path) -> None:
    tar = pack(tmp_path / "in" / "x.tar", products)
    home.ingest(tar.parent)
    before = home.ids()
    (products / "three.fits").unlink()
    write_product(products / "a" / "one.fits", OBJECT="CHANGED")
    write_product(products / "four.fits", OBJECT="NEW")
    pack(tar, products)
    os.utime(tar, (STILL, STILL))
    assert home.ingest(tar.parent).withdrawn == 1
    after = described(home)
    assert "x.tar/three.fits" not in after
    assert after["x.tar/a/one.fits"]["version"] == 2
    assert after["x.tar/a/two.fits"]["version"] == 1
    assert after["x.tar/four.fits"]["target_name"] == "NEW"
    assert home.ids()["x.tar/a/two.fits"] == before["x.tar/a/two.fits"]
    (tar.parent / "beside.txt").write_text("some words\n")
    tar.unlink()
    assert home.ingest(tar.parent).withdrawn == 5
    assert list(described(home)) == ["beside.txt"]


def test_a_tar_inside_a_tar_is_told_and_not_opened(home: Home, products: Path, tmp_path: Path) -> None:
    inner = pack(tmp_path / "inner.tar", products)
    (products / "more.tar").write_bytes(inner.read_bytes())
    (products / "a" / "no name for it").write_bytes(inner.read_bytes())
    (products / "more.tgz").write_bytes(gzip.compress(inner.read_bytes()))
    tar = pack(tmp_path / "in" / "x.tar", products)
    report = home.ingest(tar.parent)
    assert (report.ok, report.failed, report.exit_code) == (5, 3, 1)
    found = described(home)
    for name in ("more.tar", "a/no name for it", "more.tgz"):
        row = found[f"x.tar/{name}"]
        assert (row["role"], row["evidence"]) == ("unknown", "a tar inside a tar is not opened")
        assert (row["state"], row["error_class"]) == ("failed", "unreadable")
        assert "unpack the outer one" in row["error_message"]
    again = home.ingest(tar.parent)
    assert (again.failed, again.broken, again.snapshot) == (0, 3, None)


def test_members_with_control_characters_in_their_names_are_told_escaped(
    home: Home, products: Path, tmp_path: Path
) -> None:
    (products / "a\x1b[2Jb.fits").write_bytes(b"x")
    (products / "c\rd\ne.fits").write_bytes(b"x")
    tar = pack(tmp_path / "in" / "x.tar", products)
    report = home.ingest(tar.parent)
    assert (report.ok, report.failed) == (5, 2)
    told = {entry.path: (entry.error_class, entry.error_message) for entry in report.failures}
    words = ("unreadable", "the name has control characters in it")
    assert told == {r"x.tar/a\u001b[2Jb.fits": words, r"x.tar/c\u000dd\u000ae.fits": words}


def test_what_could_not_be_taken_of_an_unchanged_tar_is_remembered_and_retried(
    home: Home, products: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (products / "evil").symlink_to("/etc/passwd")
    tar = pack(tmp_path / "in" / "x.tar", products)
    (tar.parent / "away").symlink_to(tmp_path)
    home.ingest(tar.parent)

    def out_of_reach() -> list[tuple[str, str]]:
        return [(each.path, each.kind) for each in read_out_of_reach(home.catalogue)]

    all_ = [("away", "outside"), ("x.tar/evil", "unreadable")]
    assert out_of_reach() == all_
    opened: list[str] = []
    truly = list_members

    def counted(file: FoundFile, place: Any) -> TarListing:
        opened.append(file.path)
        return truly(file, place)

    monkeypatch.setattr("vo_service.holdings.comparison.list_members", counted)
    report = home.ingest(tar.parent)
    assert (report.failed, opened, out_of_reach()) == (1, [], all_)
    report = home.ingest(tar.parent, retry=["unreadable"])
    assert (report.failed, opened, report.snapshot, out_of_reach()) == (2, ["x.tar"], None, all_)
    home.ingest(tar)
    assert out_of_reach() == all_  # it did not look at the link
    (tar.parent / "away").unlink()
    home.ingest(tar.parent)
    assert out_of_reach() == all_[1:]
    home.ingest(withdraw=["in"])
    assert out_of_reach() == []


def test_the_source_of_a_member_gives_its_bytes_and_the_state_of_the_tar(
    home: Home, products: Path, tmp_path: Path
) -> None:
    expected = (products / "three.fits").read_bytes()
    for name in ("x.tar", "y.tar.gz"):
        tar = pack(tmp_path / "in" / name, products, MODES.get(name, "w:gz" if name.endswith("gz") else "w"))
        status = tar.stat()
        found = FoundFile("in", name, status.st_size, status.st_mtime_ns)
        listing = members.list_members(found, tar.parent)
        member = next(each for each in listing.members if each.path == f"{name}/three.fits")
        source = source_of(member, tar.parent)
        with source.open() as stream:
            assert stream.read() == expected
        assert is_as_found(member, source)
        os.utime(tar, (STILL, STILL))
        assert not is_as_found(member, source)


def test_a_tar_by_its_content_and_fits_by_its_content_whatever_their_names(
    home: Home, products: Path, tmp_path: Path
) -> None:
    tree = tmp_path / "in"
    pack(tree / "0f3a", products)
    pack(tree / "77bc", products, "w:gz")
    write_product(tree / "image.tar", OBJECT="NO TAR")
    report = home.ingest(tree)
    assert report.failed == 0
    found = described(home)
    assert found["0f3a/three.fits"]["role"] == found["77bc/three.fits"]["role"] == "cube"
    assert found["image.tar"]["role"] == "cube"
    assert not any(path.startswith("image.tar/") for path in found)


def test_a_tar_that_was_cut_off_keeps_what_is_whole_and_says_so(
    home: Home, products: Path, tmp_path: Path
) -> None:
    tar = pack(tmp_path / "in" / "x.tar", products)
    whole = tar.read_bytes()
    tar.write_bytes(whole[: len(whole) // 2])
    report = home.ingest(tar.parent)
    found = described(home)
    assert (found["x.tar"]["error_class"], report.failed) == ("truncated", 1)
    assert found["x.tar/a/one.fits"]["state"] == "ok"
    assert "x.tar/three.fits" not in found
    assert home.ingest(tar.parent).skipped == len(found)
    tar.write_bytes(whole)
    assert home.ingest(tar.parent).failed == 0
    assert described(home)["x.tar"]["error_class"] is None
    assert "x.tar/three.fits" in described(home)


@pytest.mark.parametrize(("name", "mode"), [("x.tgz", "w:gz"), ("x.tar.xz", "w:xz")])
def test_the_pixels_of_a_member_that_was_cut_off_are_truncated(
    home: Home, products: Path, tmp_path: Path, name: str, mode: str
) -> None:
    with fits.open(products / "three.fits", mode="update") as hdus:
        hdus[0].data[:] = np.random.default_rng(1).normal(size=hdus[0].data.shape)
    tar = pack(tmp_path / "in" / name, products, mode)
    os.truncate(tar, tar.stat().st_size * 2 // 3)
    home.ingest(tar.parent, pixels=PixelLimits())
    cut = described(home)[f"{name}/three.fits"]["product_id"]
    rows = {row["product_id"]: row for row in home.rows("holdings.measurement")}
    assert rows[cut]["error_class"] == "truncated"
    assert "three.fits cannot be read to its end" in rows[cut]["error_message"]


@pytest.mark.parametrize(
    "content", [b"", b"no tar at all, but text\n" * 100, b"\x1f\x8b and then nonsense" * 50]
)
def test_what_only_claims_to_be_a_tar_is_an_error_of_that_file(
    home: Home, tmp_path: Path, content: bytes
) -> None:
    tree = tmp_path / "in"
    write_product(tree / "good.fits")
    (tree / "x.tar").write_bytes(content)
    report = home.ingest(tree)
    assert (report.ok, report.failed) == (1, 1)
    row = described(home)["x.tar"]
    assert row["error_class"] in ("truncated", "unreadable", "not_gzip")
    assert row["error_message"]


def test_odd_members_are_told_and_the_others_taken(home: Home, products: Path, tmp_path: Path) -> None:
    tar = tmp_path / "in" / "x.tar"
    tar.parent.mkdir()
    content = (products / "three.fits").read_bytes()
    with tarfile.open(tar, "w") as packed:
        for name in ("/etc/passwd", "../up.fits", "good.fits", "twice.fits"):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("link.fits")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        packed.addfile(link)
        packed.add(products / "a" / "one.fits", "twice.fits")
    report = home.ingest(tar.parent)
    assert {(each.path, each.error_class) for each in report.failures} == {
        ("x.tar//etc/passwd", "outside"),
        ("x.tar/../up.fits", "outside"),
        ("x.tar/link.fits", "unreadable"),
        ("x.tar/twice.fits", "unreadable"),
    }
    found = described(home)
    assert sorted(found) == ["x.tar", "x.tar/good.fits", "x.tar/twice.fits"]
    assert found["x.tar/twice.fits"]["target_name"] == "S0"  # the last of that name, as where it is unpacked


def test_members_of_a_tar_that_cannot_be_read_just_now_stay_listed(
    home: Home, products: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tar = pack(tmp_path / "in" / "x.tar", products)
    home.ingest(tar.parent)
    os.utime(tar, (STILL, STILL))

    def refuse(*_args: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(members, "list_tar", refuse)
    report = home.ingest(tar.parent)
    assert report.withdrawn == 0
    assert described(home)["x.tar"]["error_class"] == "unreadable"
    assert "x.tar/three.fits" in described(home)


def test_a_member_that_changes_while_it_is_read_is_an_error_and_read_again_later(
    home: Home, products: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tar = pack(tmp_path / "in" / "x.tar", products)
    read = members.list_members

    def listed_then_touched(file: FoundFile, place: Path) -> members.TarListing:
        listing = read(file, place)
        os.utime(tar, (STILL, STILL))
        return listing

    monkeypatch.setattr("vo_service.holdings.comparison.list_members", listed_then_touched)
    assert home.ingest(tar.parent).failed == 5
    assert {row["error_class"] for row in described(home).values()} == {"changed"}
    monkeypatch.undo()
    assert home.ingest(tar.parent).failed == 0
    assert {row["state"] for row in described(home).values()} == {"ok"}


def test_a_root_of_tars_that_moved_is_known_again(home: Home, products: Path, tmp_path: Path) -> None:
    tar = pack(tmp_path / "in" / "x.tar", products)
    home.ingest(tar.parent)
    moved = tar.parent.rename(tmp_path / "elsewhere")
    report = home.ingest(moved)
    assert (report.skipped, report.withdrawn) == (5, 0)
