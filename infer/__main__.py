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
    the second ends it at once, and later ones are ignored.
    """
    if reason := obstacle():
        print(f"error: {reason}", file=sys.stderr)
        return _WRONG_USAGE
    status = _INTERRUPTED
    with contextlib.suppress(KeyboardInterrupt):
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _Interrupts())
        from .cli.main import main as run

        status = run()
    with contextlib.suppress(KeyboardInterrupt):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
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
