"""Tars of packages, as the tests read them."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import httpx

UID = "uid://A001/X1/X2"
SPELLED = "uid___A001_X1_X2"
STEM = f"2015.1.00001.S/member.{SPELLED}._M83__sci.spw15.cube.I.pbcor"


def tar_of(answer: httpx.Response) -> dict[str, bytes]:
    """The files of an answer below the folder of the package."""
    assert answer.status_code in (200, 206), answer.text
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        return {m.name.partition("/")[2]: tar.extractfile(m).read() for m in tar.getmembers()}  # type: ignore[union-attr]


def everything(house: Any) -> str:
    """The address of a package of all that the holdings have."""
    return "/packages/tar?QUERY=SELECT+product_id+FROM+holdings.product"


def stored(house: Any, place: str) -> bytes:
    content: bytes = (house.trees / place).read_bytes()
    return content
