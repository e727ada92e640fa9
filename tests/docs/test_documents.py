"""Documents say what is true: settings, commands, rules."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from astropy.io import fits

from vo_service.settings import SETTINGS

REPOSITORY = Path(__file__).resolve().parents[2]


def test_every_setting_is_documented_with_its_default() -> None:
    text = (REPOSITORY / "docs/operations.md").read_text(encoding="utf-8")
    rows = {
        m[1]: (m[2], m[3], m[4])
        for m in re.finditer(r"^\| `(\w+)` \| `(\w+)` \| (.*?) \| (.*) \|$", text, re.M)
    }
    for setting in SETTINGS:
        variable, default, meaning = rows.pop(setting.name)
        assert variable == f"VO_SERVICE_{setting.name.upper()}"
        assert default.strip("`") == setting.default
        assert meaning == setting.help
    assert rows == {}


def test_the_commands_of_the_readme_exist() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"vo-service (?:--home \S+ )?([a-z]+)\b", text))
    usage = subprocess.run(
        [sys.executable, "-m", "vo_service.cli", "--help"], capture_output=True, text=True
    ).stdout
    assert {"ingest", "harvest", "serve", "runs", "explain"} <= named
    for command in named:
        assert re.search(rf"\b{command}\b", usage), command


def test_the_rules_of_harmonisation_are_listed() -> None:
    written = subprocess.run(
        [sys.executable, "-m", "vo_service.holdings.rules"], capture_output=True, text=True, check=True
    ).stdout
    assert (REPOSITORY / "docs/harmonisation.md").read_text(encoding="utf-8") == written


def test_the_example_of_the_readme_prints_what_the_readme_says(live_server: str) -> None:
    """The sample of the tests is the demo's: the same seed and number of products."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", text, re.S)
    output = re.search(r"of all projects:\n\n```\n(.*?)```", text, re.S)
    assert example is not None and output is not None
    code = example[1].replace("http://127.0.0.1:8000", live_server)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == output[1]


def test_the_cut_of_the_readme_is_fits(live_server: str, tmp_path: Path) -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    (cut,) = (block for block in blocks if "part.fits" in block)
    code = blocks[0].partition("rows = ")[0] + cut
    code = code.replace("http://127.0.0.1:8000", live_server)
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    with fits.open(tmp_path / "part.fits") as found:
        assert found[0].header["NAXIS"] >= 3
        assert found[0].data.size > 0
