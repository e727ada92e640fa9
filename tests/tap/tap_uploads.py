"""Queries with tables of the user, sent as a client does, and their answers."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import httpx
from astropy.io.votable import parse_single_table
from astropy.table import Table

Ask = Callable[..., httpx.Response]

SPACE = {"v": "http://www.ivoa.net/xml/VOTable/v1.3"}
ONE = (
    '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE type="results"><TABLE>'
    '<FIELD name="n" datatype="int"/><DATA><TABLEDATA><TR><TD>{}</TD></TR></TABLEDATA></DATA></TABLE>'
    "</RESOURCE></VOTABLE>"
)


def sent(
    ask: Ask, adql: str, upload: str | list[str], files: dict[str, Any], **parameters: str
) -> httpx.Response:
    """A synchronous query with tables; ``files`` as httpx has them, contents alone being parts with names."""
    given = upload if isinstance(upload, list) else [upload]
    parts = [("UPLOAD", (None, value)) for value in given]
    parts += [(name, (None, value)) for name, value in {"LANG": "ADQL", "QUERY": adql, **parameters}.items()]
    parts += [
        (name, content if isinstance(content, tuple) else (f"{name}.xml", content))
        for name, content in files.items()
    ]
    return ask("/tap/sync", "POST", files=parts)


def rows_of(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    content = answer.json()
    names = [column["name"] for column in content["metadata"]]
    return [dict(zip(names, row)) for row in content["data"]]


def table_of(answer: httpx.Response) -> Table:
    assert answer.status_code == 200, answer.text
    return parse_single_table(io.BytesIO(answer.content)).to_table(use_names_over_ids=True)


def fields_of(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return [dict(one.attrib) for one in ElementTree.fromstring(answer.content).findall(".//v:FIELD", SPACE)]


def error_of(answer: httpx.Response) -> str:
    info = ElementTree.fromstring(answer.content).find(".//v:INFO[@name='QUERY_STATUS']", SPACE)
    assert info is not None and info.get("value") == "ERROR" and info.text
    return info.text


def numbers(answer: httpx.Response) -> list[int]:
    return [int(n) for n in table_of(answer)["n"]]
