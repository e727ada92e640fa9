"""Many stamps of many cubes: asked one by one, and as one job."""

from __future__ import annotations

import io
import statistics
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import numpy as np
import requests

from benchmarks.processes import chars_read
from benchmarks.serving import Served
from benchmarks.soda_cube import Cube, Cut
from benchmarks.tap_client import Client, Refused

_ACROSS = 65


@dataclass(frozen=True, slots=True)
class Stamp:
    """A stamp of one of the cubes, and what it is asked by."""

    identifier: str
    cube: Cube
    cut: Cut


def stamps_of(cubes: Sequence[tuple[str, Cube]], count: int, depth: int) -> list[Stamp]:
    """Stamps of ``depth`` channels, scattered over all cubes in no order."""
    random = np.random.default_rng(9)
    made = []
    for number in range(count):
        identifier, cube = cubes[number % len(cubes)]
        x, y = (int(each) for each in random.integers(_ACROSS, cube.side - _ACROSS, 2))
        first = int(random.integers(cube.channels - depth + 1))
        made.append(Stamp(identifier, cube, cube.square(_ACROSS, first, depth, (x, y))))
    return [made[place] for place in random.permutation(count)]


def measure_bulk(
    served: Served, stamps: Sequence[Stamp], runs: int, wanted: float | None
) -> dict[str, object]:
    """The same stamps one by one, and as one job, in turn; the job is to be ``wanted`` times as fast."""
    needed = sum(stamp.cut.size for stamp in stamps)
    rates: dict[str, list[float]] = {"single": [], "bulk": []}
    reads: dict[str, list[int]] = {"single": [], "bulk": []}
    for _ in range(runs):
        for name, do in (("single", _one_by_one), ("bulk", _as_job)):
            before, began = chars_read((served.pid,)), time.perf_counter()
            do(served, stamps)
            rates[name].append(len(stamps) / (time.perf_counter() - began))
            reads[name].append(chars_read((served.pid,)) - before)
    told: dict[str, dict[str, object]] = {
        name: {
            "stamps_per_s": round(statistics.median(rates[name]), 1),
            "read_over_needed": round(statistics.median(reads[name]) / needed, 2),
        }
        for name in rates
    }
    reached = round(statistics.median(rates["bulk"]) / statistics.median(rates["single"]), 2)
    told["beside"] = {"bulk_over_single": reached}
    goals = []
    if wanted is not None:
        goals.append(
            {
                "goal": "stamps/s beside single calls",
                "wanted": wanted,
                "reached": reached,
                "held": reached >= wanted,
            }
        )
    shape = " x ".join(map(str, stamps[0].cut.shape))
    cubes = len({stamp.identifier for stamp in stamps})
    case = f"{len(stamps)} stamps of {shape} from {cubes} cubes"
    return {"case": case, "void": None, **told, "goals": goals}


def _one_by_one(served: Served, stamps: Sequence[Stamp]) -> None:
    client = Client(served.address)
    for stamp in stamps:
        asked = urlencode({"ID": stamp.identifier, **stamp.cube.parameters(stamp.cut)}, quote_via=quote)
        client.get(f"/soda/sync?{asked}")
    client.close()


def _as_job(served: Served, stamps: Sequence[Stamp]) -> None:
    """One job with a table of the same stamps. Raises Refused where one of them is missing."""
    lines = ["id,circle,band"]
    for stamp in stamps:
        asked = stamp.cube.parameters(stamp.cut)
        lines.append(f'{stamp.identifier},"{asked["CIRCLE"]}","{asked["BAND"]}"')
    table = "\n".join(lines).encode()
    with requests.Session() as session:
        job = session.post(
            f"{served.address}/soda/async",
            data={"UPLOAD": "stamps,param:table", "PHASE": "RUN"},
            files={"table": ("stamps.csv", table, "text/csv")},
        ).url
        while (phase := session.get(f"{job}/phase").text) in ("QUEUED", "EXECUTING"):
            session.get(job, params={"WAIT": "60"})
        if phase != "COMPLETED":
            raise Refused(f"the job ended as {phase}: {session.get(f'{job}/error').text[:500]}")
        results = session.get(f"{job}/results").text
        parts = [part for part in results.split('"') if part.startswith("part-")]
        found = 0
        for part in parts:
            with tarfile.open(fileobj=io.BytesIO(session.get(f"{job}/results/{part}").content)) as tar:
                found += sum(member.name.endswith(".fits") for member in tar)
        session.delete(job)
    if found != len(stamps):
        raise Refused(f"{found} of {len(stamps)} stamps came: {results[:500]}")
