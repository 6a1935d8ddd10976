"""Start of a process of ours: makes the package `infer` importable, and nothing beside it.

Run as a script, in Python's isolated mode, so that neither the folder of the project nor the
user's settings are on the import path: an artifact must load without the code that made it.
"""

import importlib.util
import os
import sys
import time

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
    if len(sys.argv) > 1:  # another module than the worker's, and its arguments
        importlib.import_module(sys.argv[1]).main(sys.argv[2:])
    else:
        from infer.worker import main

        main(started_ns=_started)
