"""Cut-outs of data that are not for everybody, and of companions on grids of their own: a service with a home
of its own, whose files no archive lists."""

from __future__ import annotations

import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import requests
from astropy.io import fits
from bulk_client import BulkJob, as_csv, cuts_of, upload
from large_cubes import LargeCube, write_cube
from live_archive import check_error, image_of
from live_service import LiveService, until
from product_files import write_product
from service_processes import run_command
from slow_webs import Gates
from web_servers import Web, serve

from vo_service.access.tokens import make_token
from vo_service.store import Catalogue
from vo_service.store.tokens import TokenTable

FAR: Final = ("far1.fits", "far2.fits")
FAR_ROWS: Final = 20
SHAPE: Final = (1, 8, 20, 24)
REDSHIFT: Final = 0.002
LINE_HZ: Final = 230.538e9 / (1 + REDSHIFT)


def write(path: Path, shape: tuple[int, ...] = SHAPE, **cards: object) -> None:
    """An image with random pixels."""
    base = {"SPECSYS": "BARYCENT", "CRVAL3": LINE_HZ, "CRPIX3": 4.0, "CRPIX1": 12.0, "CRPIX2": 10.0}
    write_product(path, shape, **(base | cards))
    with fits.open(path, mode="update") as hdus:
        hdus[0].data[:] = np.random.default_rng(len(path.name)).normal(size=shape)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("rights")
    write(place / "one.image.fits", ZSOURCE=REDSHIFT, SSYSSRC="BARYCENT", RESTFRQ=230.538e9)
    write(place / "one.pb.fits", (1, 1, 20, 24), CRPIX3=1.0, BUNIT=None)  # one channel for all
    write(
        place / "one.mask.fits",
        (1, 8, 10, 12),
        CDELT1=-2e-4,
        CDELT2=2e-4,
        CRPIX1=6.25,
        CRPIX2=5.25,
        OBJECT="M83",
    )
    write(place / "bad.image.fits", OBJECT="M87")
    write(place / "bad.pb.fits", (1, 4, 20, 24), CDELT3=2e6, CRPIX3=2.25, OBJECT="M87", BUNIT=None)
    return place


@pytest.fixture(scope="module")
def cube(place: Path) -> LargeCube:
    """One that takes long to look through."""
    return write_cube(place / "large.fits", 4096, 512, [])


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    place = tmp_path_factory.mktemp("far")
    for number, name in enumerate(FAR):
        write_cube(place / name, 24, 2, range(2), seed=10 * number)
    with serve(place) as web:
        yield web


