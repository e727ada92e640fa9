"""What a client finds of trees behind an address, whoever serves them: the checks of HiPS trees that ask no
more than HTTP, each named after its row in the list of requirements."""

from __future__ import annotations

import gzip
import io
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from urllib.parse import urljoin, urlsplit

import numpy as np
import requests
from astropy.io import fits
from mocpy import MOC
from PIL import Image

MANDATORY = (
    "creator_did obs_title dataproduct_type hips_version hips_release_date hips_status hips_tile_format "
    "hips_order hips_frame"
).split()
REPEATED = (
    "prov_progenitor bib_reference bib_reference_url obs_regime data_ucd hips_history client_link "
    "addendum_did"
).split()
STATUS = ({"public", "private"}, {"master", "mirror", "partial"}, {"clonable", "unclonable", "clonableOnce"})
ENDINGS = {"png": "png", "jpeg": "jpg", "fits": "fits", "webp": "webp", "tsv": "tsv"}
TYPES = {
    "png": ("image/png",), "jpg": ("image/jpeg",), "fits": ("application/fits", "image/fits"),
    "webp": ("image/webp",), "tsv": ("text/tab-separated-values",),
}  # fmt: skip
MAGIC = {
    "png": b"\x89PNG\r\n\x1a\n",
    "jpg": b"\xff\xd8\xff",
    "fits": b"SIMPLE  =",
    "webp": b"RIFF",
    "tsv": b"",
}
BITPIX = ("-64", "-32", "8", "16", "32", "64")
Pairs = list[tuple[str, str]]


def pairs_of(text: str) -> Pairs:
    """Lines of properties: comments, blanks, or ``key = value``."""
    found = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            assert re.fullmatch(r"[^\s=]+\s*=.*", line), line
            key, _, value = line.partition("=")
            found.append((key.strip(), value.strip()))
    return found


