"""The spectrum of a region as VOTable and FITS: as astropy reads them and STILTS judges them."""

from __future__ import annotations

import io
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.votable import parse_single_table, ucd, validate
from astropy.table import Table
from stilts_remarks import unexplained_votlint

from vo_service.formats import Info
from vo_service.pixels.compute.region_spectrum import RegionSpectrum
from vo_service.products.spectrum_tables import spectrum_columns, write_spectrum

REST = 100.01e9
SAID = (Info("source", "ivo://x/data?a&b"), Info("region", "CIRCLE 1 2 0.5", "ICRS, degrees"))


def spectrum(labels: tuple[str | None, ...] = ("I",), **more: object) -> RegionSpectrum:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(len(labels), 5))
    values[0, 3] = np.nan
    made = RegionSpectrum(
        kind="mean", unit="mJy/beam", channel=np.arange(4, 9), frequency=100e9 + np.arange(5) * 1e6,
        barycentric=np.full(5, np.nan), velocity=np.linspace(10, 20, 5), definition="radio", reference=REST,
        labels=labels, values=values, pixels=np.full((len(labels), 5), 7),
    )  # fmt: skip
    return replace(made, **more)


def written(made: RegionSpectrum, form: str) -> bytes:
    out = io.BytesIO()
    write_spectrum(out, made, form, SAID, "Mean spectrum.")
    return out.getvalue()


def test_a_votable_that_astropy_reads() -> None:
    made = spectrum()
    content = written(made, "votable")
    assert content == written(made, "votable")
    table = parse_single_table(io.BytesIO(content))
    read = table.to_table()
    assert read.colnames == "channel frequency barycentric_frequency velocity mean pixels".split()
    assert [str(read[name].unit) for name in read.colnames[1:5]] == ["Hz", "Hz", "km / s", "mJy / beam"]
    assert (read["channel"] == made.channel).all() and (read["frequency"] == made.frequency).all()
    assert (read["velocity"] == made.velocity).all() and (read["pixels"] == 7).all()
    assert read["mean"].mask.tolist() == [False, False, False, True, False]
    assert (read["mean"].compressed() == made.values[0][np.isfinite(made.values[0])]).all()
    assert read["barycentric_frequency"].mask.all()
    text = content.decode("utf-8")
    assert 'value="ivo://x/data?a&amp;b"' in text and f"relative to {REST!r} Hz" in text


def test_a_fits_table_that_astropy_reads() -> None:
    made = spectrum(("I", "Q"))
    content = written(made, "fits")
    assert content == written(made, "fits") and b"DATE" not in content
    with fits.open(io.BytesIO(content)) as hdus:
        hdus.verify("exception")
        assert [hdus[1].header["TTYPE5"], hdus[1].header["TUNIT5"]] == ["mean_I", "mJy/beam"]
        assert "region: CIRCLE 1 2 0.5: ICRS, degrees" in str(hdus[1].header["COMMENT"])
        read = Table(hdus[1].data)
    for place, name in enumerate(("mean_I", "mean_Q")):
        assert np.array_equal(read[name], made.values[place], equal_nan=True)
    assert np.isnan(read["barycentric_frequency"]).all() and (read["pixels_Q"] == 7).all()


def test_polarisations_without_a_name_have_a_number() -> None:
    assert [each.name for each in spectrum_columns(spectrum(("V", None)))][4:] == [
        "mean_V", "pixels_V", "mean_2", "pixels_2",
    ]  # fmt: skip
    assert [each.name for each in spectrum_columns(spectrum((None,)))][4:] == ["mean", "pixels"]


@pytest.mark.parametrize("definition", ["radio", "optical", "relativistic"])
@pytest.mark.parametrize(
    ("kind", "unit", "wanted"),
    [("flux", "Jy", "phot.flux.density"), ("mean", "mK", "phys.temperature;stat.mean"),
     ("sum", "Jy/beam", "phot.flux.density;arith.sum"), ("mean", None, None), ("mean", "km/s", None)],
)  # fmt: skip
def test_ucds_are_words_of_the_vocabulary(
    kind: str, unit: str | None, wanted: str | None, definition: str
) -> None:
    columns = spectrum_columns(spectrum(kind=kind, unit=unit, definition=definition))
    assert columns[4].ucd == wanted
    polarised = spectrum_columns(spectrum(("I", "RR", "XX", None), kind=kind, unit=unit))
    for column in (*columns, *polarised):
        if column.ucd is not None:
            ucd.parse_ucd(column.ucd, check_controlled_vocabulary=True)
        assert column.description.endswith(".")


def test_without_a_reference_there_are_no_velocities() -> None:
    made = spectrum(reference=None, velocity=np.full(5, np.nan))
    text = written(made, "votable").decode("utf-8")
    assert "velocity_reference" not in text and "relative to" not in text
    assert parse_single_table(io.BytesIO(text.encode())).to_table()["velocity"].mask.all()


@pytest.mark.judge
@pytest.mark.parametrize("labels", [("I",), ("I", "Q", None)], ids=["one", "three"])
def test_votlint_finds_nothing(stilts: str, tmp_path: Path, labels: tuple[str | None, ...]) -> None:
    path = tmp_path / "spectrum.vot"
    path.write_bytes(written(spectrum(labels), "votable"))
    done = subprocess.run([stilts, "votlint", f"votable={path}"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and unexplained_votlint(done.stdout) == []
    assert validate(str(path), output=io.StringIO())