class Closed(LiveService):
    """A service whose unlisted files are for those with a token of that scope: alice, not bob."""

    tokens: dict[str, str]

    def ask(
        self, who: str, method: str, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> requests.Response:
        """A request of alice's, bob's or nobody's."""
        if who in self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        where = {"data": form} if method == "POST" else {"params": form}
        address = path if path.startswith("http") else f"{self.url}/{path}"
        return requests.request(method, address, headers=headers, timeout=120, **where)

    def identifier(self, name: str) -> str:
        """The product_id of a file."""
        query = f"SELECT product_id FROM holdings.product WHERE path = '{name}'"
        form = {"LANG": "ADQL", "RESPONSEFORMAT": "csv", "QUERY": query}
        return self.ask("alice", "POST", "tap/sync", form).text.split()[1]

    def cut(self, name: str, **wanted: str) -> requests.Response:
        """What alice gets of a file."""
        return self.ask("alice", "GET", "soda/sync", {"ID": self.identifier(name), **wanted})

    def run(self, who: str, form: dict[str, str]) -> str:
        """URL of a job that was started."""
        return self.ask(who, "POST", "soda/async", {**form, "PHASE": "RUN"}).url

    def phase_of(self, who: str, job: str) -> str:
        return self.ask(who, "GET", f"{job}/phase").text


@pytest.fixture(scope="module")
def service(
    place: Path, cube: LargeCube, web: Web, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Closed]:
    home = tmp_path_factory.mktemp("rights-home") / "home"
    run_command(home, "ingest", "--no-pixels", str(place), f"{web.url}/")
    settings = {"VO_SERVICE_DIGEST_BYTES": "20KiB", "VO_SERVICE_UNLISTED": "closed"}
    service = Closed(home, workers=1, settings=settings)
    service.tokens = {}
    for subject, scope in (("alice", ["--scope", "read:all"]), ("bob", [])):
        told = run_command(home, "token", "create", subject, *scope, "--json").stdout
        service.tokens[subject] = json.loads(told)["text"]
    service.start()
    yield service
    service.stop()


def test_the_redshift_of_a_line_is_that_of_the_header(service: Closed) -> None:
    # the line is in the middle of channel 4, channels are 1 MHz (1.3 km/s) wide
    stated = service.cut("one.image.fits", LINE="CO(2-1)", WIDTH="2.8")
    assert stated.status_code == 200, stated.text
    header, pixels = image_of(stated.content)
    assert pixels.shape[1] == 3 and header["CRPIX3"] == 2.0
    given = service.cut("one.image.fits", LINE="CO(2-1)", WIDTH="2.8", Z=str(REDSHIFT))
    assert image_of(given.content)[1].tobytes() == pixels.tobytes()
    with_pb = service.cut("one.image.fits", LINE="CO(2-1)", WIDTH="2.8", WITH="mask")
    assert image_of(with_pb.content, "MASK")[1].shape[1] == 3  # which states no redshift
    unknown = service.cut("bad.image.fits", LINE="CO(2-1)")
    check_error(unknown, 400, "UsageError", "redshift", "Z")


def test_a_companion_of_one_channel_goes_with_all(service: Closed, place: Path) -> None:
    answer = service.cut("one.image.fits", CHANNELS="3 5", PIXELS="5 9 6 8", WITH="pb")
    assert answer.status_code == 200, answer.text
    assert image_of(answer.content, "PRIMARY")[1].shape == (1, 3, 3, 5)
    whole = image_of((place / "one.pb.fits").read_bytes())[1]
    assert image_of(answer.content, "PB")[1].tobytes() == whole[:, :, 5:8, 4:9].tobytes()


def test_a_companion_on_a_grid_of_its_own_is_cut_by_the_same_shape(service: Closed, place: Path) -> None:
    wanted = {"CIRCLE": "204.25 -29.87 0.00031", "WITH": "mask"}
    answer = service.cut("one.image.fits", **wanted)
    assert answer.status_code == 200, answer.text
    # 3.1 pixels of the image and 1.55 of the mask round pixels (12, 10) and (6.25, 5.25), counted from 1
    assert image_of(answer.content, "PRIMARY")[1].shape[-2:] == (7, 7)
    header, pixels = image_of(answer.content, "MASK")
    whole = image_of((place / "one.mask.fits").read_bytes())[1]
    assert pixels.tobytes() == whole[:, :, 3:7, 4:8].tobytes()
    assert (header["CRPIX1"], header["CRPIX2"]) == (6.25 - 4, 5.25 - 3)
    check_error(
        service.cut("one.image.fits", PIXELS="5 9 6 8", WITH="mask"), 400, "UsageError", "PIXELS", "shape"
    )
    check_error(
        service.cut("bad.image.fits", CHANNELS="3 5", WITH="pb"), 400, "UsageError", "CHANNELS", "BAND"
    )


def test_large_results_are_digested_for_nobody(service: Closed) -> None:
    # RFC 9530: as far as digest_bytes
    form = {"ID": service.identifier("one.image.fits")}
    sizes = {}
    for channels in ("1 1", "1 8"):
        wanted = {**form, "CHANNELS": channels}
        answer = service.ask("alice", "GET", "soda/sync", wanted, **{"Want-Repr-Digest": "sha-256=1"})
        sizes[int(answer.headers["Content-Length"])] = "Repr-Digest" in answer.headers
    assert all(told == (size <= 20 * 1024) for size, told in sizes.items())
    assert set(sizes.values()) == {True, False}


def workers_on(service: Closed, cube: LargeCube) -> list[str]:
    """Processes of this machine that have the cube open and are none of the server's."""
    server = {str(pid) for pid in service.workers_now()}
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.readlink() == cube.path:
                found.add(link.parts[2])
        except OSError:  # closed meanwhile, or another user's
            continue
    return sorted(found - server)


def test_the_work_ends_when_its_client_leaves(service: Closed, cube: LargeCube) -> None:
    # design 5.9: the process that computes is gone, the service answers others
    name = service.identifier(cube.path.name)
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(
            f"GET /soda/sync?ID={name}&MOMENT=8&CHANNELS=1+511 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {service.tokens['alice']}\r\n\r\n".encode()
        )
        assert until(lambda: workers_on(service, cube))
    assert until(lambda: not workers_on(service, cube))
    assert service.cut("one.image.fits", MOMENT="8").status_code == 200


@pytest.mark.parametrize("command", ["ABORT", "DELETE"])
def test_the_work_ends_with_its_job(service: Closed, cube: LargeCube, command: str) -> None:
    # SODA-002, SODA-063, UWS-031, UWS-116
    form = {"ID": service.identifier(cube.path.name), "MOMENT": "8", "CHANNELS": "2 512"}
    job = service.run("alice", form)
    assert until(lambda: workers_on(service, cube)), service.phase_of("alice", job)
    assert service.phase_of("alice", job) == "EXECUTING"
    if command == "ABORT":
        service.ask("alice", "POST", f"{job}/phase", {"PHASE": "ABORT"})
        assert service.phase_of("alice", job) == "ABORTED"
        explained = service.ask("alice", "GET", f"{job}/error")
        assert explained.status_code == 200 and explained.text.startswith("Error: The job was aborted")
        assert "cutout" not in service.ask("alice", "GET", f"{job}/results").text
    else:
        service.ask("alice", "DELETE", job)
        assert service.ask("alice", "GET", job).status_code == 404
    assert until(lambda: not workers_on(service, cube))


@pytest.mark.parametrize(
    "wanted",
    [{}, {"MOMENT": "0"}, {"SPECTRUM": "mean"}, {"HEADER": "1"}, {"CHANNELS": "99 99"}, {"WITH": "pb"}],
    ids=lambda wanted: "&".join(wanted) or "all",
)
def test_only_those_with_the_right_get_pixels(service: Closed, wanted: dict[str, str]) -> None:
    # SODA-055, AUTH-030: 401 where a token could help, 403 where it does not
    form = {"ID": service.identifier("one.image.fits"), **wanted}
    had = service.ask("alice", "GET", "soda/sync", form)
    assert had.status_code == (204 if "CHANNELS" in wanted else 200)
    if had.status_code == 200:
        assert "private" in had.headers["Cache-Control"]
    # what alice had lies in the cache perhaps, and opens nothing to others
    tag = {"If-None-Match": had.headers.get("ETag", '"x"')}
    for headers in ({}, tag, {"Range": "bytes=0-9"}):
        nobody = service.ask("nobody", "GET", "soda/sync", form, **headers)
        check_error(nobody, 401, "AuthenticationError", "not public")
        assert "Bearer" in nobody.headers["WWW-Authenticate"]
        bob = service.ask("bob", "GET", "soda/sync", form, **headers)
        check_error(bob, 403, "AuthorizationError", "not public")


def test_a_job_has_the_rights_of_its_owner(service: Closed) -> None:
    # SODA-062: without the right a text, and no byte of the data
    form = {"ID": service.identifier("one.image.fits"), "MOMENT": "0"}
    results = {}
    for who in ("nobody", "bob", "alice"):
        job = service.run(who, form)
        assert until(lambda of=who, at=job: service.phase_of(of, at) in ("COMPLETED", "ERROR"))
        assert service.phase_of(who, job) == "COMPLETED"
        results[who] = service.ask(who, "GET", f"{job}/results/cutout-001")
    assert results["alice"].content == service.ask("alice", "GET", "soda/sync", form).content
    for who in ("nobody", "bob"):
        check_text = results[who]
        assert check_text.headers["Content-Type"].startswith("text/plain")
        assert check_text.text.startswith("AuthorizationError: ") and "not public" in check_text.text


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def table_of(name: str, count: int) -> bytes:
    """Rows that ask for small pieces of a file, one after the other."""
    rows = [(name, f"204.25 {-29.87 + 1e-6 * number!r} 2e-4") for number in range(count)]
    return as_csv(("id", "circle"), rows)


@pytest.mark.parametrize(
    "wanted", [{}, {"MOMENT": "0"}, {"WITH": "pb"}], ids=lambda one: "&".join(one) or "all"
)
def test_the_rows_of_a_table_have_the_rights_of_its_owner(service: Closed, wanted: dict[str, str]) -> None:
    name = service.identifier("one.image.fits")
    states = {}
    for who in ("nobody", "bob", "alice"):
        headers = bearer(service.tokens[who]) if who in service.tokens else {}
        job = upload(service.url, table_of(name, 3), headers=headers, **wanted)
        states[who] = job.completed()
        if who != "alice":
            assert job.parts() == {}
            assert all(row["state"] == "forbidden" and "not public" in row["reason"] for row in states[who])
            continue
        cuts = cuts_of(job.parts(), states[who])
        for number in range(3):
            alone = service.cut("one.image.fits", CIRCLE=f"204.25 {-29.87 + 1e-6 * number!r} 2e-4", **wanted)
            assert alone.status_code == 200 and cuts[number + 1] == alone.content
        for other in ("nobody", "bob"):  # the parts of a job are for those who may see it
            for address in (job.address, *job.results().values()):
                assert service.ask(other, "GET", address).status_code in (401, 403)


def phase_in(home: Path, job: BulkJob) -> str:
    """The phase of a job that nobody may see at present."""
    with sqlite3.connect(home / "catalogue.sqlite") as catalogue:
        wanted = (job.address.rpartition("/")[2],)
        (found,) = catalogue.execute("SELECT phase FROM job WHERE job_id = ?", wanted).fetchone()
    catalogue.close()
    return str(found)


@contextmanager
def tokens_of(service: Closed) -> Iterator[TokenTable]:
    """Those of a service that runs."""
    catalogue = Catalogue.open_in(service.home)
    yield TokenTable(catalogue)
    catalogue.close()


def give_token(service: Closed, subject: str) -> tuple[str, str]:
    """Id and text of a new token with all rights."""
    made = make_token(subject, frozenset({"read:all"}), datetime.now(UTC), None)
    with tokens_of(service) as tokens:
        tokens.add(made.stored)
    return made.stored.token_id, made.text


def test_a_token_that_is_revoked_meanwhile_ends_what_it_opened(service: Closed, web: Web) -> None:
    # AUTH-031: what was taken before stays, and nothing comes after
    gates = Gates(web, FAR[1:])
    token, text = give_token(service, "carol")
    names = [service.identifier(name) for name in FAR]
    circle = "204.2499 -29.8699 1e-4"
    rows = [(name, circle) for name in names for _ in range(FAR_ROWS)]
    job = upload(service.url, as_csv(("id", "circle"), rows), headers=bearer(text))
    assert until(lambda: gates.is_waited_at(0)), "the second file is not read"
    with tokens_of(service) as tokens:
        assert tokens.revoke(token, datetime.now(UTC))
    assert until(lambda: job.get(job.address).status_code == 401), "the service does not hear of it"
    gates.open(0)
    assert until(lambda: phase_in(service.home, job) == "COMPLETED", 120)
    _, text = give_token(service, "carol")  # who has the right again sees what there was
    again = BulkJob(job.address, bearer(text))
    states = again.states()
    assert [row["input_row"] for row in states] == list(range(1, len(rows) + 1))
    done = sum(row["state"] == "done" for row in states)
    assert FAR_ROWS <= done <= FAR_ROWS + 1  # of the second file the one that was just being read
    assert {row["state"] for row in states[done:]} == {"forbidden"}
    assert all("revoked" in row["reason"] for row in states[done:])
    assert len(cuts_of(again.parts(), states)) == done
