"""The examples of a page: what is shown of each kind, and what a stranger's run may hold."""

import json
import shutil

import numpy as np
import pytest
from events import events
from example_outputs import compared, detections, images, made_up_boxes, taken
from msgspec.structs import replace
from run_records import complete_run

from infer.examples.arrays import FOLDER, ArrayWriter
from infer.examples.pictures import input_pictures
from infer.examples.taking import output_examples, sample_pictures
from infer.records.example_events import ExamplesTaken
from infer.report import html, png
from infer.results.recorded_run import RecordedRun
from infer.results.summarizing import summarize

NAMES = ("boxes", "maps", "tokens")
NUMBERED = (("a", 3), ("b", 5))


def page_of(folder, taken_events):
    names = [event.artifact for event in taken_events]
    records = events(
        complete_run(("reference", [0.002] * 3), *((name, [0.003] * 3) for name in names))
    )
    recorded = [*records[:-1], *taken_events, records[-1]]
    return html.render([RecordedRun(folder, recorded, summarize(recorded))])


def event_of(folder, label, given):
    pictures, writer = input_pictures(images()), ArrayWriter(folder, label)
    outputs = output_examples(given, (given.outputs, given.expected), given.truth, pictures, writer)
    shown = sample_pictures(outputs, (), pictures, writer)
    return ExamplesTaken(
        artifact=label, reference="reference", outputs=tuple(outputs), pictures=shown
    )


def of_maps(changed):
    maps = np.zeros((3, 20, 30), "i8")
    mine = maps.copy()
    mine[1, :changed] = 2
    return compared({"mask": mine}, {"mask": maps})


@pytest.fixture
def recorded(tmp_path):
    theirs = made_up_boxes()
    mine = [*theirs[:2], theirs[2][1:], *theirs[3:]]
    tokens = np.arange(12).reshape(2, 6)
    others = tokens.copy()
    others[1, 3] = 77
    outputs = (
        detections(mine, theirs),
        of_maps(5),
        compared({"t": others}, {"t": tokens}, "tokens", labels=tokens),
    )
    return [event_of(tmp_path, *pair) for pair in zip(NAMES, outputs, strict=True)]


def test_each_kind_is_shown(tmp_path, recorded):
    page = " ".join(page_of(tmp_path, recorded).split())

    assert "reference: 3 boxes, 1 without a partner" in page
    assert page.count('class="box lone"') == 2  # the box, and the key
    assert "150 places have another class" in page
    assert "class 2</li>" in page
    assert "<mark>77</mark>" in page
    assert page.count("data:image/png;base64,") == 5  # both sides have one input
    assert "style=" not in page  # which the page's policy forbids


def test_of_those_that_agree_one_is_shown(tmp_path):
    page = page_of(tmp_path, [event_of(tmp_path, name, of_maps(0)) for name in "abc"])

    assert page.count("no sample differs") == 1
    assert "and 2 other artifacts agree too" in page


def test_a_picture_that_artifacts_share_is_there_once(tmp_path):
    page = page_of(tmp_path, [event_of(tmp_path, name, of_maps(at)) for name, at in NUMBERED])

    once = page_of(tmp_path, [event_of(tmp_path, "a", of_maps(3))])
    # The input and the reference's map are those of both; the answer and the differences are not.
    assert page.count("data:image") == once.count("data:image") + 2
    assert page.count('<use href="#picture-') >= 2


def test_without_pillow_the_page_says_so_and_shows_the_rest(tmp_path, recorded, monkeypatch):
    monkeypatch.setattr(png, "find_spec", lambda _: None)

    page = page_of(tmp_path, recorded)

    assert "Pillow is not installed" in page
    assert "data:image" not in page
    assert "<mark>77</mark>" in page
    assert 'class="box lone"' in page


def test_pictures_beyond_a_limit_are_left_out(tmp_path, recorded, monkeypatch):
    monkeypatch.setattr(png, "_MOST_BYTES", 5000)

    page = page_of(tmp_path, recorded)

    assert "Further pictures are left out" in page
    assert page.count("data:image") < 3


def damaged(folder, event, kind):
    """Change the files or the record of an artifact as a stranger may have."""
    of_artifact = folder / FOLDER / event.artifact
    file = of_artifact / "0.npy"
    (output,) = event.outputs
    example = output.examples[0]
    role, first = next(iter(example.arrays.items()))
    if kind == "gone":
        shutil.rmtree(of_artifact)
    elif kind == "link":
        file.rename(folder / "elsewhere.npy")
        file.symlink_to(folder / "elsewhere.npy")
    elif kind == "other type":
        np.save(file, np.zeros(first.shape, "f4").reshape(-1))
    elif kind == "pickle":
        np.save(file, np.array([{}]), allow_pickle=True)
    elif kind == "no count":
        changed = replace(example, difference=float("inf"))
        return replace(event, outputs=(replace(output, examples=(changed,)),))
    elif kind in ("empty", "no classes"):
        values = np.zeros(0, "i4") if kind == "empty" else np.full(4, np.nan)
        np.save(file, values)
        shape = (0, 3) if kind == "empty" else (2, 2)
        arrays = example.arrays | {role: replace(first, shape=shape, dtype=values.dtype.name)}
        changed = replace(example, arrays=arrays)
        return replace(event, outputs=(replace(output, examples=(changed,)),))
    else:
        shapes = {"huge": (1 << 20, 1 << 20), "negative": (-1, 6), "axes": (1,) * 9}
        arrays = example.arrays | {role: replace(first, shape=shapes[kind])}
        changed = replace(example, arrays=arrays)
        return replace(event, outputs=(replace(output, examples=(changed,)),))
    return event


@pytest.mark.parametrize(
    "kind",
    [
        *("gone", "link", "other type", "pickle", "huge", "negative", "axes"),
        *("empty", "no classes", "no count"),
    ],
)
def test_what_a_stranger_left_is_named_and_not_shown(tmp_path, recorded, kind):
    changed = [damaged(tmp_path, recorded[1], kind), recorded[2]]

    page = page_of(tmp_path, changed)

    assert "maps: its examples cannot be read (" in page
    assert "<mark>77</mark>" in page


def test_names_of_a_stranger_are_text(tmp_path, recorded):
    (output,) = recorded[1].outputs
    hostile = replace(output, output="<script>alert(1)</script>", note="<b>\x1b[31m")

    page = page_of(tmp_path, [replace(recorded[1], outputs=(hostile,))])

    assert "<script>alert" not in page and "<b>" not in page and "\x1b" not in page


def test_a_recorded_event_can_be_read_again(tmp_path, recorded):
    from infer.codec import encode, from_json, to_json
    from infer.records.events import AnyEvent

    for event in recorded:
        values = json.loads(encode(to_json(event)))
        assert from_json(AnyEvent, values) == event


def test_the_arrays_of_before_are_removed(tmp_path):
    taken(tmp_path, of_maps(3))
    before = len(list((tmp_path / FOLDER / "a").iterdir()))
    ArrayWriter(tmp_path, "a")
    assert before and not list((tmp_path / FOLDER / "a").iterdir())
