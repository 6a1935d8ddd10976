"""One stage of a check in a process of its own, run as a module: STAGE SETTING RESULT."""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any

from .checks import CHECKS
from .setting import Setting


def main(name: str, setting: str, result: Path) -> None:
    """Write what the stage found, or why it has no result, as JSON."""
    outcome: dict[str, Any]
    try:
        outcome = {"result": CHECKS[name](Setting.from_json(setting))}
    except KeyboardInterrupt:  # its time was over
        return
    except Exception as error:
        traceback.print_exc()
        outcome = {"error": f"{type(error).__name__}: {error}"}
    result.write_text(json.dumps(outcome, indent=1, default=str))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
