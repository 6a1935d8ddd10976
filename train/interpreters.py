"""Which Python interpreter has a package: the one thing of the runner that training uses.

No environment holds all frameworks on a machine with a card, so training, exporting and measuring
each look into the interpreters of $EXPORTBENCH_PYTHONS. They must find the same, by the same rules.
"""

from __future__ import annotations

from infer.errors import UsageError as UsageError
from infer.system.interpreter_probe import is_here as is_here
from infer.system.interpreters import python_with as python_with
from infer.system.interpreters import variables as variables
