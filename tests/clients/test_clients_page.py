"""Every command of `docs/clients.md` runs against a live server."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs/clients.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.M | re.S)


def blocks(language: str, with_token: bool = False) -> list[str]:
    found = [text for name, text in BLOCKS if name == language]
    return [text for text in found if ('"TOKEN"' in text) == with_token]


def run(command: list[str], place: Path, service_url: str) -> str:
    """A block of the page in a directory of its own; it may not complain."""
    here = [word.replace("http://127.0.0.1:8000", service_url) for word in command]
    done = subprocess.run(here, capture_output=True, text=True, cwd=place, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr, done.stderr
    return done.stdout


def test_the_page_is_taken_apart() -> None:
    assert len(blocks("python")) == 10 and len(blocks("sh")) == 5
    assert {name for name, _ in BLOCKS} == {"python", "sh"}


@pytest.mark.parametrize("text", blocks("python"), ids=lambda text: text.split()[1])
def test_python_runs(service_url: str, text: str, tmp_path) -> None:
    assert re.search(
        r"[1-9]\d* (rows|targets|cut-outs|bytes of FITS)|results",
        run([sys.executable, "-c", text], tmp_path, service_url),
    )


def test_cut_outs_come_of_a_whole_table(service_url: str, tmp_path) -> None:
    # a row that only tells of an error would be one, too
    (text,) = [text for text in blocks("python") if "soda/async" in text]
    told = run([sys.executable, "-c", text], tmp_path, service_url)
    assert re.fullmatch(r"[1-9]\d* cut-outs, and [1-9]\d* rows with the reason why there is none\n", told)


@pytest.mark.judge
@pytest.mark.parametrize("text", blocks("sh"), ids=lambda text: " ".join(text.split()[:2]))
def test_commands_run(stilts: str, service_url: str, text: str, tmp_path) -> None:
    (tmp_path / "positions.csv").write_text("ra,dec\n204.2538,-29.8658\n10.0,20.0\n")
    told = run(["bash", "-euc", text], tmp_path, service_url)
    made = [path for path in tmp_path.iterdir() if path.name != "positions.csv"]
    assert told or made
    assert all(path.stat().st_size > 0 for path in made)
