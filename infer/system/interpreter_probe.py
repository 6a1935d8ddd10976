"""What a Python interpreter has, without importing any of it.

Imported for this interpreter, run by its path in others: it takes the standard library alone.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import sys
from pathlib import Path


def at_hand(packages: list[str], distributions: list[str], files: str = "") -> dict[str, object]:
    """What of these is here.

    Args:
        packages: that may be importable.
        distributions: that may be installed.
        files: a pattern below the folders that modules are imported from; empty for none.

    Returns:
        The version of Python, the packages that are `missing`, the `versions` of the
        distributions that are there, and whether any of the `files` is.
    """
    versions = {}
    for name in distributions:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "python": list(sys.version_info[:2]),
        "missing": [name for name in packages if not is_here(name)],
        "versions": versions,
        "files": bool(files) and any(any(Path(folder).glob(files)) for folder in sys.path),
    }


def is_here(package: str) -> bool:
    """Whether a package is installed, or a module of that name at hand."""
    # Without an origin it is any folder of that name, such as one of the user's artifacts.
    spec = importlib.util.find_spec(package)
    return spec is not None and spec.origin is not None


if __name__ == "__main__":
    print(json.dumps(at_hand(**json.loads(sys.argv[1]))))
