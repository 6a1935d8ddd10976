"""Workers that a server forks when it has imported their runtime: one of the ways compared."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from infer.artifacts.artifact import Artifact
from infer.worker.client import WorkerProcess

# Forks a worker for every line it reads.
SERVER = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
import infer.sandbox.parent_death
import infer.worker.server
from infer.runtimes.registry import RUNTIMES, runtimes_for
RUNTIMES[runtimes_for(sys.argv[2])[0]].load()
import time
print("ready", flush=True)
for line in sys.stdin:
    job = json.loads(line)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.chdir(job["cwd"])
        for number, path, flags in ((0, job["in"], os.O_RDONLY), (1, job["out"], os.O_WRONLY)):
            os.dup2(os.open(path, flags), number)
        sys.stdin = os.fdopen(0, "r")
        infer.sandbox.parent_death.die_with_parent()
        infer.worker.server.main(time.perf_counter_ns(), {})
        os._exit(0)
    print(pid, flush=True)
"""


class Server:
    """Forks workers that have imported their runtime already.

    Args:
        format_name: of the artifacts.
        folder: for the workers' pipes.
    """

    def __init__(self, format_name: str, folder: Path) -> None:
        self.folder = folder
        self._format = format_name
        self._number = 0
        self._process: subprocess.Popen[str] | None = None

    def fork(self, environment: Mapping[str, str]) -> tuple[int, Any, Any]:
        """Process number, and the ends of the pipes to a new worker and from it.

        Args:
            environment: of the server, which its first worker starts.
        """
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", SERVER, str(ROOT), self._format],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=dict(environment),
            )
            assert self._process.stdout
            self._process.stdout.readline()
        assert self._process.stdin and self._process.stdout
        self._number += 1
        paths = [self.folder / f"{end}-{self._number}" for end in ("in", "out")]
        for path in paths:
            path.unlink(missing_ok=True)  # of the server before
            os.mkfifo(path)
        job = {"in": str(paths[0]), "out": str(paths[1]), "cwd": str(self.folder)}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        return pid, paths[0].open("wb"), paths[1].open("rb")

    def close(self) -> None:
        """End the server."""
        if self._process:
            self._process.kill()
            self._process.communicate()


class _Forked:
    """Stands for `subprocess.Popen` of a worker that a server has forked."""

    def __init__(self, pid: int, stdin: Any, stdout: Any) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout

    def wait(self, timeout: float | None = None) -> int:
        return -signal.SIGKILL

    def poll(self) -> int | None:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return -signal.SIGKILL
        return None


class ForkedWorker(WorkerProcess):
    """A worker of a server, and otherwise as any other."""

    def __init__(self, artifact: Artifact, server: Server, **process: Any) -> None:
        self._server = server
        super().__init__(artifact, **process)

    def _spawn(self) -> None:
        self.started = time.perf_counter()
        self._process = _Forked(*self._server.fork(self._environment))  # type: ignore[assignment]
        self._log_start = 0
        self._connect()

    def _have_compiled(self) -> bool:
        return False  # the server has imported all of it
