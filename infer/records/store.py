"""The store of a run: `results.jsonl`, one event a line, appended and flushed as it comes."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from ..codec import DecodeError, encode, from_json, parse_json, to_json
from ..errors import StoreError
from ..regular_file import NoRegularFileError, opened_file, opened_folder
from .event import SCHEMA_VERSION, Event
from .events import AnyEvent

RESULTS = "results.jsonl"
_MOST_BYTES = 4 << 30  # a day of measuring has some hundred megabytes

One = TypeVar("One", bound=Event)


class Store:
    """Appends events to a run's file, and gives access to its events.

    The file is locked as long as the store is open, so that no two programs write one run.
    """

    def __init__(self, folder: Path, *, resume: bool = False) -> None:
        """Open the store of a new run or, to resume, of an existing one.

        Raises:
            FileExistsError: a run exists there, and `resume` is false.
            StoreError: the folder is in use, or holds no run.
            OSError: it cannot be written.
        """
        self.folder = folder
        self.events: list[AnyEvent] = []
        self._of_type: dict[type, list[Any]] = {}
        self._latest: dict[type, dict[str, Any]] = {}
        if resume:
            try:
                read_events(folder)
            except ValueError as error:
                raise StoreError(str(error)) from None
        else:
            folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        flags |= 0 if resume else os.O_CREAT | os.O_EXCL
        # Unbuffered: a buffer would retry a write that failed on a full disk.
        self._file = os.fdopen(os.open(folder / RESULTS, flags, 0o666), "r+b", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise StoreError(f"{folder}: another program writes to this run") from None
        if resume:
            for event in read_events(folder):  # includes events written before the lock
                self._index(event)
            self._end_whole()

    def _end_whole(self) -> None:
        """Remove an incomplete last line, so that the next record starts a new line."""
        data = self._file.read()
        whole = data.rfind(b"\n") + 1
        try:
            parse_json(data[whole:] or b"null")
        except DecodeError:
            self._file.truncate(whole)
            self._file.seek(whole)
            return
        if data[whole:]:
            self._file.write(b"\n")

    def of_type(self, kind: type[One]) -> Sequence[One]:
        """The events of a type, in their order."""
        return self._of_type.get(kind, [])

    def latest(self, kind: type[One]) -> Mapping[str, One]:
        """The latest event of a type for each artifact, by label."""
        return self._latest.get(kind, {})

    def _index(self, event: AnyEvent) -> None:
        self.events.append(event)
        self._of_type.setdefault(type(event), []).append(event)
        label = getattr(event, "artifact", None)
        if label is not None:
            self._latest.setdefault(type(event), {})[label] = event

    def add(self, event: AnyEvent) -> None:
        """Write an event so that it outlives this process and, once on disk, the machine.

        Raises:
            DecodeError: a value has the wrong type; the file is unchanged.
            OSError: it cannot be written; the file is unchanged.
        """
        values = to_json(event)
        written: AnyEvent = from_json(AnyEvent, values)
        left = encode(values) + b"\n"
        with _whole():
            before = self._file.tell()
            try:
                while left:
                    left = left[self._file.write(left) :]
                os.fsync(self._file.fileno())
            except OSError as error:
                with suppress(OSError):
                    self._file.truncate(before)
                    self._file.seek(before)
                raise OSError(error.errno, error.strerror, str(self.folder / RESULTS)) from None
            self._index(written)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@contextmanager
def _whole() -> Iterator[None]:
    """Delay Ctrl-C until the block is done."""
    if threading.current_thread() is not threading.main_thread():  # Ctrl-C goes to that one
        yield
        return
    came = []
    before = signal.signal(signal.SIGINT, lambda *_: came.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came and callable(before):
        before(signal.SIGINT, None)


def read_events(folder: Path) -> list[AnyEvent]:
    """Read the events of a run; an incomplete last line is left out.

    Raises:
        ValueError: the folder holds no run, or a run with another schema.
    """
    path = folder / RESULTS
    try:
        # The folder may be a link that the user names; what is in it may not.
        with (
            opened_folder(folder.resolve()) as descriptor,
            opened_file(RESULTS, descriptor, _MOST_BYTES) as (file, _),
        ):
            lines = file.read().decode("utf-8").splitlines()
    except NoRegularFileError as error:
        raise ValueError(f"{path}: cannot be read ({error})") from None
    except (OSError, RuntimeError) as error:  # links in a circle
        raise ValueError(f"{path}: cannot be read ({error})") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not UTF-8 ({error.reason} at byte {error.start})") from None
    events: list[AnyEvent] = []
    for number, line in enumerate(lines, 1):
        try:
            record = parse_json(line)
        except DecodeError:
            if number == len(lines):
                break
            raise ValueError(f"{path}: line {number} is not JSON") from None
        if not isinstance(record, dict):
            raise ValueError(f"{path}: line {number} is not a record")
        if record.get("schema_version") != SCHEMA_VERSION:
            raise ValueError(
                f"{path}: line {number} has schema_version {record.get('schema_version')}, this "
                f"program reads {SCHEMA_VERSION}"
            )
        try:
            events.append(from_json(AnyEvent, record))
        except DecodeError as error:
            raise ValueError(f"{path}: line {number}: {error}") from None
    return events
