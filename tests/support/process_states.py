"""What processes of tests do: whether they live, rest, and what they have written."""

import time

import psutil

FOREVER_S = 600
# How long anything may take that should happen at once, on a busy machine.
SOON_S = 20


def wait_until(condition, seconds=SOON_S):
    """Wait for a condition to be true; return what it returned."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.05)
    raise AssertionError(f"not so within {seconds} s: {condition.__name__}")


def alive(pid) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def stopped(pid) -> bool:
    """Whether a process is stopped; one that is gone is not."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False


def sandboxed(controller):
    """A controller's workers and the process that reads files for it, each with its command."""
    result = {}
    for child in psutil.Process(controller).children():
        try:
            words = child.cmdline()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if any(word.endswith("bootstrap.py") for word in words):
            result[child] = words
    return result


def workers(controller):
    """A controller's workers, without the process that reads files."""
    return [
        process
        for process, words in sandboxed(controller).items()
        if not any(word.startswith("sandbox.") for word in words)
    ]


def results(folder):
    return list(folder.glob("runs/*/results.jsonl"))
