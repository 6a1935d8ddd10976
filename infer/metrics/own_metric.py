"""Metrics of the user's own, by a file, and of plug-ins; both are calculated apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Any

from ..external_module import ExternalModule
from ..regular_file import opened_as_named
from ..stated_reads import files_below, stated_reads

LOWER = "lower"
_FOLDER = 5  # modulefinder's kind of a package


@dataclass(frozen=True)
class OwnMetric:
    """A metric that is no built-in one: `function(outputs, truth)`.

    Both arguments are arrays by name: the outputs as the reference calls them, and `labels` with
    what begins with `labels.` of the inputs. What has another number of rows for each sample is a
    list with an array for each. It returns a number for each sample, N, or one for all.

    Attributes:
        name: name in results and columns.
        function: name of the function.
        lower_is_better: whether a lower value is better.
        file: the user's file, as an absolute path; "" for a plug-in's.
        external: a plug-in's module, which is imported in a process with limits.
        sha256: SHA-256 of the user's code when the run began; "" for a plug-in's.
    """

    name: str
    function: str
    lower_is_better: bool = False
    file: str = ""
    external: ExternalModule | None = None
    sha256: str = ""

    @property
    def folder(self) -> Path:
        """The folder that its code may read, and imports its modules from."""
        return Path(self.external.folder) if self.external else Path(self.file).parent

    @property
    def origin(self) -> str:
        """The function, and the hash of its code, by which a gate knows it again.

        Of a plug-in, all modules of its package count.

        Raises:
            OSError: a module cannot be read.
        """
        if self.external:
            name = f"{self.external.package}.{self.external.module}:{self.function}"
            return f"{name} (sha256 {package_sha256(self.folder)[:16]})"
        return f"{Path(self.file).name}:{self.function} (sha256 {self.sha256[:16]})"


# Metrics of plug-ins by name; filled by infer.plugins.
METRICS: dict[str, OwnMetric] = {}


def parse_own_metrics(texts: Sequence[str], taken: Iterable[str]) -> tuple[OwnMetric, ...]:
    """Parse FILE:FUNCTION or FILE:FUNCTION:lower.

    Args:
        texts: the texts.
        taken: names of other metrics.

    Raises:
        ValueError: one line; the option is not named.
    """
    names = {name.lower() for name in taken}
    metrics = []
    for text in texts:
        rest, _, last = text.rpartition(":")
        lower = last == LOWER and rest.count(":") > 0
        file, _, function = rest.rpartition(":") if lower else (rest, ":", last)
        if not file or not function.isidentifier():
            raise ValueError(f"'{text}': say FILE:FUNCTION, or FILE:FUNCTION:{LOWER}")
        path = Path(file).absolute()
        if not path.is_file():
            raise ValueError(f"'{text}': there is no file {file}")
        # Margins and limits take names in any case.
        if function.lower() in names:
            raise ValueError(f"'{text}': another metric is called {function}; rename the function")
        names.add(function.lower())
        metrics.append(OwnMetric(function, function, lower, str(path), sha256=_sha256(path, text)))
    return tuple(metrics)


def _sha256(path: Path, text: str) -> str:
    try:
        return code_sha256(path)
    except OSError as error:
        raise ValueError(f"'{text}': cannot be read ({error.strerror})") from None


def code_sha256(file: Path) -> str:
    """The SHA-256 of a file of the user's code, of what it imports there and says that it reads.

    Modules that are found by other means than an import statement do not count.

    Raises:
        InputError: something that it says it reads is not there.
        OSError: one cannot be read.
    """
    read = {path for _, path in files_below(stated_reads(file) or [])}
    return _sha256_of(_code_of(file) | read, file.parent)


@cache
def package_sha256(folder: Path) -> str:
    """The SHA-256 of all modules of a package, as they are when it is first asked for.

    Raises:
        OSError: one cannot be read.
    """
    return _sha256_of({path for path in folder.rglob("*.py") if path.is_file()}, folder)


def _sha256_of(files: Iterable[Path], folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        with opened_as_named(path) as opened:
            code = hashlib.file_digest(opened, "sha256").hexdigest()
        digest.update(f"{path.relative_to(folder)} {code}\n".encode())
    return digest.hexdigest()


class _Finder(ModuleFinder):
    """Finds modules of a folder, in which folders without `__init__.py` are packages too."""

    def find_module(self, name: str, path: Any, parent: Any = None) -> Any:
        try:
            return super().find_module(name, path, parent)
        except (AttributeError, TypeError):  # such a folder has no file and no loader
            folder = Path((path or self.path)[0], name)
            return None, str(folder), ("", "", _FOLDER)

    def load_package(self, fqname: str, pathname: str) -> Any:
        try:
            return super().load_package(fqname, pathname)
        except ImportError:  # it has no __init__.py
            module: Any = self.add_module(fqname)
            module.__file__, module.__path__ = None, [pathname]
            return module


def _code_of(file: Path) -> set[Path]:
    """The file and the modules of its folder that it imports, without running any."""
    finder = _Finder([str(file.parent)])
    try:
        finder.run_script(str(file))
    except (SyntaxError, ValueError, TypeError, AttributeError, RecursionError):
        return {file, *file.parent.glob("*.py")}
    files = (getattr(module, "__file__", None) for module in finder.modules.values())
    return {file, *map(Path, filter(None, files))}


def own_metric_text(metric: OwnMetric) -> str:
    """The text of the user's own metric, as `parse_own_metrics` takes it."""
    return f"{metric.file}:{metric.function}" + (f":{LOWER}" if metric.lower_is_better else "")
