"""A task: one cut-out of one data set for one row of the table; and what can become of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from vo_service.dali.parameters import Form
from vo_service.products.wanted import Wanted
from vo_service.soda.request import read_requests

State = Literal["done", "outside", "forbidden", "error"]
Pairs = tuple[tuple[str, str], ...]
FITS: Final = "application/fits"
_REMEMBERED: Final = 8192


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a cut-out is: ``name`` within the part of that number, ``size`` bytes from ``offset`` on; ``end``
    is where the next one may begin. ``sha256`` (hexadecimal) is of these bytes."""

    part: int
    name: str
    offset: int
    size: int
    end: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task: ``placed`` where it is done, else ``reason`` says why not."""

    state: State
    reason: str | None = None
    placed: Placed | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """``number`` is its place in the table of states, from 1; ``row`` that of its row in the table that was
    uploaded. ``dataset`` is the name of the data set, ``version`` the state of the files that are wanted of
    it when the job was planned. ``pairs`` are the parameters of its request. ``fault``: what became of it
    before anything was opened."""

    number: int
    row: int
    label: str | None = None
    id: str | None = None
    dataset: str | None = None
    version: str | None = None
    pairs: Pairs = ()
    fault: Outcome | None = None


@lru_cache(_REMEMBERED)
def wanted_of(pairs: Pairs, as_fits: bool) -> Wanted:
    """What a row asks for, of whatever data set. Raises ServiceError (400)."""
    form = Form.of((("ID", "any"), *pairs, *((("RESPONSEFORMAT", FITS),) if as_fits else ())))
    (request,) = read_requests(form, "async", most=1)
    return request.wanted
