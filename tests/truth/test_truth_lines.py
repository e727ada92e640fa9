"""Lines planted in cubes are found, named where a redshift is known, and no others are found."""

from __future__ import annotations

import math
from collections import defaultdict

from vo_service.spectral import line
from vo_service.spectral.candidates import FALSE_ALARM, FEWEST_CHANNELS

C_KMS = 299792.458


def cubes(case):
    """(truth, rows of holdings.line_candidate) of every cube with channels enough to know its noise."""
    found = defaultdict(list)
    for row in case.tables["holdings.line_candidate"]:
        found[row["product_id"]].append(row)
    return [
        (true, found[case.product_ids[true["path"]]])
        for true in case.images
        if true["role"] == "cube" and true["n_chan"] >= FEWEST_CHANNELS
    ]


def test_candidates_belong_to_cubes(case) -> None:
    long = {case.product_ids[true["path"]] for true, _ in cubes(case)}
    rows = case.tables["holdings.line_candidate"]
    assert rows and {row["product_id"] for row in rows} <= long
    assert {row["hint"] for row in rows} == {"candidate"}
    assert len({row["candidate_id"] for row in rows}) == len(rows)


def test_every_planted_line_is_found_where_it_is(case) -> None:
    # a line of a single channel is not told from interference and not looked for
    planted = [
        (true, rows)
        for true, rows in cubes(case)
        if true["line"] is not None and true["line_channels"][0] < true["line_channels"][1]
    ]
    assert len(planted) > 12
    wrong = []
    for true, rows in planted:
        first, last = true["line_channels"]
        hits = [row for row in rows if row["channel_first"] <= last and row["channel_last"] >= first]
        if len(hits) != 1:
            wrong.append(
                (true["path"], "candidates", [(r["channel_first"], r["channel_last"]) for r in rows])
            )
            continue
        (row,) = hits
        # half the width of the line, and 20 km/s where the file names no frame
        allowance = 0.5 * row["width"] + (0.0 if true["specsys"] else 20.0)
        off = (row["frequency"] / true["line_frequency"] - 1.0) * C_KMS
        if not (row["f_low"] < row["frequency"] < row["f_high"] and abs(off) < allowance):
            wrong.append((true["path"], "frequency", off, allowance))
        if not 0.6 < row["snr"] / true["line_snr"] < 1.4:
            wrong.append((true["path"], "snr", row["snr"], true["line_snr"]))
        if row["false_alarm"] > FALSE_ALARM:
            wrong.append((true["path"], "false_alarm", row["false_alarm"]))
        if row["specsys"] != ("BARYCENT" if true["specsys"] else None):
            wrong.append((true["path"], "specsys", row["specsys"]))
    assert wrong == []


def test_no_line_is_invented(case) -> None:
    """One in 500 spectra of noise may show a candidate: none of these few does, and none beside a line."""
    beside = []
    for true, rows in cubes(case):
        first, last = true.get("line_channels", (0, -1))
        beside += [
            (true["path"], row["channel_first"], row["channel_last"], row["false_alarm"])
            for row in rows
            if row["channel_first"] > last + 2 or row["channel_last"] < first - 2
        ]
    assert beside == []


def test_quiet_cubes_were_looked_at(case) -> None:
    """Else the test above would say little: cubes with many channels and no line are among them."""
    quiet = [true for true, rows in cubes(case) if true["line"] is None and not rows]
    assert quiet or sum(not true["side"] for true in case.truth["products"]) < 120


def test_lines_are_named_where_a_redshift_is_stated_and_nowhere_else(case) -> None:
    named = 0
    for true, rows in cubes(case):
        stated = "redshift_stated" in true or case.has_redshifts
        for row in rows:
            if not stated or not true["target_name"]:
                assert row["redshift"] is row["redshift_source"] is row["lines"] is None, true["path"]
                continue
            assert math.isclose(row["redshift"], true["redshift"], rel_tol=1e-9, abs_tol=1e-12)
            names = row["lines"].split("; ")
            assert names[0] == line(true["line"]).name, (true["path"], names)
            named += 1
            if case.has_redshifts:
                assert row["redshift_source"] == "table redshifts.csv: truth"
            else:
                assert row["redshift_source"] == true["redshift_stated"]
    assert named > (12 if case.has_redshifts else 1)
