"""Chromium without a screen, spoken to over a pipe (DevTools protocol), with no way to other hosts."""

from __future__ import annotations

import base64
import io
import json
import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import F_DUPFD, fcntl
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]
PATIENCE = 60.0
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # a container's root has no other way
    "--use-angle=swiftshader",  # WebGL without a graphics card
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
)
_READS, _WRITES = 3, 4  # descriptors that the browser knows its pipe by


class Page:
    """One page. ``asked``: addresses it asked for; ``complaints``: what its console and its scripts said."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._write, self._read = to_browser, from_browser
        self._rest = b""
        self._last = 0
        self._session: str | None = None
        self.asked: list[str] = []
        self.complaints: list[str] = []

    def attach(self, width: int, height: int) -> None:
        """Take the browser's first page, with a window of that many pixels."""
        targets = self.call("Target.getTargets")["targetInfos"]
        target = next(one["targetId"] for one in targets if one["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def value(self, expression: str) -> Any:
        """The value of an expression of JavaScript, by way of JSON."""
        found = self.call("Runtime.evaluate", expression=f"JSON.stringify({expression})")
        assert "exceptionDetails" not in found, found
        return json.loads(found["result"].get("value", "null"))

    def wait_for(self, expression: str) -> None:
        """Until an expression of JavaScript is true."""
        end = time.monotonic() + PATIENCE
        while not self.value(expression):
            assert time.monotonic() < end, f"{expression} never came true; {self.complaints}"
            time.sleep(0.1)

    def picture(self) -> Picture:
        """What is seen: ``(rows, columns, 3)``."""
        shot = self.call("Page.captureScreenshot", format="png")["data"]
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(shot))).convert("RGB"))

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        self._last += 1
        message: dict[str, object] = {"id": self._last, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._last:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self._note(answer)

    def _next(self) -> dict[str, Any]:
        with selectors.DefaultSelector() as selector:
            selector.register(self._read, selectors.EVENT_READ)
            while b"\0" not in self._rest:
                assert selector.select(PATIENCE), "Chromium says nothing"
                block = os.read(self._read, 1 << 16)
                assert block, "Chromium has ended"
                self._rest += block
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict[str, Any]) -> None:
        told = event.get("params", {})
        if event["method"] == "Network.requestWillBeSent":
            self.asked.append(told["request"]["url"])
        elif event["method"] == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif event["method"] == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")


@contextmanager
def open_page(chromium: str, width: int, height: int) -> Iterator[Page]:
    """A page of a browser of its own, which leaves nothing behind."""
    to_browser, from_browser = os.pipe(), os.pipe()
    reads, writes = (fcntl(end, F_DUPFD, 10) for end in (to_browser[0], from_browser[1]))
    hand_over = f'exec "$@" {_READS}<&{reads} {_WRITES}>&{writes}'
    # a short name: it makes a socket in there
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as own:
        with Path(own, "said").open("wb") as said:
            browser = subprocess.Popen(
                ["bash", "-c", hand_over, "bash", chromium, *FLAGS, f"--user-data-dir={own}", "about:blank"],
                pass_fds=[reads, writes],
                stdout=said,
                stderr=said,
                env={**os.environ, "HOME": own, "TMPDIR": own},
                start_new_session=True,
            )
        for end in (reads, writes, to_browser[0], from_browser[1]):
            os.close(end)
        try:
            page = Page(to_browser[1], from_browser[0])
            page.attach(width, height)
            yield page
        finally:
            _end(browser)
            os.close(to_browser[1])
            os.close(from_browser[0])


def _end(browser: subprocess.Popen[bytes]) -> None:
    """All its processes are of one group."""
    with suppress(ProcessLookupError):
        os.killpg(browser.pid, 15)
    try:
        browser.wait(10.0)
    except subprocess.TimeoutExpired:
        os.killpg(browser.pid, 9)
        browser.wait()
