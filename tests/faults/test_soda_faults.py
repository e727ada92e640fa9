"""Cut-outs while clients leave, cubes change under the service, and its processes are killed.

Whatever happens, what a client has got is the beginning of one answer about one state of one file: it is
whole, or seen to be short.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from http.client import HTTPResponse, IncompleteRead
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
import requests
from large_cubes import BLOCK, LargeCube, noise, soda_id, write_cube
from live_service import LiveService, until
from service_processes import run_command

SIDE, CHANNELS = 512, 24  # 24 MB: more than lies between a server and a client that does not read
ALL = f"1 {CHANNELS}"
DEEP = 64  # channels of what has to be unpacked
DEEPER = 512  # with those behind them, all zeros, it takes long enough to be met at it
NAMES = ("resumed", "replaced", "rewritten", "renamed", "halved", "shortened", "gone", "killed")


@pytest.fixture(scope="module")
def cubes(tmp_path_factory) -> dict[str, LargeCube]:
    """A cube for each fault, all different."""
    place = tmp_path_factory.mktemp("cubes")
    made = {
        name: write_cube(place / f"{name}.fits", SIDE, CHANNELS, range(CHANNELS), seed=1000 * number)
        for number, name in enumerate(NAMES)
    }
    os.truncate(made["halved"].path, made["halved"].path.stat().st_size // 2)
    made["packed"] = pack(write_cube(place / "packed.fits", SIDE, DEEPER, range(DEEP)))
    return made


def pack(cube: LargeCube) -> LargeCube:
    """The cube as a gzip file in its place."""
    packed = cube.path.with_suffix(".fits.gz")
    with cube.path.open("rb") as plain, gzip.open(packed, "wb", 1) as file:
        shutil.copyfileobj(plain, file)
    cube.path.unlink()
    return replace(cube, path=packed)


@pytest.fixture(scope="module")
def service(cubes: dict[str, LargeCube], tmp_path_factory) -> Iterator[LiveService]:
    home = tmp_path_factory.mktemp("soda-faults") / "home"
    run_command(home, "ingest", "--no-pixels", str(cubes["resumed"].path.parent))
    service = LiveService(home).start()
    assert until(service.is_whole)
    yield service
    service.stop()  # nothing in its log looks like a bug


@pytest.mark.parametrize("part", [0.0001, 0.3, 0.9999])
def test_a_client_that_left_goes_on_where_it_stopped(
    service: LiveService, cubes: dict[str, LargeCube], part: float
) -> None:
    # SODA-045: the same request gives the same bytes
    cube = cubes["resumed"]
    whole = get(service, cube)
    assert whole.status_code == 200 and whole.headers["Accept-Ranges"] == "bytes"
    place = int(part * len(whole.content))
    with begin(service, cube) as answer:
        tag = answer.headers["ETag"]
        first = answer.read(place)
    rest = get(service, cube, **{"Range": f"bytes={place}-", "If-Range": tag})
    assert rest.status_code == 206
    assert rest.headers["Content-Range"] == f"bytes {place}-{len(whole.content) - 1}/{len(whole.content)}"
    assert digest(first + rest.content) == digest(whole.content)
    assert until(lambda: not workers_with(service, cube.path)), "a file stays open though its client left"


def test_a_cube_that_was_replaced_before_the_request_is_refused(
    service: LiveService, cubes: dict[str, LargeCube]
) -> None:
    cube = cubes["replaced"]
    tag = get(service, cube).headers["ETag"]
    rewrite(cube)
    for conditions in ({}, {"Range": "bytes=100-", "If-Range": tag}, {"If-None-Match": tag}):
        refused = get(service, cube, **conditions)
        assert refused.status_code == 409 and "has changed since it was ingested" in refused.text


def test_a_cube_that_changes_while_it_is_sent_breaks_the_answer_off(
    service: LiveService, cubes: dict[str, LargeCube]
) -> None:
    """What has come is the beginning of the old answer; the new bytes are never among it."""
    cube = cubes["rewritten"]
    old = get(service, cube).content
    with begin(service, cube) as answer:
        first = answer.read(10 * BLOCK)
        rewrite(cube)
        with pytest.raises(IncompleteRead) as short:
            answer.read()
    came = first + short.value.partial
    assert len(came) < len(old)
    assert digest(came) == digest(old[: len(came)])
    assert until(lambda: "answer broken off" in service.log)
    assert get(service, cube).status_code == 409


def test_a_cube_that_is_replaced_by_renaming_is_sent_to_its_end_and_never_mixed(
    service: LiveService, cubes: dict[str, LargeCube]
) -> None:
    """The open file is the old one, whatever its name leads to; a part that is asked for later is refused,
    and after the next ingest it is the whole new answer."""
    cube = cubes["renamed"]
    whole = get(service, cube)
    old, tag = whole.content, whole.headers["ETag"]
    other = write_cube(cube.path.with_suffix(".new"), SIDE, CHANNELS, range(CHANNELS), seed=77)
    with begin(service, cube) as answer:
        first = answer.read(10 * BLOCK)
        other.path.rename(cube.path)
        came = first + answer.read()
    assert digest(came) == digest(old)
    part = {"Range": f"bytes={len(first)}-", "If-Range": tag}
    assert get(service, cube, **part).status_code == 409
    run_command(service.home, "ingest", "--no-pixels", str(cube.path.parent))
    assert until(lambda: get(service, cube, **part).status_code == 200)
    new = get(service, cube, **part)
    assert new.headers["ETag"] != tag and len(new.content) == int(new.headers["Content-Length"])
    assert digest(new.content) != digest(old)
    assert pixels(new.content) == cube.stored(range(1, SIDE), range(SIDE), range(CHANNELS))


def test_a_cube_that_ends_early_is_no_image(service: LiveService, cubes: dict[str, LargeCube]) -> None:
    refused = get(service, cubes["halved"])
    assert refused.status_code == 400
    assert (
        refused.text.startswith("UsageError") and "no pixels that can be taken out" in refused.text
    )  # SODA-054
    assert "truncated" in refused.text or "ends" in refused.text or "missing" in refused.text


def test_a_cube_that_became_shorter_is_refused(service: LiveService, cubes: dict[str, LargeCube]) -> None:
    cube = cubes["shortened"]
    assert get(service, cube, "HEAD").status_code == 200
    os.truncate(cube.path, cube.start + cube.data_bytes // 2)
    refused = get(service, cube)
    assert refused.status_code == 409 and "has changed since it was ingested" in refused.text


def test_a_cube_that_has_gone_is_gone(service: LiveService, cubes: dict[str, LargeCube]) -> None:
    cube = cubes["gone"]
    assert get(service, cube, "HEAD").status_code == 200
    cube.path.unlink()
    refused = get(service, cube)
    assert refused.status_code == 410 and "has gone since it was ingested" in refused.text


def test_a_worker_that_is_killed_ends_its_answers_short_and_another_goes_on(
    service: LiveService, cubes: dict[str, LargeCube]
) -> None:
    cube = cubes["killed"]
    whole = get(service, cube).content
    assert until(lambda: not workers_with(service, cube.path))
    with begin(service, cube) as answer:
        tag = answer.headers["ETag"]
        first = answer.read(10 * BLOCK)
        (worker,) = workers_with(service, cube.path)
        os.kill(worker, signal.SIGKILL)
        came = first + rest_of(answer)
    assert len(came) < len(whole) and digest(came) == digest(whole[: len(came)])
    assert until(lambda: answers(service, cube))
    rest = get(service, cube, **{"Range": f"bytes={len(came)}-", "If-Range": tag})
    assert rest.status_code == 206 and digest(came + rest.content) == digest(whole)
    assert until(lambda: worker not in service.workers_now() and service.is_whole())


def test_a_process_that_is_killed_while_it_computes_is_told_of_and_its_work_begun_anew(
    service: LiveService, cubes: dict[str, LargeCube]
) -> None:
    cube = cubes["packed"]
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(get, service, cube, channels=f"1 {DEEPER}")
        os.kill(computing(service, cube, asked), signal.SIGKILL)
        refused = asked.result()
    assert refused.status_code == 503 and refused.text.startswith("ServiceUnavailable")  # SODA-054
    assert "process that computed" in refused.text and "Retry-After" in refused.headers
    assert list((service.home / "cache" / "new").iterdir()) == [], "what was begun lies about"
    assert get(service, cube, **{"Range": "bytes=0-5"}).content == b"SIMPLE"


def test_computing_ends_with_the_worker_that_is_killed(
    service: LiveService, cubes: dict[str, LargeCube]
) -> None:
    cube = cubes["packed"]
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(get, service, cube, channels=f"2 {DEEPER}")
        computing(service, cube, asked)
        (worker,) = workers_with(service, cube.path)
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(requests.ConnectionError):
            asked.result()
    assert until(lambda: not processes_with(cube.path)), "nobody waits for it, and it goes on"
    assert until(lambda: worker not in service.workers_now() and service.is_whole())
    again = get(service, cube, channels="2 60")
    with gzip.open(cube.path) as unpacked:
        unpacked.seek(cube.start + cube.plane_bytes)
        planes = np.frombuffer(unpacked.read(59 * cube.plane_bytes), ">f4").reshape(59, SIDE, SIDE)
    assert pixels(again.content, 59) == planes[:, :, 1:].tobytes()


def computing(service: LiveService, cube: LargeCube, asked: Future[requests.Response]) -> int:
    """The process that computes from a cube, as soon as there is one: forked below a worker."""
    while True:
        assert not asked.done(), f"nobody was seen to compute it: {asked.result()}"
        forkers = [pid for worker in service.workers_now() for pid in children(worker)]
        for pid in (pid for forker in forkers for pid in children(forker)):
            if is_forked(pid) and has_open(pid, cube.path):
                return pid


def children(pid: int) -> list[int]:
    """The processes that a process has started; none of one that has ended."""
    try:
        tasks = [
            Path(f"/proc/{pid}/task/{task.name}/children") for task in Path(f"/proc/{pid}/task").iterdir()
        ]
        return [int(word) for task in tasks for word in task.read_text().split()]
    except OSError:
        return []


def is_forked(pid: int) -> bool:
    """Whether a process was forked to compute. The worker has another command; so has what is about to become
    the process that forks them, with all files that the worker has open."""
    try:
        return b"multiprocessing.forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended
        return False


def address(service: LiveService, cube: LargeCube, channels: str) -> str:
    wanted = {"PIXELS": f"2 {SIDE} 1 {SIDE}", "CHANNELS": channels}  # all but a column: row by row
    return f"/soda/sync?{urlencode({'ID': soda_id(service, cube.path), **wanted})}"


def get(
    service: LiveService, cube: LargeCube, method: str = "GET", channels: str = ALL, **headers: str
) -> requests.Response:
    """The whole answer, on a connection of its own."""
    headers = {"Connection": "close", **headers}
    return requests.request(
        method, service.url + address(service, cube, channels), headers=headers, timeout=60
    )


def begin(service: LiveService, cube: LargeCube) -> HTTPResponse:
    """An answer of which the head was read, by a client that takes little at a time."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
    connection.settimeout(60)
    connection.connect(("127.0.0.1", service.port))
    connection.sendall(
        f"GET {address(service, cube, ALL)} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
    )
    answer = HTTPResponse(connection)
    connection.close()  # with the answer
    answer.begin()
    assert answer.status == 200
    return answer


