"""Find what is installed in a Python interpreter without importing any of it.

Imported for this interpreter, run by its path in others, so it uses only the standard library.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import sys
from pathlib import Path

# Names of the folders of installed packages.
_INSTALLED = ("site-packages", "dist-packages")


def look_up(packages: list[str], distributions: list[str], files: str = "") -> dict[str, object]:
    """Find which packages, distributions and files are installed.

    Args:
        packages: names of packages to look for.
        distributions: names of distributions to look for.
        files: pattern of files below the folders of the import path; empty for none.

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
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is not None:
        return spec is not None
    # A folder without __init__.py must be installed: others may be folders of artifacts.
    folders = spec.submodule_search_locations or ()
    return any(Path(folder).parent.name in _INSTALLED for folder in folders)


if __name__ == "__main__":
    print(json.dumps(look_up(**json.loads(sys.argv[1]))))
