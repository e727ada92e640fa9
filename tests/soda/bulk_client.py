"""A client of bulk cut-outs: a table goes up, parts and the table of states come down."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

import requests
from astropy.io import fits
from astropy.io.votable import parse_single_table, validate
from astropy.table import Table
from live_service import FINAL, until

UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"
XLINK = "{http://www.w3.org/1999/xlink}href"
Row = dict[str, Any]


def as_csv(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    """A table, with nothing for None."""
    lines = [",".join(columns)]
    for row in rows:
        lines.append(",".join("" if one is None else f'"{one}"' for one in row))
    return "\n".join(lines).encode() + b"\n"


@dataclass
class BulkJob:
    """A job at its address."""

    address: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def get(self, address: str) -> requests.Response:
        return requests.get(address, headers={"Connection": "close", **self.headers}, timeout=120)

    @property
    def phase(self) -> str:
        return self.get(f"{self.address}/phase").text

    def results(self) -> dict[str, str]:
        """Addresses of the results that are listed now."""
        document = ElementTree.fromstring(self.get(self.address).content)
        return {str(one.get("id")): str(one.get(XLINK)) for one in document.iter(f"{UWS}result")}

    def states(self) -> list[Row]:
        """The rows of the table of states as it is now; empty where it is not listed yet."""
        answer = self.get(f"{self.address}/results/status.vot")
        if answer.status_code == 404:
            return []
        assert answer.status_code == 200, answer.text
        return states_of(answer.content)

    @property
    def done(self) -> int:
        """Rows that are done now; cheaper than to read the table. Asks until there is one."""
        told: list[str] = []
        assert until(lambda: self._tell_states(told)), "there is no table of states"
        return told[-1].count("<TD>done</TD>")

    def _tell_states(self, told: list[str]) -> bool:
        answer = self.get(f"{self.address}/results/status.vot")
        assert answer.status_code in (200, 404, 503), answer.text
        told.append(answer.text)
        return answer.status_code == 200

    def end(self, seconds: float = 120) -> str:
        assert until(lambda: self.phase in FINAL, seconds), self.phase
        return self.phase

    def completed(self) -> list[Row]:
        """The rows of a job that ends well."""
        assert self.end() == "COMPLETED", self.get(f"{self.address}/error").text
        return self.states()

    def error(self) -> str:
        """What is said of a job that is wrong as a whole."""
        assert self.end() == "ERROR"
        return self.get(f"{self.address}/error").text

    def parts(self) -> dict[str, bytes]:
        """The parts that are listed."""
        return {
            name: self.get(address).content
            for name, address in self.results().items()
            if name != "status.vot"
        }


def states_of(content: bytes) -> list[Row]:
    """The rows of a table of states; masked values are None."""
    table: Table = parse_single_table(io.BytesIO(content), verify="exception").to_table()
    return [
        {
            name: None if value is None or str(value) in ("--", "") else _plain(value)
            for name, value in zip(table.colnames, row, strict=True)
        }
        for row in table
    ]


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)


def is_valid(content: bytes) -> bool:
    """Whether astropy has nothing to say of a VOTable."""
    return bool(validate(io.BytesIO(content), output=io.StringIO()))


def upload(
    url: str,
    table: bytes,
    pairs: Sequence[tuple[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    **named: str,
) -> BulkJob:
    """A new job of a table, which runs."""
    data = [("UPLOAD", "mine,param:table"), ("PHASE", "RUN"), *pairs, *named.items()]
    made = requests.post(
        f"{url}/soda/async",
        data=data,
        files={"table": ("table", table)},
        headers={"Connection": "close", **(headers or {})},
        allow_redirects=False,
        timeout=120,
    )
    assert made.status_code == 303, made.text
    return BulkJob(made.headers["Location"], dict(headers or {}))


def cuts_of(parts: Mapping[str, bytes], states: Sequence[Row]) -> dict[int, bytes]:
    """The cut-outs in tars, by the number of their row in the table of states: each where the table says that
    it is, and no other in any part."""
    names = {}
    for name, raw in parts.items():
        with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
            names |= {(name, member.name): tar.extractfile(member).read() for member in tar.getmembers()}  # type: ignore[union-attr]
            assert len(tar.getnames()) == len(set(tar.getnames()))
    found = {}
    for row in states:
        if row["state"] == "done":
            content = names.pop((row["part"], row["file"]))
            piece = parts[row["part"]][row["offset"] : row["offset"] + row["size"]]
            assert piece == content and hashlib.sha256(content).hexdigest() == row["sha256"]
            found[row["number"]] = content
        else:
            assert row["part"] is None and row["sha256"] is None
    assert not names, "a cut-out that no row tells of"
    return found


def images_of(raw: bytes, states: Sequence[Row]) -> dict[int, Any]:
    """The pixels of cut-outs in one FITS file, by the number of their row in the table of states: each where
    the table says that it is, one behind the other, and no other in the file."""
    done = sorted((row for row in states if row["state"] == "done"), key=lambda row: row["offset"])
    end = 2880
    for row in done:
        piece = raw[row["offset"] : row["offset"] + row["size"]]
        assert row["offset"] == end and hashlib.sha256(piece).hexdigest() == row["sha256"]
        end += row["size"]
    assert end == len(raw), "something that no row tells of"
    with fits.open(io.BytesIO(raw)) as hdus:
        named = [f"{hdu.name},{hdu.ver}" for hdu in hdus[1:]]
        assert len(named) == len(set(named)) and named == [row["file"] for row in done]
        return {row["number"]: hdu.data for row, hdu in zip(done, hdus[1:], strict=True)}
