"""A module of a plug-in, imported from a given folder."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType


@dataclass(frozen=True)
class ExternalModule:
    """A plug-in's module: located in the controller, imported in a process with limits.

    Attributes:
        package: name of the package, which has no dots.
        folder: absolute path of the package's folder.
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
        """Import the module, and before it its package, only from this folder.

        The import path is not searched, so the package need not be installed, and the import takes
        no longer than that of a built-in module.

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
