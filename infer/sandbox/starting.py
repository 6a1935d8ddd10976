"""Start processes from a thread that lives as long as this process.

Linux ends a process of ours when the thread that started it ends (PR_SET_PDEATHSIG in prctl(2)),
and a program may load a model in a thread that ends before the model is used.
"""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def start_process(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a process, with the options of `subprocess.Popen`.

    Raises:
        OSError: it cannot be started.
    """

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, **options)

    return _starter(os.getpid()).submit(start).result()


@functools.cache
def _starter(process: int) -> ThreadPoolExecutor:
    """The thread of a process; a process that was forked has none of its parent's threads."""
    return ThreadPoolExecutor(1, "exportbench-starter")
