"""A module of another package, named by where its files are."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType


@dataclass(frozen=True)
class ExternalModule:
    """Where the code of a plug-in is: found in the controller, imported in a process with limits.

    Attributes:
        package: name of the package, which has no dots.
        folder: of the package, absolute.
        module: name of the module in it.
    """

    package: str
    folder: str
    module: str

    @property
    def file(self) -> Path:
        """The module's file."""
        return Path(self.folder) / f"{self.module}.py"

    def load(self) -> ModuleType:
        """Import the module, and its package before it, from this folder and from nowhere else.

        Nothing is looked for, and the package need not be installed: the folder is told, so that
        the import takes no longer than that of a module of ours.

        Raises:
            ImportError: there is no such file. What the module itself raises is passed on.
        """
        if self.package not in sys.modules:
            folder = Path(self.folder)
            beginning = folder / "__init__.py"
            spec = importlib.util.spec_from_file_location(
                self.package, beginning, submodule_search_locations=[self.folder]
            )
            if spec is None or spec.loader is None or not beginning.is_file():
                raise ImportError(f"{folder}: not the folder of a package")
            package = importlib.util.module_from_spec(spec)
            sys.modules[self.package] = package
            try:
                spec.loader.exec_module(package)
            except BaseException:
                del sys.modules[self.package]
                raise
        return importlib.import_module(f"{self.package}.{self.module}")
