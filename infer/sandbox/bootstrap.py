"""Start a process of this program: make this package importable, and nothing else.

Run as a script, in Python's isolated mode, so that neither the folder of the project nor the
user's settings are on the import path: an artifact must load without the code that made it.

It ends with the process that started it. Before anything is imported it gives up what an artifact
must not do (sandbox/isolation.py): without the name of a module it is a worker, which may write in
its working directory, and behind `--cuda` one that the CUDA driver can start in; other modules may
write nowhere. What it may read beside its runtime stands behind `--read`, what it may not in any
case behind `--withhold`. Modules that open no artifact stay as they are.
"""

import importlib.util
import os
import sys
import time
from pathlib import Path

# The installed name of this package, by which plug-ins import it.
_PACKAGE = "exportbench"
_started = time.perf_counter_ns()
CUDA, READ, WITHHOLD = "--cuda", "--read", "--withhold"
_OPEN_NO_ARTIFACT = (
    "worker.bytecode",
    "system.card_roofline",
    "system.cpu_roofline",
    "sandbox.cuda_diagnosis",
    "sandbox.cuda_driver_start",
)


def _package(folder: str) -> None:
    spec = importlib.util.spec_from_file_location(
        _PACKAGE, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[_PACKAGE] = module
    spec.loader.exec_module(module)


def _options(arguments: list[str]) -> tuple[bool, list[Path], list[Path], list[str]]:
    """Take the leading options: --cuda, --read PATH and --withhold PATH; and what follows."""
    cuda = False
    paths: dict[str, list[Path]] = {READ: [], WITHHOLD: []}
    while arguments and arguments[0] in (CUDA, *paths):
        option, *arguments = arguments
        if option == CUDA:
            cuda = True
        else:
            path, *arguments = arguments
            paths[option].append(Path(path))
    return cuda, paths[READ], paths[WITHHOLD], arguments


if __name__ == "__main__":
    _package(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    # Before it is isolated: afterwards an artifact could take it back.
    importlib.import_module(f"{_PACKAGE}.sandbox.parent_death").die_with_parent()
    isolate = importlib.import_module(f"{_PACKAGE}.sandbox.isolation").isolate
    cuda, reads, withheld, arguments = _options(sys.argv[1:])
    if arguments:  # another module than the worker's, and its arguments
        if arguments[0] not in _OPEN_NO_ARTIFACT:
            isolate(None, cuda=cuda, reads=reads, withheld=withheld)
        importlib.import_module(f"{_PACKAGE}.{arguments[0]}").main(arguments[1:])
    else:
        isolation = isolate(Path.cwd(), cuda=cuda, reads=reads, withheld=withheld)
        server = importlib.import_module(f"{_PACKAGE}.worker.server")
        server.main(started_ns=_started, isolation=isolation)
