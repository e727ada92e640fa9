"""A writer in a process of its own, for tests that kill it or fill its disk: ``store_writer.py HOME [ROWS]``.

Publishes snapshots with ROWS fresh stars each, one after the other, and prints the number of each.
"""

from __future__ import annotations

import sys
from pathlib import Path

from shelves import Shelf, star_rows

from vo_service.store import StoreError


def main(home: Path, rows: int) -> int:
    shelf = Shelf(home)
    try:
        while True:
            start = shelf.snapshots.current()
            first = start.count_rows("sky.star") if start else 0
            stars = [
                {"name": f"s{i:09d}", "_cell": i, "title": f"{i * 7919:x}" * 9}
                for i in range(first, first + rows)
            ]
            snapshot = shelf.publish({"insert": star_rows(stars)})
            print(snapshot.number, flush=True)
    except StoreError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
