"""Render one or several runs as a self-contained HTML file.

Names of artifacts and messages of runtimes are untrusted text: the template escapes all of it,
control characters too, and the page's policy forbids requests and all scripts but its own.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from .. import __version__
from ..escaping import printable
from ..results.recorded_run import RecordedRun
from .page import page_of
from .page_plots import sizes_of_runs
from .profile_part import ProfilePart

TEMPLATES = Path(__file__).with_name("templates")


def render(runs: Sequence[RecordedRun]) -> str:
    """Render the page of several runs, in their order."""
    return _rendered("report.html", pages=[page_of(run) for run in runs], sizes=sizes_of_runs(runs))


def render_profile(part: ProfilePart, conditions: str) -> str:
    """Render a page about profiles alone.

    Args:
        part: the content.
        conditions: machine and setup, in a line.
    """
    return _rendered("profile.html", part=part, conditions=conditions)


def _rendered(template: str, **content: object) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_without_control_characters,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["shared_picture"] = _SharedPictures().of
    style, script = (
        (TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", "report.js")
    )
    text: str = environment.get_template(template).render(
        **content,
        version=__version__,
        # Both are trusted files of this package, and the hashes are of exactly these bytes.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        style_hash=_source(style),
        script_hash=_source(script),
    )
    return text


@dataclass(frozen=True)
class _SharedPicture:
    """A picture of the page: its `id`, and whether it is yet to be put there."""

    id: str
    is_first: bool


class _SharedPictures:
    """The pictures that a page holds, each once."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def of(self, uri: str) -> _SharedPicture:
        """The picture of a data URI."""
        is_first = uri not in self._ids
        return _SharedPicture(self._ids.setdefault(uri, f"picture-{len(self._ids)}"), is_first)


def _without_control_characters(value: object) -> object:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
