"""Start of a process of ours: makes the package `infer` importable, and nothing beside it.

Run as a script, in Python's isolated mode, so that neither the folder of the project nor the
user's settings are on the import path: an artifact must load without the code that made it.

Before anything is imported the process gives up what an artifact must not do (infer.isolation):
without arguments it is a worker, which may write in its working directory; other modules may write
nowhere. `infer.bytecode`, which opens no artifact, stays as it is.
"""

import importlib.util
import os
import sys
import time
from pathlib import Path

_started = time.perf_counter_ns()


def _package(folder: str) -> None:
    spec = importlib.util.spec_from_file_location(
        "infer", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["infer"] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    _package(os.path.dirname(os.path.abspath(__file__)))
    from infer.isolation import isolate

    if len(sys.argv) > 1:  # another module than the worker's, and its arguments
        if sys.argv[1] != "infer.bytecode":
            isolate(None)
        importlib.import_module(sys.argv[1]).main(sys.argv[2:])
    else:
        isolation = isolate(Path.cwd())
        from infer.worker import main

        main(started_ns=_started, isolation=isolation)