@dataclass
class Tree:
    """A tree by the address of its root, as a client reads it. Draws are the same each time."""

    base: str
    seed: int = 1
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str = "", method: str = "GET", **headers: str) -> requests.Response:
        """A file below the root."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{self.base}/{path}" if path else self.base
        return self.session.request(method, url, headers=sent, timeout=60, allow_redirects=False)

    @cached_property
    def properties(self) -> dict[str, str]:
        return dict(pairs_of(self.get("properties").content.decode("utf-8")))

    @property
    def order(self) -> int:
        return int(self.properties["hips_order"])

    @property
    def first_order(self) -> int:
        return int(self.properties.get("hips_order_min", "3"))

    @property
    def endings(self) -> list[str]:
        return [ENDINGS[word] for word in self.properties["hips_tile_format"].split()]

    @cached_property
    def moc(self) -> MOC:
        return MOC.from_fits(io.BytesIO(self.get("Moc.fits").content))

    def cells(self, order: int) -> np.ndarray:
        """Cells of an order that hold any data."""
        return self.moc.to_order(order).flatten()

    def drawn(self, order: int, count: int = 20) -> list[int]:
        """Some cells with data."""
        cells = self.cells(order)
        chosen = np.random.default_rng(self.seed).permutation(len(cells))[:count]
        return sorted(int(cell) for cell in cells[chosen])

    def outside(self, order: int, count: int = 20) -> list[int]:
        """Some cells without, most of them far from those with data, and some right beside."""
        cells = set(self.cells(order).tolist())
        random = np.random.default_rng(self.seed)
        near = [cell ^ int(random.integers(1, 64)) for cell in random.choice(sorted(cells), count)]
        far = random.integers(0, 12 * 4**order, count).tolist()
        return [cell for cell in (*near, *far) if cell not in cells and cell < 12 * 4**order][:count]


def tile(order: int, cell: int, ending: str) -> str:
    """The path of a tile (HIPS-001)."""
    return f"Norder{order}/Dir{cell // 10000 * 10000}/Npix{cell}.{ending}"


def check_properties(base: str) -> None:
    """CHK-H01 to -H03."""
    for address in (base, f"{base}/"):
        answer = requests.get(urljoin(f"{address.rstrip('/')}/", "properties"), timeout=60)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].lower() == "text/plain; charset=utf-8"
        pairs = pairs_of(answer.content.decode("utf-8"))
    assert requests.get(base, timeout=60).ok and requests.get(f"{base}/", timeout=60).ok  # HIPS-087
    keys = [key for key, _ in pairs]
    known = dict(pairs)
    assert not [key for key in MANDATORY if not known.get(key)]
    assert not [key for key in keys if keys.count(key) > 1 and key not in REPEATED]
    assert re.fullmatch(r"ivo://[^\s/]+/\S+", known["creator_did"])
    assert known["dataproduct_type"] in ("image", "cube", "catalog")
    for key in ("hips_release_date", "hips_creation_date"):
        if key in known:
            datetime.strptime(known[key], "%Y-%m-%dT%H:%MZ")
    words = known["hips_status"].split()
    assert all(sum(word in group for word in words) <= 1 for group in STATUS)
    assert set(words) <= set().union(*STATUS) and len(words) <= 3
    assert known["hips_tile_format"].split() and set(known["hips_tile_format"].split()) <= set(ENDINGS)
    assert 0 <= int(known["hips_order"]) <= 29
    assert known["hips_frame"] in ("equatorial", "galactic", "ecliptic")
    width = int(known.get("hips_tile_width", "512"))
    assert width & (width - 1) == 0
    for key in ("hips_pixel_cut", "hips_data_range"):
        if key in known:
            low, high = map(float, known[key].split())
            assert low < high
    assert known.get("hips_pixel_bitpix", "8") in BITPIX
    assert 0.0 <= float(known.get("moc_sky_fraction", "0")) <= 1.0


def check_tiles(tree: Tree) -> None:
    """CHK-H05 to -H07 and -H13: every ancestor of covered cells, in every format."""
    assert abs(tree.moc.sky_fraction / float(tree.properties["moc_sky_fraction"]) - 1.0) < 0.01
    wanted = {
        (order, cell >> 2 * (tree.order - order))
        for cell in tree.drawn(tree.order)
        for order in range(tree.first_order, tree.order + 1)
    }
    blanks = 0
    for order, cell in sorted(wanted):
        for ending in tree.endings:
            blanks += check_tile(tree, order, cell, ending)
    assert blanks > 0 or "tsv" in tree.endings


def check_tile(tree: Tree, order: int, cell: int, ending: str) -> int:
    """It is there, of its type and width; how many of its pixels are blank."""
    answer = tree.get(tile(order, cell, ending))
    assert answer.status_code == 200, (order, cell, ending, answer.text[:200])
    assert answer.headers["Content-Type"].partition(";")[0] in TYPES[ending]
    assert answer.content.startswith(MAGIC[ending])
    width = int(tree.properties.get("hips_tile_width", "512"))
    if ending == "fits":
        with fits.open(io.BytesIO(answer.content)) as hdus:
            assert hdus[0].data.shape == (width, width)
            assert hdus[0].header["BITPIX"] == int(tree.properties["hips_pixel_bitpix"])
            assert hdus[0].header.get("ORDER", order) == order
            assert hdus[0].header.get("NPIX", cell) == cell
            return int(np.isnan(hdus[0].data).sum())
    if ending == "png":
        image = Image.open(io.BytesIO(answer.content))
        assert image.size == (width, width)
        return int((np.asarray(image.convert("RGBA"))[..., 3] == 0).sum())
    return 0


def check_outside(tree: Tree) -> None:
    """CHK-H08, HIPS-121, HIPS-122."""
    for order in {tree.order, 3}:
        for cell in tree.outside(order):
            for ending in tree.endings:
                started = time.perf_counter()
                answer = tree.get(tile(order, cell, ending))
                assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (404, "*")
                assert len(answer.content) < 4096
                assert time.perf_counter() - started < 1.0


def check_children(tree: Tree) -> None:
    """CHK-H09."""
    for order in range(tree.first_order, tree.order):
        below = set(tree.cells(order + 1).tolist())
        for cell in tree.drawn(order, 5):
            for child in range(4 * cell, 4 * cell + 4):
                for ending in tree.endings:
                    status = tree.get(tile(order + 1, child, ending), "HEAD").status_code
                    assert status == (200 if child in below else 404), (order + 1, child, ending)
    for cell in tree.drawn(tree.order, 5):
        for ending in tree.endings:
            assert tree.get(tile(tree.order + 1, 4 * cell, ending)).status_code == 404


def check_root(tree: Tree) -> None:
    """CHK-H15, and the types of the files at the root (HIPS-123)."""
    preview = tree.get("preview.jpg")
    assert preview.headers["Content-Type"] == "image/jpeg"
    image = Image.open(io.BytesIO(preview.content))
    assert (image.format, image.size) == ("JPEG", (256, 256))
    page = tree.get("index.html")
    assert page.headers["Content-Type"].partition(";")[0] == "text/html"
    assert page.content.lower().startswith(b"<!doctype html")
    assert page.content == tree.get().content
    for link in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        target = urljoin(f"{tree.base}/", link)
        assert requests.get(target, timeout=60).ok, link
    assert tree.get("Moc.fits").headers["Content-Type"] in TYPES["fits"]


def check_list(listed: str) -> list[str]:
    """CHK-H19; the addresses of all trees."""
    answer = requests.get(listed, timeout=60)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].lower() == "text/plain; charset=utf-8"
    records = [pairs_of(part) for part in re.split(r"\n[ \t]*\n", answer.content.decode("utf-8"))]
    addresses = []
    for record in filter(None, records):
        known = dict(record)
        assert len(known) == len([key for key, _ in record if key not in REPEATED]) + len(
            {key for key, _ in record if key in REPEATED}
        )
        address = known["hips_service_url"]
        parts = urlsplit(address)
        assert parts.scheme in ("http", "https") and parts.netloc and not address.endswith("/")
        assert known["hips_status"]
        check_properties(address)
        tree = Tree(address)
        for key in ("creator_did", "hips_release_date"):
            assert known[key] == tree.properties[key]
        addresses.append(address)
    return addresses


def check_headers(tree: Tree) -> None:
    """CHK-H20, HIPS-120, HIPS-124, HIPS-125."""
    cell = tree.drawn(tree.order, 1)[0]
    there = [tile(tree.order, cell, ending) for ending in tree.endings]
    for path in ("properties", "Moc.fits", *there, "Norder3/Dir0/Npix9999999.png", "no-such-file"):
        answer = tree.get(path)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Set-Cookie" not in answer.headers and "Location" not in answer.headers
        assert "Cache-Control" in answer.headers
        head = tree.get(path, "HEAD")
        assert (head.status_code, head.content) == (answer.status_code, b"")
        same = ("Content-Type", "Content-Length", "ETag", "Last-Modified", "Cache-Control")
        assert {key: head.headers.get(key) for key in same} == {key: answer.headers.get(key) for key in same}
        if answer.ok:
            assert int(answer.headers["Content-Length"]) == len(raw_body(tree, path))
            known = tree.get(path, If_None_Match=answer.headers["ETag"])
            assert (known.status_code, known.content) == (304, b"")
            assert known.headers["ETag"] == answer.headers["ETag"]
            assert known.headers["Access-Control-Allow-Origin"] == "*"
            assert tree.get(path, If_None_Match='"other"').status_code == 200


def raw_body(tree: Tree, path: str) -> bytes:
    """The bytes of an answer as they are sent."""
    with tree.session.get(f"{tree.base}/{path}", timeout=60, stream=True) as answer:
        body: bytes = answer.raw.read(decode_content=False)
    if answer.headers.get("Content-Encoding") == "gzip":
        assert gzip.decompress(body) == tree.get(path).content
    return body


def check_crowd(tree: Tree, at_once: int = 64) -> float:
    """CHK-H22: that many tiles at a time, again and again; the 95 % quantile of seconds."""
    paths = [
        tile(order, cell, ending)
        for order in range(tree.first_order, tree.order + 1)
        for cell in tree.drawn(order, 4)
        for ending in tree.endings
    ]
    asked = (paths * (1 + 5 * at_once // len(paths)))[: 5 * at_once]
    local = threading.local()
    together = threading.Barrier(at_once)

    def ask(number: int) -> float:
        if not hasattr(local, "session"):
            local.session = requests.Session()
            together.wait()
        started = time.perf_counter()
        answer = local.session.get(f"{tree.base}/{asked[number]}", timeout=60)
        assert answer.status_code == 200, (asked[number], answer.text[:200])
        return time.perf_counter() - started

    with ThreadPoolExecutor(at_once) as crowd:
        seconds = sorted(crowd.map(ask, range(len(asked))))
    return seconds[int(0.95 * len(seconds))]
