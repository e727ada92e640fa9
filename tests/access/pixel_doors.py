"""The ways to pixels that are tried by those without the right, and what a refusal has to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
from pixel_house import House

REASON = "proprietary until 2031-05-01T00:00:00Z"
HERE, ELSEWHERE = "204.25 -29.87 0.0005", "10 40 0.001"
LATER = "Fri, 01 Jan 2100 00:00:00 GMT"
MOST = 300
"""Bytes of a refusal: some words, and the number of the request."""
TELLTALES = (
    "accept-ranges", "content-disposition", "content-range", "etag", "last-modified", "link", "repr-digest",
    "x-vo-reason",
)  # fmt: skip
"""Headers that would tell something of what is not given."""


@dataclass(frozen=True)
class Door:
    """A way to pixels of the file or data set ``of``, which stands in ``path`` as {file} or {set}; ``also``
    are headers that are sent."""

    name: str
    path: str
    of: str = "closed"
    method: str = "GET"
    also: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    """Of the answer to those with the right."""

    def address(self, house: House) -> str:
        return self.path.format(file=house.products.get(self.of), set=house.data_sets.get(self.of))


def soda(words: str, name: str = "set") -> str:
    return f"/soda/sync?ID={{{name}}}&{words}".rstrip("&").replace(" ", "+")


def picture(kind: str, name: str = "set") -> str:
    return f"/previews/{{{name}}}/{kind}.png"


KINDS = ("thumbnail", "spectrum", "moment0", "moment1", "moment8")
TREE = {
    "picture": "preview.jpg",
    "allsky": "Norder3/Allsky.png",
    "values": "Norder3/Allsky.fits",
    "frame": "Norder3/Allsky_6.fits",
}
"""Files of a tree in which all is of pixels; what its description says changes with the right."""
DOORS = (
    Door("file", "/files/{file}"),
    Door("file-version", "/files/{file}?version=1"),
    Door("file-range", "/files/{file}", also={"Range": "bytes=2880-2999"}, status=206),
    Door("file-ranges", "/files/{file}", also={"Range": "bytes=0-9,2880-2999"}, status=206),
    Door("file-beyond", "/files/{file}", also={"Range": "bytes=99999999-"}, status=416),
    Door("file-digest", "/files/{file}", also={"Want-Repr-Digest": "sha-256=1"}),
    Door("file-any", "/files/{file}", also={"If-None-Match": "*"}, status=304),
    Door("file-other", "/files/{file}", also={"If-Match": '"other"'}, status=412),
    Door("file-since", "/files/{file}", also={"If-Modified-Since": LATER}, status=304),
    Door("file-packed", "/files/{file}", "packed"),
    Door("file-tiled", "/files/{file}", "tiled"),
    Door("file-companion", "/files/{file}", "closed-pb"),
    Door("file-of-public", "/files/{file}", "public-pb"),
    Door("file-of-tar", "/files/{file}", "within"),
    Door("tar", "/files/{file}", "tar"),
    Door("tar-range", "/files/{file}", "tar", also={"Range": "bytes=5000-5009"}, status=206),
    Door("cut", soda("")),
    Door("cut-by-file", soda("", "file")),
    Door("cut-by-did", "/soda/sync?ID=ivo://example.test/obs%3F{set}"),
    Door("cut-circle", soda(f"CIRCLE={HERE}")),
    Door("cut-elsewhere", soda(f"CIRCLE={ELSEWHERE}"), status=204),
    Door("cut-channels", soda("CHANNELS=3 4")),
    Door("cut-beyond", soda("CHANNELS=300 400"), status=204),
    Door("cut-range", soda("CHANNELS=3 4"), also={"Range": "bytes=8640-8700"}, status=206),
    Door("cut-digest", soda("CHANNELS=3 4"), also={"Want-Repr-Digest": "sha-256=1"}),
    Door("cut-any", soda("CHANNELS=3 4"), also={"If-None-Match": "*"}, status=304),
    Door("cut-packed", soda("CHANNELS=3 4"), "packed"),
    Door("cut-tiled", soda("CHANNELS=3 4"), "tiled"),
    Door("cut-of-tar", soda("CHANNELS=3 4"), "within"),
    Door("cut-companion", soda("CHANNELS=3 4", "file"), "public-pb"),
    Door("header", soda("CHANNELS=3 4&HEADER=1")),
    Door("with", soda("CHANNELS=3 4&WITH=pb")),
    Door("with-private", soda("CHANNELS=3 4&WITH=pb"), "public"),
    Door("with-private-elsewhere", soda(f"CIRCLE={ELSEWHERE}&WITH=pb"), "public", status=204),
    Door("with-private-blank", soda(f"CIRCLE={HERE}&WITH=pb&OUTSIDE=blank"), "public"),
    Door("with-public", soda("CHANNELS=3 4&WITH=mask"), "masked"),
    Door("with-unknown", soda("WITH=psf"), status=400),
    Door("no-such-line", soda("LINE=CO(2-1)"), status=400),
    Door("blank", soda(f"CIRCLE={HERE}&OUTSIDE=blank")),
    Door("rebin", soda("REBIN=4 4 2")),
    *(Door(f"moment-{order}", soda(f"MOMENT={order}")) for order in (0, 1, 2, 8)),
    *(Door(f"spectrum-{kind}", soda(f"CIRCLE={HERE}&SPECTRUM={kind}")) for kind in ("mean", "sum", "flux")),
    Door("spectrum-nowhere", soda(f"CIRCLE={ELSEWHERE}&SPECTRUM=mean"), status=204),
    Door("preview", "/previews/{set}.png"),
    Door("preview-by-file", "/previews/{file}.png"),
    Door("preview-range", "/previews/{set}.png", also={"Range": "bytes=0-9"}, status=206),
    Door("preview-companion", "/previews/{file}.png", "public-pb"),
    Door("preview-packed", "/previews/{set}.png", "packed"),
    Door("preview-of-tar", "/previews/{file}.png", "within"),
    *(Door(kind, picture(kind)) for kind in KINDS),
    Door("package", "/packages/tar?ID={file}"),
    Door("package-of-set", "/packages/tar?ID={set}"),
    Door("package-of-role", "/packages/tar?ID={set}&ROLE=pb"),
    Door("package-of-query", "/packages/tar?QUERY=SELECT+DISTINCT+dataset_id+FROM+holdings.product"
         "+WHERE+product_id='{file}'"),
    Door("package-range", "/packages/tar?ID={file}", also={"Range": "bytes=2880-2999"}, status=206),
    Door("package-any", "/packages/tar?ID={file}", also={"If-None-Match": "*"}, status=304),
    Door("package-other", "/packages/tar?ID={file}", also={"If-Match": '"other"'}, status=412),
    Door("package-of-packed", "/packages/tar?ID={file}", "packed"),
    Door("package-companion", "/packages/tar?ID={file}", "public-pb"),
    Door("package-of-tar", "/packages/tar?ID={file}", "within"),
    Door("package-tar", "/packages/tar?ID={file}", "tar"),
    *(Door(f"tree-{name}", f"/hips/{{set}}/{path}") for name, path in TREE.items()),
    Door("tree-range", "/hips/{set}/Norder3/Allsky.fits", status=206,
         also={"Range": "bytes=2880-2999", "Accept-Encoding": "identity"}),
    Door("tree-any", "/hips/{set}/preview.jpg", also={"If-None-Match": "*"}, status=304),
    Door("tree-nowhere", "/hips/{set}/Norder3/Dir0/Npix0.fits", status=404),
    Door("tree-of-packed", "/hips/{set}/Norder3/Allsky.fits", "packed"),
    Door("tree-of-tar", "/hips/{set}/Norder3/Allsky.png", "within"),
)  # fmt: skip
OF_JOBS = ("", *(f"/{name}" for name in (
    "phase", "executionduration", "destruction", "quote", "owner", "error", "parameters",
    "parameters/{name:path}", "results", "results/{name}",
)))  # fmt: skip
"""What stands behind the address of a job."""


def refused(house: House, door: Door, person: str, method: str = "GET", **headers: str) -> httpx.Response:
    """The refusal, as it has to be: words alone, and nothing done for it."""
    house.touched.clear()
    sent = {**door.also, **{name.replace("_", "-"): value for name, value in headers.items()}}
    answer = house.ask(door.address(house), person, method, sent)
    assert answer.status_code == (401 if person == "nobody" else 403), (answer.status_code, answer.text)
    assert house.touched == [], "the gate comes first"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert [name for name in TELLTALES if name in answer.headers] == []
    assert "Authorization" in answer.headers["Vary"]
    if method == "HEAD":
        assert answer.content == b""
        return answer
    assert len(answer.content) < MOST and answer.content.isascii()
    assert REASON in answer.text
    if door.path.startswith("/soda"):
        word = "AuthenticationError" if person == "nobody" else "AuthorizationError"
        assert answer.text.startswith(f"{word}: ")  # SODA-054
    return answer
