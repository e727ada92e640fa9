"""What was measured from pixels, kept in the catalogue database so that no pixels are read twice.

A measurement is known by its content: the hash of the pixels, the digest of the header, the version of the
algorithm. Files lead to it by their state (size and time of change) at their place, or by their digest, so
that an unchanged file is not opened and a copy shares the record.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeVar

import numpy as np
import sqlalchemy as sa

from vo_service.holdings.measured import Measured, PixelState
from vo_service.holdings.measurement import ALGORITHM, Measurement, PeakSpectrum, PixelStatistics, Placing
from vo_service.holdings.records import FoundFile, Product
from vo_service.sky import parse_region
from vo_service.store import Catalogue

_METADATA = sa.MetaData()
_PIXELS = sa.Table(
    "measurement",
    _METADATA,
    sa.Column("content_hash", sa.String(64), primary_key=True),
    sa.Column("header_digest", sa.String(64), primary_key=True),
    sa.Column("algorithm", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("record", sa.Text, nullable=False),
    sa.Column("channels", sa.Integer, nullable=False),
    sa.Column("spectrum", sa.LargeBinary, nullable=True),
)
_FILE = sa.Table(
    "measured_file",
    _METADATA,
    sa.Column("root", sa.String(200), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("modified_ns", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=True, index=True),
    sa.Column("header_digest", sa.String(64), nullable=False),
    sa.Column("algorithm", sa.Integer, nullable=False),
    sa.Column("content_hash", sa.String(64), nullable=True, index=True),
    sa.Column("error_class", sa.String(64), nullable=True),
    sa.Column("error_message", sa.Text, nullable=True),
)
_LINK = sa.and_(
    _PIXELS.c.content_hash == _FILE.c.content_hash,
    _PIXELS.c.header_digest == _FILE.c.header_digest,
    _PIXELS.c.algorithm == _FILE.c.algorithm,
)
_SPECTRUM = ("channel", "frequency", "peak", "rms", "ra", "dec")
_AT_ONCE = 500

Item = TypeVar("Item")


def load_measured(catalogue: Catalogue, files: Iterable[FoundFile]) -> dict[FoundFile, Measured]:
    """What is known of the pixels of files in their present state; measurements come without their
    spectra."""
    columns = (*_FILE.c, _PIXELS.c.record, _PIXELS.c.channels)
    return {file: _measured(file, row) for file, row in _known_rows(catalogue, files, columns)}


def load_states(catalogue: Catalogue, files: Iterable[FoundFile]) -> dict[FoundFile, PixelState]:
    """The same without the measurements: enough to see what is to be measured or shown anew, and fast."""
    columns = (*_FILE.c, _PIXELS.c.channels.label("record"))
    return {
        file: PixelState(file, row.header_digest, row.content_hash, row.error_class, row.error_message)
        for file, row in _known_rows(catalogue, files, columns)
    }


def _known_rows(
    catalogue: Catalogue, files: Iterable[FoundFile], columns: Sequence[Any]
) -> Iterator[tuple[FoundFile, Any]]:
    """What is stored of files in their present state; ``record`` among the columns is null where the
    measurement itself is lost."""
    _create(catalogue)
    by_root: dict[str, list[FoundFile]] = {}
    for file in files:
        by_root.setdefault(file.root, []).append(file)
    with catalogue.reading() as connection:
        for root, wanted in by_root.items():
            for some in _batches(wanted):
                by_path = {file.path: file for file in some}
                statement = (
                    sa.select(*columns)
                    .select_from(_FILE.outerjoin(_PIXELS, _LINK))
                    .where(_FILE.c.root == root, _FILE.c.path.in_(by_path), _FILE.c.algorithm == ALGORITHM)
                )
                for row in connection.execute(statement):
                    file = by_path[row.path]
                    known = row.content_hash is None or row.record is not None
                    if known and (row.size_bytes, row.modified_ns) == (file.size_bytes, file.modified_ns):
                        yield file, row


def load_spectrum(catalogue: Catalogue, measured: Measured) -> PeakSpectrum | None:
    """The spectrum that belongs to a measurement; None where it has none."""
    if measured.measurement is None or not measured.channels:
        return None
    statement = sa.select(_PIXELS.c.spectrum).where(
        _PIXELS.c.content_hash == measured.measurement.content_hash,
        _PIXELS.c.header_digest == measured.header_digest,
        _PIXELS.c.algorithm == ALGORITHM,
    )
    with catalogue.reading() as connection:
        stored = connection.scalar(statement)
    return None if stored is None else _read_spectrum(stored)


def keep_measured(catalogue: Catalogue, results: Sequence[tuple[Product, Measured]]) -> None:
    """Write what came of reading some files, in place of what was known of them."""
    _create(catalogue)
    with catalogue.writing() as connection:
        for product, measured in results:
            if measured.measurement is not None:
                _keep_pixels(connection, measured.header_digest, measured.measurement)
            _keep_file(connection, product, measured)


def adopt_measured(catalogue: Catalogue, products: Iterable[Product]) -> None:
    """Let files whose bytes were measured before, here or elsewhere, have what is known of them.

    Errors are not taken over: they name the file that they are of, and every failure has an entry in the run
    log. A file without a number in it is read once at each place.
    """
    _create(catalogue)
    digested = {each.file: each for each in products if each.sha256 is not None and each.layout is not None}
    known = load_states(catalogue, digested)
    wanted = [each for file, each in digested.items() if file not in known]
    for some in _batches(wanted):
        digests = {each.sha256 for each in some}
        statement = sa.select(_FILE).where(
            _FILE.c.sha256.in_(digests),
            _FILE.c.algorithm == ALGORITHM,
            _FILE.c.content_hash.is_not(None),
            _FILE.c.error_class.is_(None),
        )
        with catalogue.writing() as connection:
            by_digest = {row.sha256: row for row in connection.execute(statement)}
            for product in some:
                row = by_digest.get(product.sha256)
                if row is not None:
                    _keep_link(connection, product, row.header_digest, row.content_hash)


def forget_measured(catalogue: Catalogue, files: Iterable[FoundFile]) -> None:
    """Forget files that are no longer in this state, and measurements that no file leads to any more."""
    _create(catalogue)
    files = list(files)
    if not files:
        return
    with catalogue.writing() as connection:
        for file in files:
            connection.execute(
                sa.delete(_FILE).where(
                    _FILE.c.root == file.root,
                    _FILE.c.path == file.path,
                    _FILE.c.size_bytes == file.size_bytes,
                    _FILE.c.modified_ns == file.modified_ns,
                )
            )
        connection.execute(sa.delete(_PIXELS).where(~sa.exists().where(_LINK)))


def _measured(file: FoundFile, row: Any) -> Measured:
    found = None if row.content_hash is None else _read(row.content_hash, row.record)
    channels = 0 if found is None else row.channels
    return Measured(file, row.header_digest, found, channels, row.error_class, row.error_message)


def _keep_pixels(connection: sa.Connection, header_digest: str, measurement: Measurement) -> None:
    key = {
        "content_hash": measurement.content_hash,
        "header_digest": header_digest,
        "algorithm": ALGORITHM,
    }
    connection.execute(sa.delete(_PIXELS).where(*(_PIXELS.c[name] == value for name, value in key.items())))
    spectrum = measurement.spectrum
    connection.execute(
        sa.insert(_PIXELS).values(
            **key,
            record=_text(measurement),
            channels=0 if spectrum is None else len(spectrum.channel),
            spectrum=None if spectrum is None else _packed(spectrum),
        )
    )


def _keep_file(connection: sa.Connection, product: Product, measured: Measured) -> None:
    found = measured.measurement
    _keep_link(
        connection,
        product,
        measured.header_digest,
        None if found is None else found.content_hash,
        (measured.error_kind, measured.error_message),
    )


def _keep_link(
    connection: sa.Connection,
    product: Product,
    header_digest: str,
    content_hash: str | None,
    error: tuple[str | None, str | None] = (None, None),
) -> None:
    file = product.file
    connection.execute(sa.delete(_FILE).where(_FILE.c.root == file.root, _FILE.c.path == file.path))
    connection.execute(
        sa.insert(_FILE).values(
            root=file.root,
            path=file.path,
            size_bytes=file.size_bytes,
            modified_ns=file.modified_ns,
            sha256=product.sha256,
            header_digest=header_digest,
            algorithm=ALGORITHM,
            content_hash=content_hash,
            error_class=error[0],
            error_message=error[1],
        )
    )


def _text(measurement: Measurement) -> str:
    """All but hash and spectrum as JSON."""
    plain: dict[str, Any] = {
        each.name: getattr(measurement, each.name)
        for each in fields(measurement)
        if each.name not in {"content_hash", "spectrum", "algorithm"}
    }
    if measurement.statistics is not None:
        plain["statistics"] = asdict(measurement.statistics)
    if measurement.outline is not None:
        plain["outline"] = measurement.outline.to_stcs()
    if measurement.placing is not None:
        plain["placing"] = asdict(measurement.placing)
    return json.dumps(plain, separators=(",", ":"))


def _read(content_hash: str, text: str) -> Measurement:
    plain: dict[str, Any] = json.loads(text)
    if plain["statistics"] is not None:
        plain["statistics"] = PixelStatistics(**plain["statistics"])
    if plain["outline"] is not None:
        plain["outline"] = parse_region(plain["outline"])
    if plain["placing"] is not None:
        plain["placing"] = _read_placing(plain["placing"])
    return Measurement(content_hash, **plain)


def _read_placing(plain: Mapping[str, Any]) -> Placing:
    places = tuple((ra, dec) for ra, dec in plain["places"])
    cards = tuple((name, written) for name, written in plain["cards"])
    return Placing(plain["projection"], places, plain["pixel"], cards)


def _packed(spectrum: PeakSpectrum) -> bytes:
    columns = [np.asarray(getattr(spectrum, name), dtype="<f8") for name in _SPECTRUM]
    return zlib.compress(np.stack(columns).tobytes(), 1)


def _read_spectrum(stored: bytes) -> PeakSpectrum:
    columns = np.frombuffer(zlib.decompress(stored), "<f8").reshape(len(_SPECTRUM), -1).astype(np.float64)
    named: Mapping[str, Any] = dict(zip(_SPECTRUM, columns))
    return PeakSpectrum(**{**named, "channel": columns[0].astype(np.int32)})


def _create(catalogue: Catalogue) -> None:
    with catalogue.writing() as connection:
        _METADATA.create_all(connection)


def _batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))
