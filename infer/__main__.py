"""`python -m infer`, the same as the command `exportbench`."""

from __future__ import annotations

import contextlib
import signal
import sys
from types import FrameType

from .supported_systems import obstacle

# exit_status.py has them too; an interrupt may come while that is imported.
_WRONG_USAGE, _INTERRUPTED = 2, 130


def main() -> int:
    """Run the command line; return the exit status.

    Ctrl-C ends it at any time, never with a traceback: the first ends a run and keeps its results,
    the second ends it at once, and later ones are ignored. SIGTERM and SIGHUP are the same.
    """
    if reason := obstacle():
        print(f"error: {reason}", file=sys.stderr)
        return _WRONG_USAGE
    # Ctrl-C; what ends a job (`timeout`, a CI service, `docker stop`); a terminal that was closed.
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    status = _INTERRUPTED
    with contextlib.suppress(KeyboardInterrupt):
        interrupts = _Interrupts()
        for number in signals:
            # What is ignored stays so, as under nohup.
            if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
                signal.signal(number, interrupts)
        from .cli.main import main as run

        status = run()
    with contextlib.suppress(KeyboardInterrupt):
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
    return status


class _Interrupts:
    """Raises KeyboardInterrupt, as Python does, but at most twice."""

    def __init__(self) -> None:
        self._left = 2

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._left:
            self._left -= 1
            raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
