"""Where the tool is found, and what is said where it is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from stand_ins import stand_in

from hips.hipsgen import tool as module
from hips.hipsgen.errors import HipsgenMissing
from hips.hipsgen.tool import Tool, find_tool

LAST = "(c) somebody - Aladin.jar -hipsgen based on Aladin v12.345 from CDS"


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with nothing on it but a folder that is its PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(module, "DEBIAN_JAR", tmp_path / "nothing.jar")
    return folder


def put_java(folder: Path, said: str = LAST) -> None:
    stand_in(folder, f"echo '{said}'")


def test_no_java_is_told(empty: Path) -> None:
    with pytest.raises(HipsgenMissing, match="no java on the PATH nor in JAVA_HOME"):
        find_tool()


def test_no_jar_is_told(empty: Path) -> None:
    put_java(empty)
    with pytest.raises(HipsgenMissing, match=r"Debian's package aladin.* the setting hipsgen_jar says"):
        find_tool()


def test_a_named_jar_that_is_not_there_is_told(empty: Path) -> None:
    put_java(empty)
    (empty / "Aladin.jar").touch()
    with pytest.raises(HipsgenMissing, match=r"hipsgen_jar = /no/such.jar: there is no such file"):
        find_tool(Path("/no/such.jar"))


def test_a_jar_beside_commands_is_found(empty: Path) -> None:
    put_java(empty)
    (empty / "Aladin.jar").touch()
    found = find_tool()
    assert found.jar == empty / "Aladin.jar" and found.version == "12.345"


def test_java_home_comes_first(empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_java(empty, "another Java")
    (tmp_path / "home" / "bin").mkdir(parents=True)
    put_java(tmp_path / "home" / "bin")
    (empty / "aladin.jar").touch()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert find_tool().java == str(tmp_path / "home" / "bin" / "java")


@pytest.mark.parametrize("said", ["Error: Unable to access jarfile", ""])
def test_a_jar_that_is_something_else_is_told(empty: Path, said: str) -> None:
    put_java(empty, said)
    (empty / "aladin.jar").touch()
    with pytest.raises(HipsgenMissing, match=f"is no hipsgen that .* can run: {said}"):
        find_tool()


@pytest.mark.judge
def test_debians_is_found(hipsgen: Tool) -> None:
    assert shutil.which("java") is not None
    assert hipsgen.version.startswith("12.")
