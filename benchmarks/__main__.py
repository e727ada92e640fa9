"""``python -m benchmarks [NAME ...] [--rows N]``: run all benchmarks, or the named ones."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks import answers, archive, formats, pixel_pass, products, unchanged

BENCHMARKS = {
    "products": products.run,
    "unchanged": unchanged.run,
    "pixel_pass": pixel_pass.run,
    "archive": archive.run,
    "answers": answers.run,
    "formats": formats.run,
}


def main() -> None:
    """Run what the command line names, in a scratch directory that is removed at the end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], help=f"among {', '.join(BENCHMARKS)}")
    parser.add_argument(
        "--rows", type=int, default=1_000_000, help="generated archive rows (default 1000000)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vo-bench-") as scratch:
        for name in options.names or BENCHMARKS:
            BENCHMARKS[name](Path(scratch), options.rows)


if __name__ == "__main__":
    main()
