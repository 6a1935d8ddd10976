"""A run, or several, as one HTML file that needs nothing else.

Names of artifacts and what runtimes said are other people's text: the template escapes all of it,
and the page forbids itself every script but its own and every request.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from .. import __version__
from ..results.recorded_run import RecordedRun
from .page import page_of
from .page_plots import sizes_of_runs

TEMPLATES = Path(__file__).with_name("templates")


def render(runs: Sequence[RecordedRun]) -> str:
    """The page of runs, in their order."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = ((TEMPLATES / name).read_text() for name in ("report.css", "report.js"))
    text: str = environment.get_template("report.html").render(
        pages=[page_of(run) for run in runs],
        sizes=sizes_of_runs(runs),
        version=__version__,
        # Both are ours, and the hashes are those of exactly these bytes.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        style_hash=_source(style),
        script_hash=_source(script),
    )
    return text


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
