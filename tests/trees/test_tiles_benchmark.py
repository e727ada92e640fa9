"""What the benchmark of tiles takes for a goal that is met."""

from __future__ import annotations

from benchmarks.hips_tiles import AT_ONCE, judged

QUICK: dict[str, object] = {
    "kept PNG, ms": 1.0,
    "made FITS, ms": 2.0,
    "other leaves PNG, ms": 3.0,
    "live FITS, ms": 4.9,
    f"made, {AT_ONCE} at a time: 95 %, ms": 199.0,
    f"live, {AT_ONCE} at a time: 95 %, ms": 199.0,
    "tree of a data set, made when it is asked for, ms": 900.0,
    "tiles": 7,
}


def missed(**more: float) -> list[object]:
    figures = QUICK | {name.replace("_", " ") + ", ms": value for name, value in more.items()}
    return [goal["goal"] for goal in judged(figures) if not goal["held"]]


def test_every_kind_of_tile_has_a_goal_of_its_own() -> None:
    assert missed() == []
    assert missed(made_FITS=5.46) == ["made FITS, ms"]
    assert missed(live_FITS=5.0) == ["live FITS, ms"]
    crowd = f"live, {AT_ONCE} at a time: 95 %"
    assert missed(**{crowd: 200.0}) == [f"{crowd}, ms"]
    assert len(judged(QUICK)) == 6
