"""Cut-outs of cubes that no memory holds, by a live server: exact bytes, little memory, nothing read in vain.

The cubes are sparse, with real pixels in and round the planes that are asked for. Bytes read are those that
the server's processes have asked the kernel for (``rchar``), whether from the disk or the page cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from large_cubes import BLOCK, LargeCube, soda_id, write_cube
from live_service import LiveService
from service_processes import run_command

GB = 1 << 30
MOST_MORE_MB = 100
MOST_READ = 1_000_000

Serve = Callable[[list[LargeCube]], LiveService]


@pytest.fixture(scope="module")
def serve(tmp_path_factory) -> Iterator[Serve]:
    """Serves the cubes of a directory from a home of their own, warm by a request for a small one."""
    running = []

    def start(cubes: list[LargeCube]) -> LiveService:
        place = cubes[0].path.parent
        small = write_cube(place / "small.fits", 128, 4, [])
        home = tmp_path_factory.mktemp("large") / "home"
        run_command(home, "ingest", "--no-pixels", str(place))
        service = LiveService(home, workers=1).start()
        running.append(service)
        assert cut(service, small, CHANNELS="1 1").status_code == 200
        for cube in cubes:
            soda_id(service, cube.path)  # known before anything is measured
        return service

    yield start
    for service in running:
        service.stop()


@pytest.fixture(scope="module")
def cube_2gb(tmp_path_factory) -> LargeCube:
    return write_cube(tmp_path_factory.mktemp("cubes") / "cube_2gb.fits", 1024, 512, range(255, 258))


@pytest.fixture(scope="module")
def cube_64gb(cube_2gb: LargeCube) -> LargeCube:
    return write_cube(cube_2gb.path.with_name("cube_64gb.fits"), 4096, 1024, [1023])


@pytest.fixture(scope="module")
def service(serve: Serve, cube_2gb: LargeCube, cube_64gb: LargeCube) -> LiveService:
    return serve([cube_2gb, cube_64gb])


def test_one_channel_of_a_2_gb_cube_takes_little(service: LiveService, cube_2gb: LargeCube) -> None:
    assert_takes_little(service, cube_2gb, 256)


@pytest.mark.soak
def test_one_channel_of_a_20_gb_cube_takes_little(serve: Serve, tmp_path_factory) -> None:
    cube = write_cube(tmp_path_factory.mktemp("cubes20") / "cube_20gb.fits", 2048, 1280, range(1200, 1203))
    assert cube.data_bytes == 20 * GB
    assert_takes_little(serve([cube]), cube, 1201)


def assert_takes_little(service: LiveService, cube: LargeCube, channel: int) -> None:
    """100 x 100 pixels of one channel: exact, with less than 100 MB more memory and 1 MB read, though nothing
    of this cube was asked for before."""
    x, y = range(300, 400), range(500, 600)
    forget_peaks(service)
    memory, read = process_figure(service, "status", "VmRSS:"), process_figure(service, "io", "rchar:")
    answer = cut(service, cube, PIXELS="301 400 501 600", CHANNELS=f"{channel + 1} {channel + 1}")
    read = process_figure(service, "io", "rchar:") - read
    more = process_figure(service, "status", "VmHWM:") - memory
    assert pixels_of(answer, len(x) * len(y) * 4) == cube.stored(x, y, range(channel, channel + 1))
    assert any(answer.content[-BLOCK * 2 :]), "these pixels are real"
    assert len(x) * len(y) * 4 <= read < MOST_READ
    assert more / 1024 < MOST_MORE_MB


def test_planes_beside_those_wanted_are_not_read(service: LiveService, cube_2gb: LargeCube) -> None:
    """A plane is read with less than a tenth more than its bytes."""
    read = process_figure(service, "io", "rchar:")
    answer = cut(service, cube_2gb, CHANNELS="257 257")
    read = process_figure(service, "io", "rchar:") - read
    everything = range(cube_2gb.side)
    assert pixels_of(answer, cube_2gb.plane_bytes) == cube_2gb.stored(everything, everything, range(256, 257))
    assert read <= 1.1 * cube_2gb.plane_bytes


@pytest.mark.parametrize("channel", [0, 63, 64, 1023])
def test_the_far_end_of_a_64_gb_cube_is_exact(
    service: LiveService, cube_64gb: LargeCube, channel: int
) -> None:
    """Below and beyond 2^32, in the last pixels of the last plane: places in a file have 64 bits."""
    corner = range(cube_64gb.side - 100, cube_64gb.side)
    answer = cut(
        service,
        cube_64gb,
        PIXELS=f"{corner.start + 1} {corner.stop} {corner.start + 1} {corner.stop}",
        CHANNELS=f"{channel + 1} {channel + 1}",
    )
    expected = cube_64gb.stored(corner, corner, range(channel, channel + 1))
    assert any(expected) == (channel == 1023)
    assert pixels_of(answer, len(expected)) == expected


def test_a_cut_of_64_gb_is_planned_and_any_part_of_it_is_sent(
    service: LiveService, cube_64gb: LargeCube
) -> None:
    """All of a cube but a column: its length is known at once, and a part at its end needs none before it."""
    cube, kept = cube_64gb, cube_64gb.side - 1
    size = kept * cube.side * cube.channels * 4
    wanted = {"PIXELS": f"2 {cube.side} 1 {cube.side}"}
    whole = cut(service, cube, "HEAD", **wanted)
    length = int(whole.headers["Content-Length"])
    head = length - size - -size % BLOCK
    assert whole.status_code == 200 and head % BLOCK == 0 and 0 < head <= 4 * BLOCK
    rows = range(cube.side - 30, cube.side)
    first = head + size - len(rows) * kept * 4
    read = process_figure(service, "io", "rchar:")
    part = cut(service, cube, headers={"Range": f"bytes={first}-{head + size - 1}"}, **wanted)
    assert part.status_code == 206
    assert part.headers["Content-Range"] == f"bytes {first}-{head + size - 1}/{length}"
    assert part.content == cube.stored(range(1, cube.side), rows, range(1023, 1024))
    assert process_figure(service, "io", "rchar:") - read < MOST_READ


def cut(
    service: LiveService,
    cube: LargeCube,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    **wanted: str,
) -> requests.Response:
    """What is answered to the request for a cut of a cube."""
    form = {"ID": soda_id(service, cube.path), **wanted}
    headers = {"Connection": "close", **(headers or {})}
    return requests.request(method, f"{service.url}/soda/sync", params=form, headers=headers, timeout=120)


def pixels_of(answer: requests.Response, size: int) -> bytes:
    """The pixels in a cut with one HDU."""
    assert answer.status_code == 200, answer.text
    assert len(answer.content) == int(answer.headers["Content-Length"])
    head = len(answer.content) - size - -size % BLOCK
    assert answer.content[:6] == b"SIMPLE" and head % BLOCK == 0
    assert answer.content[head + size :] == bytes(-size % BLOCK)
    return answer.content[head : head + size]


def processes(service: LiveService) -> list[int]:
    assert service.process is not None
    return [service.process.pid, *service.children()]


def process_figure(service: LiveService, file: str, name: str) -> int:
    """A figure of /proc, of all processes of the service together; memory is in kB."""
    total = 0
    for pid in processes(service):
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith(name))
    return total


def forget_peaks(service: LiveService) -> None:
    """VmHWM begins anew at what the memory is now."""
    for pid in processes(service):
        Path(f"/proc/{pid}/clear_refs").write_text("5")
