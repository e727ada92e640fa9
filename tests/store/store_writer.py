"""A writer in a process of its own, for tests that kill it or fill its disk: ``store_writer.py HOME ROWS``.

Publishes snapshots with ROWS fresh stars each, one after the other, and prints the number of each. Given two
addresses of a PostgreSQL database besides (owner, reader) it loads them there too, and keeps the last two.
"""

from __future__ import annotations

import sys
from pathlib import Path

from shelves import Shelf, star_rows

from vo_service.engines.postgresql_loader import PostgreSQLMirror
from vo_service.store import StoreError


def main(home: Path, rows: int, *urls: str) -> int:
    shelf = Shelf(home, PostgreSQLMirror(*urls, home="of stars") if urls else None)
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
            if urls:
                shelf.snapshots.prune(2)
    except StoreError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
