"""Generated archive rows: as many as wanted, ALMA-like, in the archive's own columns; one Parquet file.

One row is one spectral window of one target of one member OUS. Footprints are circles, polygons, and
unions of the 7 to 60 circles of a mosaic where these are asked for; a tenth of the positions are shared by
many rows. A row is about 1.3 kB wide, as were those that the incumbent took 5.3 minutes to load a million
of. The same seed gives the same rows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

C = 299792458.0
BATCH = 50_000
BANDS = np.array([3, 4, 5, 6, 7, 8, 9, 10])
POLYGONS = 0.3
"""Of the footprints that are no unions; the rest are circles."""
BAND_EDGES_GHZ = {3: (84, 116), 4: (125, 163), 5: (163, 211), 6: (211, 275), 7: (275, 373), 8: (385, 500)}
BAND_EDGES_GHZ |= {9: (602, 720), 10: (787, 950)}
BAND_WEIGHTS = np.array([0.25, 0.07, 0.03, 0.36, 0.22, 0.04, 0.02, 0.01])
WORDS = (
    "molecular gas in nearby galaxies dense cores disks around young stars outflow kinematics of the "
    "circumnuclear region dust continuum survey line emission at high redshift magnetic fields"
).split()


def write_rows(path: Path, rows: int, seed: int = 7, unions: float = 0.0) -> Path:
    """Write ``rows`` generated archive rows to a Parquet file, in batches of bounded memory.

    ``unions``: the share whose footprints are unions of circles, which not every service that is compared
    with can read.
    """
    random = np.random.default_rng(seed)
    writer: pq.ParquetWriter | None = None
    for start in range(0, rows, BATCH):
        batch = _batch(random, start, min(BATCH, rows - start), unions)
        writer = writer or pq.ParquetWriter(path, batch.schema, compression="zstd", compression_level=1)
        writer.write_batch(batch)
    if writer:
        writer.close()
    return path


def positions(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Uniform over the southern sky, with a tenth of the rows on a hundred well-known spots."""
    ra = random.uniform(0, 360, count)
    dec = np.degrees(np.arcsin(random.uniform(-1, 0.64, count)))
    spots = np.random.default_rng(1)
    spot_ra, spot_dec = spots.uniform(0, 360, 100), np.degrees(np.arcsin(spots.uniform(-1, 0.64, 100)))
    famous = random.random(count) < 0.1
    choice = random.integers(0, 100, count)
    return np.where(famous, spot_ra[choice], ra), np.where(famous, spot_dec[choice], dec)


def _regions(
    random: np.random.Generator, ra: np.ndarray, dec: np.ndarray, fov: np.ndarray, unions: float
) -> list[str]:
    out = []
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    for lon, lat, width, kind in zip(ra, dec, fov, random.random(len(ra))):
        if kind >= unions + (1.0 - unions) * POLYGONS:
            out.append(f"Circle ICRS {lon:.6f} {lat:.6f} {width / 2:.6f}")
        elif kind >= unions:
            corners = _beside(lon, lat, width / 2 * np.cos(angles), width / 2 * np.sin(angles))
            out.append(f"Polygon ICRS {corners}")
        else:
            out.append(_mosaic(lon, lat, width, 7 + int(54 * kind / unions)))
    return out


def _mosaic(lon: float, lat: float, width: float, pointings: int) -> str:
    """So many overlapping circles, as near the middle as they get in rows half a beam apart."""
    rows, columns = np.indices((11, 11)) - 5
    x, y = (columns + 0.5 * (rows % 2)).ravel(), (rows * np.sqrt(0.75)).ravel()
    nearest = np.argsort(np.hypot(x, y), kind="stable")[:pointings]
    places = [_beside(lon, lat, x[[at]] * width / 2, y[[at]] * width / 2) for at in nearest]
    return f"Union ICRS ( {' '.join(f'Circle {place} {width / 2:.6f}' for place in places)} )"


def _beside(lon: float, lat: float, x: np.ndarray, y: np.ndarray) -> str:
    """Positions so many degrees from another."""
    y = np.clip(lat + y, -89.9, 89.9)
    x = (lon + x / np.cos(np.radians(y))) % 360
    return " ".join(f"{a:.6f} {b:.6f}" for a, b in zip(x, y))


def _text(random: np.random.Generator, count: int, words: int) -> pa.Array:
    """Texts of so many words, one of 500 different ones a batch."""
    pool = pa.array([" ".join(random.choice(WORDS, words)) for _ in range(500)])
    return pool.take(pa.array(random.integers(0, 500, count)))


