"""``python -m tap_schema``: check the published tables and say what is wrong with them."""

from __future__ import annotations

import sys

from tap_schema.lint import lint
from tap_schema.loader import SchemaError, published


def main() -> int:
    """Print findings; 0 when there are none, 1 when there are, 2 when the files cannot be read."""
    try:
        tables = published()
    except SchemaError as error:
        print(error, file=sys.stderr)
        return 2
    findings = lint(tables)
    for finding in findings:
        print(f"{finding.place}: {finding.message}")
    columns = sum(len(table.columns) for table in tables.values())
    print(f"{len(tables)} tables, {columns} columns, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
