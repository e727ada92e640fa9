"""The pass over the pixels of a 1 GB cube, against ``hashlib.sha256`` over the same file in the same run.

The two take turns, and the medians are compared: the machine's mood then falls on both alike. The peak memory
is that of a process which measures and does nothing else, as a worker of an ingest does.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

import numpy as np

from benchmarks.measure import report, run_command

ROUNDS = 3
SIDE, CHANNELS = 512, 1000

HASH = """
import hashlib, json, sys, time
began = time.perf_counter()
with open(sys.argv[1], "rb") as file:
    hashlib.file_digest(file, "sha256")
print(json.dumps({"seconds": time.perf_counter() - began}))
"""
MEASURE = """
import json, resource, sys, time
from pathlib import Path
from vo_service.holdings.describe import describe_product
from vo_service.holdings.measure import measure_product
from vo_service.holdings.measurement import PixelLimits
from vo_service.holdings.records import FoundFile
from vo_service.pixels.sources import LocalFile
path = Path(sys.argv[1])
state = path.stat()
product = describe_product(FoundFile("bench", path.name, state.st_size, state.st_mtime_ns), path.parent)
began = time.perf_counter()
found = measure_product(product, LocalFile(path), PixelLimits())
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "peak_mb": peak, "channels": len(found.spectrum.rms)}))
"""


def write_cube(path: Path, side: int = SIDE, channels: int = CHANNELS) -> None:
    """A cube of noise with some sources and blank corners, as an interferometer's is, written plane by
    plane."""
    random = np.random.default_rng(5)
    y, x = np.mgrid[:side, :side] - side / 2
    outside = np.hypot(x, y) > 0.49 * side
    source = 20.0 * np.exp(-(x**2 + y**2) / (2 * 12.0**2))
    with path.open("wb") as file:
        header = _header(side, channels)
        file.write(header)
        for channel in range(channels):
            plane = random.standard_normal((side, side), dtype=np.float32)
            plane += (source * (abs(channel - channels / 2) < channels / 20)).astype(np.float32)
            plane[outside] = np.nan
            file.write(plane.astype(">f4").tobytes())
        file.write(bytes(-file.tell() % 2880))


def _header(side: int, channels: int) -> bytes:
    cards: dict[str, object] = {
        "SIMPLE": True, "BITPIX": -32, "NAXIS": 3, "NAXIS1": side, "NAXIS2": side, "NAXIS3": channels,
        "CTYPE1": "RA---SIN", "CRVAL1": 150.0, "CRPIX1": side / 2, "CDELT1": -2e-5, "CUNIT1": "deg",
        "CTYPE2": "DEC--SIN", "CRVAL2": -30.0, "CRPIX2": side / 2, "CDELT2": 2e-5, "CUNIT2": "deg",
        "CTYPE3": "FREQ", "CRVAL3": 2.3e11, "CRPIX3": 1.0, "CDELT3": 1e6, "CUNIT3": "Hz",
        "BMAJ": 2e-4, "BMIN": 1e-4, "BPA": 0.0, "BUNIT": "Jy/beam", "SPECSYS": "LSRK", "RADESYS": "ICRS",
        "OBJECT": "bench", "TELESCOP": "ALMA", "DATE-OBS": "2020-01-01T00:00:00",
    }  # fmt: skip
    lines = [f"{key:<8}= {_value(value):>20}".ljust(80) for key, value in cards.items()] + ["END".ljust(80)]
    text = "".join(lines)
    return text.ljust(-(-len(text) // 2880) * 2880).encode("ascii")


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "T" if value else "F"
    return f"'{value:<8}'" if isinstance(value, str) else repr(value).upper()


def run(scratch: Path, rows: int) -> None:
    """Write the cube, then hash it and measure it in turns."""
    cube = scratch / "cube.fits"
    if not cube.exists():
        write_cube(cube)
    hashed, measured, peaks = [], [], []
    channels = 0
    for _ in range(ROUNDS):
        hashed.append(_told(HASH, cube)["seconds"])
        told = _told(MEASURE, cube)
        measured.append(told["seconds"])
        peaks.append(told["peak_mb"])
        channels = int(told["channels"])
    report(
        "pixel_pass",
        {
            "cube, MB": cube.stat().st_size / 1e6,
            "channels measured": channels,
            "sha256 over the file, s": statistics.median(hashed),
            "pass over its pixels, s": statistics.median(measured),
            "pass over sha256 (goal 8)": statistics.median(measured) / statistics.median(hashed),
            "pass, peak MB (goal 500)": max(peaks),
        },
    )
    cube.unlink()


def _told(program: str, cube: Path) -> dict[str, float]:
    """What a program says of itself on its last line. Raises RuntimeError where it fails."""
    run = run_command([sys.executable, "-c", program, str(cube)])
    if run.status:
        raise RuntimeError(run.output[-2000:])
    told: dict[str, float] = json.loads(run.output.splitlines()[-1])
    return told