def _batch(random: np.random.Generator, start: int, count: int, unions: float) -> pa.RecordBatch:
    index = np.arange(start, start + count)
    mous = index // 4
    ra, dec = positions(random, count)
    band = random.choice(BANDS, count, p=BAND_WEIGHTS)
    low, high = np.array([BAND_EDGES_GHZ[b] for b in band], dtype=float).T
    frequency = random.uniform(low + 1, high - 1)
    bandwidth = random.choice([0.0586e9, 0.234e9, 0.9375e9, 1.875e9], count)
    channels = random.choice([128, 480, 960, 1920, 3840], count)
    resolution = 10 ** random.uniform(-1.3, 0.8, count)
    exposure = 10 ** random.uniform(1.5, 4, count)
    started = random.uniform(55800, 60500, count)
    fov = 1.13 * np.degrees(C / (frequency * 1e9) / 12)
    uid = [f"uid://A001/X{m % 4096:x}/X{m // 4096:x}" for m in mous]
    project = [f"{2011 + m % 13}.1.{m // 40 % 100000:05d}.S" for m in mous]
    days = (started - 55197 + 400).astype("timedelta64[D]")
    released = np.array("2010-01-01", dtype="datetime64[s]") + days
    columns: dict[str, object] = {
        "obs_publisher_did": [f"ADS/JAO.ALMA#{p}" for p in project],
        "obs_collection": ["ALMA"] * count,
        "facility_name": ["JAO"] * count,
        "instrument_name": ["ALMA"] * count,
        "obs_id": [f"{u}.source.T{m:06d}.spw.{s}" for u, m, s in zip(uid, mous, index % 4 * 2 + 17)],
        "dataproduct_type": np.where(channels > 128, "cube", "image"),
        "calib_level": np.full(count, 2, dtype=np.int32),
        "target_name": [f"T{m:06d}" for m in mous],
        "s_ra": ra,
        "s_dec": dec,
        "s_fov": fov,
        "s_region": _regions(random, ra, dec, fov, unions),
        "s_resolution": resolution,
        "t_min": started,
        "t_max": started + exposure / 86400 * 1.5,
        "t_exptime": exposure,
        "t_resolution": exposure,
        "em_min": C / (frequency * 1e9 + bandwidth / 2),
        "em_max": C / (frequency * 1e9 - bandwidth / 2),
        "em_res_power": frequency * 1e9 / (bandwidth / channels),
        "em_xel": channels.astype(np.int32),
        "t_xel": np.ones(count, dtype=np.int32),
        "pol_xel": np.full(count, 2, dtype=np.int32),
        "pol_states": ["/XX/YY/"] * count,
        "o_ucd": ["phot.flux.density;phys.polarization"] * count,
        "access_url": [f"https://almascience.org/datalink/sync?ID={u}" for u in uid],
        "access_format": ["applicati"] * count,
        "proposal_id": project,
        "data_rights": ["Public"] * count,
        "obs_release_date": np.datetime_as_string(released, unit="ms"),
        "band_list": band.astype(str),
        "frequency": frequency,
        "bandwidth": bandwidth,
        "antenna_arrays": [" ".join(f"A{a:03d}:DV{a:02d}" for a in range(1, 13))] * count,
        "is_mosaic": np.where(random.random(count) < 0.3, "T", "F"),
        "spatial_resolution": resolution,
        "spatial_scale_max": resolution * 10,
        "frequency_support": _supports(frequency, bandwidth, channels),
        "velocity_resolution": C * bandwidth / channels / (frequency * 1e9),
        **_archive_columns(random, mous, uid),
    }
    return pa.RecordBatch.from_pydict({name: pa.array(values) for name, values in columns.items()})


def _archive_columns(random: np.random.Generator, mous: np.ndarray, uid: list[str]) -> dict[str, object]:
    """What an archive adds to ObsCore: sensitivities, identifiers, texts."""
    count = len(mous)
    return {
        "sensitivity_10kms": 10 ** random.uniform(-1, 2, count),
        "cont_sensitivity_bandwidth": 10 ** random.uniform(-2.5, 0, count),
        "pwv": random.uniform(0.2, 4, count).astype(np.float32),
        "member_ous_uid": uid,
        "group_ous_uid": [f"uid://A001/X{m % 4096:x}/X{m // 4096 + 65536:x}" for m in mous],
        "asdm_uid": [f"uid://A002/X{m:x}/X1" for m in mous],
        "schedblock_name": [f"T{m:06d}_a_06_TM1" for m in mous],
        "scan_intent": ["TARGET WVR"] * count,
        "science_observation": ["T"] * count,
        "qa2_passed": ["T"] * count,
        "type": ["S"] * count,
        "obs_title": _text(random, count, 8),
        "obs_creator_name": ["ALMA"] * count,
        "pi_name": _text(random, count, 2),
        "proposal_authors": _text(random, count, 8),
        "proposal_abstract": _text(random, count, 30),
        "science_keyword": _text(random, count, 3),
        "scientific_category": _text(random, count, 2),
        "bib_reference": ["2019ApJ...872...69P"] * count,
        "publication_year": np.full(count, 2019, dtype=np.int32),
        "lastModified": ["2024-02-12T16:29:51.502"] * count,
    }


def _supports(frequency: np.ndarray, bandwidth: np.ndarray, channels: np.ndarray) -> list[str]:
    """One window a row, as the archive writes it."""
    return [
        f"[{f - w / 2e9:.2f}..{f + w / 2e9:.2f}GHz,{w / c / 1e3:.2f}kHz,"
        "1.2mJy/beam@10km/s,40.5uJy/beam@native, XX YY]"
        for f, w, c in zip(frequency, bandwidth, channels)
    ]
