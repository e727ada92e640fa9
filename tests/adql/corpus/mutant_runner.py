"""Run as a program: the cases that bear an id, on DuckDB, with whatever `vo_service` is on the path.

Arguments: the home of the small sky, the id. Ends with 0 where all cases pass, with FAILED
where one fails; Python's own 1 is a run that judged nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


FAILED = 3


def main(home: Path, requirement: str) -> int:
    from vo_service.adql import AdqlError
    from vo_service.engines import EngineError

    try:
        judge_cases(home, requirement)
    except (
        AssertionError,
        AdqlError,
        EngineError,
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
    ) as fault:
        print(f"{type(fault).__name__}: {fault}", file=sys.stderr)
        return FAILED
    return 0


def judge_cases(home: Path, requirement: str) -> None:
    """Raises AssertionError for a wrong answer, and what a faulty service raises."""
    from corpus.cases import judge, refused_cases, valid_cases
    from corpus.uploads import upload
    from engines_under_test import PublishedSky

    from vo_service.adql import AdqlError
    from vo_service.store import Catalogue, Snapshots

    catalogue = Catalogue.open_in(home)
    snapshot = Snapshots(home, catalogue).current()
    assert snapshot is not None
    under_test = PublishedSky(home, snapshot).on("duckdb", lambda name: None)
    for case in (c for c in valid_cases() if requirement in c.ids and c.viewer == "anyone"):
        answer = under_test.ask(
            case.adql,
            maxrec=case.maxrec,
            version=case.version,
            uploads=[upload(name) for name in case.uploads],
        )
        judge(case, answer.columns, answer.rows)
        assert answer.overflowed is case.overflows
    for refused in (c for c in refused_cases() if requirement in c.ids):
        try:
            under_test.ask(refused.adql, version=refused.version)
        except AdqlError as error:
            assert (error.line, error.column) == (refused.line, refused.column)
            assert refused.words in str(error)
        else:
            raise AssertionError(f"accepted: {refused.adql}")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