def rest_of(answer: HTTPResponse) -> bytes:
    """What still comes of an answer whose server was killed: it ends, or is reset."""
    came = b""
    try:
        while piece := answer.read1(1 << 16):
            came += piece
    except (IncompleteRead, ConnectionResetError):
        pass
    return came


def rewrite(cube: LargeCube) -> None:
    """Other pixels in all of the same file."""
    with cube.path.open("r+b") as file:
        file.seek(cube.start)
        for channel in range(CHANNELS):
            file.write(noise(cube, 5_000_000 + channel).tobytes())


def answers(service: LiveService, cube: LargeCube) -> bool:
    try:
        return get(service, cube, "HEAD").status_code == 200
    except requests.RequestException:
        return False


def workers_with(service: LiveService, path: Path) -> list[int]:
    """The server processes that have a file open."""
    return [pid for pid in service.workers_now() if has_open(pid, path)]


def processes_with(path: Path) -> list[int]:
    """All processes that have a file open."""
    return [pid for pid in processes() if has_open(pid, path)]


def processes() -> list[int]:
    return [int(place.name) for place in Path("/proc").glob("[0-9]*")]


def has_open(pid: int, path: Path) -> bool:
    try:
        links = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:  # it has ended, or is somebody else's
        return False
    return any(leads_to(link, path) for link in links)


def leads_to(link: Path, path: Path) -> bool:
    try:
        return link.readlink() == path
    except OSError:  # closed meanwhile
        return False


def pixels(content: bytes, channels: int = CHANNELS) -> bytes:
    size = (SIDE - 1) * SIDE * channels * 4
    head = len(content) - size - -size % BLOCK
    return content[head : head + size]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
