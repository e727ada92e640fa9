"""Many identifiers at once, of all kinds: each told rightly, in little memory, and the sample's own."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from link_house import ALONE, CLOSED, CLOSED_UID, CUBE, OPEN_UID, PB, House, Links
from test_links_rows import check_rows, place_of

from vo_service.access import ANONYMOUS
from vo_service.asking.queries import Asker
from vo_service.dali.parameters import Form
from vo_service.dali.streams import Cancellation
from vo_service.datalink.answering import LinkAnswer, Room
from vo_service.datalink.formats import links_format
from vo_service.datalink.request import read_request

SYNC = "/datalink/sync"
MALFORMED = (
    "Bad One",
    "ivo://elsewhere.example/obs?x",
    "uid://nothing",
    "a" * 400,
    "<TD>",
    "täglich",
    "a/b",
    "..",
)


def mixed(house: House, count: int) -> list[tuple[str, str]]:
    """Identifiers, each once, and what is to be told of each."""
    chance = random.Random(5)
    with house.app.state.service.current.use() as (snapshot, _):
        stones = snapshot.read("holdings.tombstone").to_pylist()
    assert stones
    known = [
        (house.did(CUBE), "fine"),
        (house.data_sets[ALONE], "fine"),
        (house.products[PB], "fine"),
        (OPEN_UID, "fine"),
        (house.did(CLOSED), "closed"),
        (CLOSED_UID, "closed"),
        *((stone["product_id"], "withdrawn") for stone in stones),
        *((stone["dataset_id"], "withdrawn") for stone in stones),
        *((text, "malformed") for text in MALFORMED),
        ("uid://A001/X1/Xfff", "unknown"),
    ]
    unknown = [(f"nothing-{number}", "unknown") for number in range(count - len(known))]
    found = [*known, *unknown]
    chance.shuffle(found)
    return found


def told_of(links: Links, successor: str) -> dict[str, str]:
    """What rows tell of each identifier; what was withdrawn has to lead to its ``successor``."""
    told: dict[str, str] = {}
    for row in links.rows:
        message = str(row.error_message or "")
        match message.partition(":")[0]:
            case "UsageFault":
                kind = "malformed"
            case "NotFoundFault":
                kind = "withdrawn" if "withdrawn" in message else "unknown"
                assert (successor in message) == (kind == "withdrawn"), message
            case _:
                kind = "closed" if row.semantics == "#this" and row.link_authorized == "F" else "fine"
        if told.get(str(row.ID)) != "closed":
            told[str(row.ID)] = kind
    return told


@pytest.mark.parametrize("how", ["form", "multipart"])
def test_many_identifiers_are_told_each_rightly(house: House, how: str) -> None:
    # DL-002, DL-066, and the order of DL-030
    wanted = mixed(house, 1200)
    if how == "form":
        answer = house.ask(SYNC, method="POST", data={"ID": [each for each, _ in wanted]})
    else:
        answer = house.ask(SYNC, method="POST", files=[("ID", (None, each)) for each, _ in wanted])
    assert answer.status_code == 200
    links = Links(answer.content)
    check_rows(links)
    assert links.statuses == ["OK"]
    told = told_of(links, f"http://t/files/{house.products[ALONE]}")
    assert list(told.items()) == wanted
    assert len(links.services) <= 6 + 50


def answer_of(house: House, ids: list[str]) -> Iterator[bytes]:
    """The bytes of an answer as they are made."""
    form = Form({"ID": tuple(ids)})
    service = house.app.state.service
    (handler,) = [route.endpoint.__self__ for route in service.routes() if getattr(route, "path", "") == SYNC]
    asker = Asker(ANONYMOUS, house.now, "http://t", 100.0, None)
    answer = LinkAnswer(
        handler._source, read_request(form), asker, links_format(form), False, False, False, Room(None)
    )
    return answer.pieces(Cancellation())


def test_memory_does_not_grow_with_the_identifiers(house: House) -> None:
    peaks = []
    for count in (500, 5000):
        blanks = (f"{number:b}".replace("0", " ").replace("1", "\t") for number in range(count - 1))
        ids = [house.products[PB], *(f"{house.did(CUBE)}{each}" for each in blanks)]
        tracemalloc.start()
        size = sum(len(piece) for piece in answer_of(house, ids))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert size > 4000 * count
    assert peaks[1] < peaks[0] + (8 << 20)


def test_identifiers_asked_for_again_ask_nobody(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from vo_service.engines import StoredRows

    ids = [house.did(CUBE), house.data_sets[CLOSED]]
    first = house.links(*ids)
    asked: list[str] = []
    find = StoredRows.find

    def counted(self: StoredRows, table: str, columns: Any, wanted: Any) -> Any:
        if all(wanted.values()):
            asked.append(table)
        return find(self, table, columns, wanted)

    monkeypatch.setattr(StoredRows, "find", counted)
    assert [row.cells for row in house.links(*ids).rows] == [row.cells for row in first.rows]
    assert asked == []


def identifiers_of(sample: House) -> dict[str, list[str]]:
    """All that the sample has: data sets, archive rows, files, members."""
    with sample.app.state.service.current.use() as (snapshot, _):
        obscore = snapshot.read("ivoa.obscore").to_pylist()
        products = snapshot.read("holdings.product").to_pylist()
    return {
        "dids": [row["obs_publisher_did"] for row in obscore],
        "products": [row["product_id"] for row in products],
        "members": sorted({row["member_ous_uid"] for row in (*obscore, *products)} - {None}),
    }


def test_everything_in_the_sample_has_links(sample: House) -> None:
    # DL-024, DL-025, DL-066
    for ids in identifiers_of(sample).values():
        links = sample.links(*ids)
        check_rows(links)
        assert list(dict.fromkeys(row.ID for row in links.rows)) == ids
        assert [row for row in links.rows if row.error_message is not None] == []
        assert {row.ID for row in links.of("#this")} >= {
            row.ID for row in links.rows if row.local_semantics == "cutout"
        }


def test_sizes_are_those_that_the_files_have(sample: House) -> None:
    # DL-043
    links = sample.links(*identifiers_of(sample)["products"])
    files = {place_of(row): row for row in links.rows if "/files/" in str(row.access_url)}
    assert len(files) > 300
    for row in files.values():
        answer = sample.ask(str(row.access_url), method="HEAD")
        if row.link_authorized == "F":
            assert answer.status_code in (401, 403)
        else:
            assert answer.status_code == 200, row
            assert answer.headers["Content-Length"] == row.content_length
            assert answer.headers["Content-Type"].partition(";")[0] == row.content_type


def check_address(sample: House, row: Any) -> None:
    """An address of ours answers as its row says."""
    method = "GET" if row.local_semantics in ("header", "repairs") else "HEAD"
    answer: httpx.Response = sample.ask(str(row.access_url), method=method)
    assert answer.status_code in ((401, 403) if row.link_authorized == "F" else (200,)), (row, answer.text)
    if answer.status_code == 200:
        # HIPS-119: that is what clients know a tree by; at its root there is its page
        told = "text/html" if row.content_type == "application/hips" else str(row.content_type)
        assert answer.headers["Content-Type"].startswith(told), row


def test_addresses_of_data_sets_answer(sample: House) -> None:
    # DL-032, DL-041: of some data sets, and of all those whose pictures might be missing
    dids = identifiers_of(sample)["dids"]
    chosen = [each for each in dids if "empty" in each or "mef" in each] + dids[::60]
    seen = set()
    for row in sample.links(*chosen).rows:
        if str(row.access_url).startswith("http://t/") and row.access_url not in seen:
            seen.add(row.access_url)
            if row.semantics != "#package" and row.local_semantics != "package-list":
                check_address(sample, row)
    assert len(seen) > 30
