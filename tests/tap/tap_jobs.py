"""Jobs of TAP as a client leads them, in process."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
from astropy.io.votable import parse as parse_votable
from lxml import etree
from starlette.applications import Starlette

from vo_service.app import create_app
from vo_service.settings import Settings

Ask = Callable[..., httpx.Response]

BASE = "https://vo.example.org/x/tap/async"
VOT = "{http://www.ivoa.net/xml/VOTable/v1.3}"
ENDLESS = (
    "SELECT COUNT(*) AS n FROM ivoa.obscore a, ivoa.obscore b, ivoa.obscore c, ivoa.obscore d, ivoa.obscore e"
    " WHERE COS(a.s_ra + b.s_ra + c.s_ra + d.s_ra + e.s_ra) > 2"
)

# On rows of `with_one_that_is_no_number`; wide enough that the engine cannot keep the whole of it back until
# its last row.
FAILING = (
    "SELECT dataset_id, obs_publisher_did, obs_id, access_url, obs_collection, s_ra, s_dec, "
    "obs_publisher_did || access_url || obs_id AS long_text, CAST(target_name AS INTEGER) AS n "
    "FROM ivoa.obscore"
)


def with_column(made: pa.Table, name: str, values: list[object]) -> pa.Table:
    """Rows with other values in one column."""
    field = made.schema.field(name)
    return made.set_column(made.schema.get_field_index(name), field, pa.array(values, field.type))


def with_one_that_is_no_number(made: pa.Table) -> pa.Table:
    """Names of targets that are numbers, but the one in the row that is stored last."""
    last = int(np.argmax(made["_hpx29"].to_numpy()))
    return with_column(made, "target_name", ["Orion" if n == last else str(n) for n in range(len(made))])


@dataclass
class Jobs:
    """Jobs of one service, by their paths below the list."""

    ask: Ask
    headers: dict[str, str]

    def make(self, adql: str | None = None, run: bool = True, files: Any = None, **parameters: Any) -> str:
        sent = {"LANG": "ADQL", **({} if adql is None else {"QUERY": adql}), **parameters}
        if run:
            sent["PHASE"] = "RUN"
        data = {name: value for name, value in sent.items() if value is not None}
        made = self.ask("/tap/async", "POST", data=data, files=files, headers=self.headers)
        assert made.status_code == 303, made.text
        return made.headers["Location"].removeprefix(BASE)

    def get(self, job: str, **arguments: Any) -> httpx.Response:
        return self.ask(f"/tap/async{job}", headers=self.headers, **arguments)

    def post(self, job: str, files: Any = None, **data: Any) -> httpx.Response:
        answer = self.ask(f"/tap/async{job}", "POST", data=data, files=files, headers=self.headers)
        assert answer.status_code == 303, answer.text
        return answer

    def end(self, job: str) -> str:
        """The phase of a job once it is final."""
        for _ in range(50):
            if (phase := self.get(f"{job}/phase").text) not in ("QUEUED", "EXECUTING"):
                return phase
            self.get(job, params={"WAIT": "5"})
        raise AssertionError(f"the job is still {phase}")

    def result(self, job: str) -> httpx.Response:
        assert self.end(job) == "COMPLETED", self.get(f"{job}/error").text
        return self.get(f"{job}/results/result")

    def error(self, job: str) -> httpx.Response:
        assert self.end(job) == "ERROR"
        answer = self.get(f"{job}/error")
        assert answer.status_code == 200
        return answer

    def parameters(self, job: str) -> list[tuple[str, str]]:
        root = etree.fromstring(self.get(f"{job}/parameters").content)
        return [(one.get("id"), one.text) for one in root]


@contextmanager
def service(
    settings: Settings, asker: Callable[[Starlette], Ask], run: bool = True
) -> Iterator[tuple[Ask, Any]]:
    """Another process on a home."""
    app = create_app(settings)
    if run:
        app.state.service.jobs.start()
    try:
        yield asker(app), app.state.service
    finally:
        app.state.close()


def rows_of(answer: httpx.Response) -> int:
    return len(parse_votable(io.BytesIO(answer.content)).get_first_table().array)


def status_of(answer: httpx.Response) -> tuple[str | None, str | None]:
    """Value and text of the last QUERY_STATUS."""
    found = etree.fromstring(answer.content).findall(f".//{VOT}INFO[@name='QUERY_STATUS']")
    return found[-1].get("value"), found[-1].text


def timeless(content: bytes) -> bytes:
    return re.sub(rb'(?<=name="QUERY_TIMESTAMP" value=")[^"]+', b"", content)
