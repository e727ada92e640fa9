"""Programs in the place of Java, for what the tool itself cannot be made to do at will."""

from __future__ import annotations

from pathlib import Path

from hips.hipsgen.tool import Tool

START = "INFO  : Starting HipsGen 01/02/26 10:00:00 (based on Aladin v12.001)..."
END = "\033[34mDONE  : ============ THE END (done in 1s 5ms) ============\033[0m"


def stand_in(folder: Path, script: str) -> Tool:
    """A tool whose Java is a shell script; its arguments are those of Java."""
    java = folder / "java"
    java.write_text(f"#!/bin/sh\n{script}\n")
    java.chmod(0o755)
    return Tool(str(java), Path("hipsgen.jar"), "0")


def saying(folder: Path, *lines: str) -> Tool:
    """A tool that says some lines, and ends well."""
    words = folder / "words.txt"
    words.write_text("\n".join([START, *lines, ""]))
    return stand_in(folder, f"cat '{words}'")
