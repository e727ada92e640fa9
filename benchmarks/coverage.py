"""How much of each column is known, and which roles files get: tables in Markdown.

``python -m benchmarks.coverage [--seed N] [--real DIR --truth FILE]`` builds sample holdings (and ingests
``DIR``), both passes, once under the files' own names and once under their SHA-1, and prints the share of
rows in which each column is not null and, by each true role, how often which role was published.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import yaml

from benchmarks.measure import run_command, service
from vo_service.store import Catalogue, Snapshot, Snapshots

TABLES = ("ivoa.obscore", "ivoa.obscore_radio", "holdings.product")
Roles = Mapping[str, str]
"""The true role by path; files that cannot be described are not among them."""


def main() -> None:
    """Build what the command line asks for in a scratch directory and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--real", type=Path, help="folder of real files")
    parser.add_argument("--truth", type=Path, help="YAML file with their true roles")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vo-coverage-") as made:
        scratch = Path(made)
        sample = scratch / "sample"
        run_command(service(scratch / "none", "sample", str(sample), "--seed", str(options.seed)))
        tree = sample / "products"
        report("sample", scratch, tree, _sample_roles(sample / "truth.json"), sample / "archive.vot")
        if options.real is not None:
            report("real files", scratch, options.real.resolve(), _real_roles(options.truth), None)


def report(name: str, scratch: Path, tree: Path, roles: Roles, archive: Path | None) -> None:
    """Ingest a tree twice and print what came of it."""
    slug = name.replace(" ", "-")
    kept = _ingested(scratch / f"{slug}-home", tree, archive)
    print(f"\n## {name}: columns that are known\n")
    for table in TABLES:
        print(coverage(kept, table))
    renamed = scratch / f"{slug}-renamed"
    names = _rename(tree, renamed, roles)
    hidden = _ingested(scratch / f"{slug}-renamed-home", renamed, None)
    print(f"## {name}: roles under the files' own names\n\n{confusion(roles, _published_roles(kept))}")
    found = _published_roles(hidden)
    print(f"## {name}: roles under their SHA-1\n")
    files = {path: role for path, role in roles.items() if path in names}  # members of a tar have no name
    print(confusion(files, {path: found[sha1] for path, sha1 in names.items() if sha1 in found}))


def coverage(snapshot: Snapshot, table: str) -> str:
    """Percentage of values that are not null, by column, as a table in Markdown."""
    rows = snapshot.read(table)
    lines = [f"`{table}`, {rows.num_rows} rows\n", "| column | not null, % |", "| --- | ---: |"]
    for name in rows.column_names:
        if name.startswith("_"):
            continue
        known = pc.sum(pc.is_valid(rows[name])).as_py() or 0
        lines.append(f"| `{name}` | {100.0 * known / max(rows.num_rows, 1):.1f} |")
    return "\n".join(lines) + "\n"


def confusion(true: Roles, found: Roles) -> str:
    """True roles down, published roles across, as a table in Markdown."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for path, role in true.items():
        counts[role][found.get(path, "missing")] += 1
    across = sorted({role for row in counts.values() for role in row} | set(counts))
    lines = [f"| true | {' | '.join(across)} |", f"| --- |{' ---: |' * len(across)}"]
    for role in sorted(counts):
        cells = " | ".join(str(counts[role][other] or "") for other in across)
        lines.append(f"| {role} | {cells} |")
    return "\n".join(lines) + "\n"


def _ingested(home: Path, tree: Path, archive: Path | None) -> Snapshot:
    run_command(service(home, "ingest", str(tree)))
    if archive is not None:
        run_command(service(home, "harvest", str(archive)))
    snapshot = Snapshots(home, Catalogue.open_in(home)).current()
    if snapshot is None:
        raise RuntimeError(f"nothing was published of {tree}")
    return snapshot


def _published_roles(snapshot: Snapshot) -> dict[str, str]:
    rows = snapshot.read("holdings.product", columns=["path", "role"]).to_pylist()
    return {row["path"]: row["role"] for row in rows}


def _rename(tree: Path, renamed: Path, roles: Roles) -> dict[str, str]:
    """Files of ``tree`` copied into one folder under their SHA-1; path -> new name."""
    renamed.mkdir()
    names = {}
    for path in roles:
        if (tree / path).is_file():
            content = (tree / path).read_bytes()
            names[path] = hashlib.sha1(content).hexdigest()
            (renamed / names[path]).write_bytes(content)
    return names


def _sample_roles(truth: Path) -> Roles:
    products: list[dict[str, Any]] = json.loads(truth.read_text(encoding="utf-8"))["products"]
    return {each["path"]: each["role"] for each in products if each["state"] == "ok"}


def _real_roles(truth: Path) -> Roles:
    entries: list[dict[str, Any]] = yaml.safe_load(truth.read_text(encoding="utf-8"))["files"]
    return {each["path"]: each["role"] for each in entries if each["expected_error"] is None}


if __name__ == "__main__":
    main()
