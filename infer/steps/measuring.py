"""Measure a plan, for the commands, the functions and the pytest plugin."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from ..best_effort import best_effort
from ..errors import MeasurementError, OptionError, StoreError
from ..exit_status import INTERRUPTED
from ..measure.plan import Plan
from ..measure.session import Run
from ..records.store import RESULTS, Store
from ..regular_file import replace_text
from ..report import markdown
from ..results.reproduction import resume_command
from ..results.summarizing import summarize
from ..results.summary import Summary
from ..stderr import print_line
from .progress_bar import progress
from .source_inputs import remove_stored_inputs, with_stored_inputs


def new_run(root: Path) -> Store:
    """Create the store of a new run, in a new folder below `root`.

    Raises:
        UsageError: the folder cannot be created.
    """
    name = time.strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{index}" for index in range(1, 100))):
        try:
            return Store(root / f"{name}{suffix}")
        except (FileExistsError, StoreError):
            continue
        except OSError as error:
            raise OptionError("out", root, str(error.strerror)) from None
    raise OptionError("out", root, "too many runs in this second")


def measure(plan: Plan, store: Store, command: Sequence[str]) -> Summary:
    """Measure a plan, and write the report beside the results.

    Raises:
        InputError: the inputs cannot be read.
        MeasurementError: the results cannot be written, or it was interrupted twice.
    """
    for notice in plan.notices:
        print_line(notice)
    try:
        with progress() as tell:
            plan = with_stored_inputs(plan, store.folder, tell)
            Run(plan, store, tell).run(list(command))
        summary = summarize(store.events)
        if plan.stored and not summary.interrupted:
            remove_stored_inputs(store.folder)
        if report := best_effort(lambda: markdown.render(summary), "", _no_report):
            replace_text(store.folder / "report.md", report)
    except OSError as error:
        raise MeasurementError(f"{_what(error)}; {_remedy(store)}") from None
    except KeyboardInterrupt:  # a second one, while the run was being ended
        raise MeasurementError(f"interrupted; {_remedy(store)}", INTERRUPTED) from None
    finally:
        store.close()
        if not store.events:
            _remove_empty(store)
    return summary


def _remove_empty(store: Store) -> None:
    """Remove the folder of a run of which nothing was recorded: no command takes it for a run."""
    with contextlib.suppress(OSError):
        (store.folder / RESULTS).unlink()
        store.folder.rmdir()


def _no_report(error: Exception) -> None:
    print_line(f"report.md is missing ({type(error).__name__}: {error})")


def _remedy(store: Store) -> str:
    if not store.events:
        return "nothing was measured"
    return f"what was measured is kept; go on with: {resume_command(store.folder)}"


def _what(error: OSError) -> str:
    if not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
