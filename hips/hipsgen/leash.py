"""A program on a leash: ``leash.py FOLDER COMMAND...`` runs COMMAND, and ends it with whoever started this.

Who started it holds the other end of its standard input. When that is closed, be it that the holder was
killed, COMMAND is killed. FOLDER, the command's private one, is gone afterwards. The exit status is the
command's; a command that a signal ended gives 128 and the signal. This is run as a file, without any of ours.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from threading import Thread


def main(folder: str, command: list[str]) -> int:
    try:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:  # noqa: S603  (our own command)
            Thread(target=_kill_with_pipe, args=(process,), daemon=True).start()
            code = process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 128 - code if code < 0 else code


def _kill_with_pipe(process: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1):
        pass
    process.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
