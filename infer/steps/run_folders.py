"""Read the folder of a run; where that is costly, in a process with limits first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ..codec import DecodeError
from ..errors import UsageError
from ..records.store import RESULTS, read_events
from ..results import recorded_run
from ..results.recorded_run import RecordedRun
from ..sandbox.reader_limits import TIME_S, limited_process, run_limited
from ..system.process_answer import AnswerTooLongError

# Records of so many bytes are read within some seconds, and hold no more than some hundred
# megabytes; larger ones are read in a limited process first.
_CHEAP_BYTES = 16 << 20


def read_run(folder: Path, inputs: Sequence[Path] = ()) -> RecordedRun:
    """Read a run, as `results.recorded_run.read_run` does.

    Raises:
        UsageError: the folder holds no run, or one that cannot be read within the limits.
    """
    check_costly(folder)
    return recorded_run.read_run(folder, inputs)


def check_costly(folder: Path, timeout_s: float = TIME_S) -> None:
    """Read large records in a process with limits, before this one does.

    Args:
        folder: the folder of a run.
        timeout_s: seconds after which the process is ended.

    Raises:
        UsageError: they cannot be read within the limits.
    """
    path = folder / RESULTS
    try:
        if path.lstat().st_size <= _CHEAP_BYTES:
            return
    except OSError:
        return  # what reads them tells why it cannot
    try:
        answered = run_limited(
            "steps.run_folders", str(folder), reads=[folder], timeout_s=timeout_s
        )
        answer = answered.decoded(dict[str, int | str], str(path))
    except TimeoutError:
        raise UsageError(f"{path}: not read within {timeout_s:g} s") from None
    except (DecodeError, AnswerTooLongError):
        raise UsageError(f"{path}: takes more memory to read than it may") from None
    if "error" in answer:
        raise UsageError(str(answer["error"]))


def main(arguments: list[str]) -> None:
    """Read the records of a run; runs in the limited process."""
    (folder,) = arguments
    with limited_process() as result:
        try:
            json.dump({"events": len(read_events(Path(folder)))}, result)
        except ValueError as error:
            json.dump({"error": str(error)}, result)
        except MemoryError:
            pass  # no answer says so
