"""A pass says how far it is, and what a stranger writes in its place is believed up to a limit."""

import itertools

import pytest

from infer.worker import pass_progress
from infer.worker.pass_progress import WatchedPass, told

BATCHES = [[0, 1], [2, 3], [4]]


def test_what_is_done_is_seen_and_batches_are_passed_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clock = itertools.count()
    monkeypatch.setattr(pass_progress.time, "monotonic", lambda: next(clock))
    watched = WatchedPass(tmp_path, 5)
    seen = []

    for rows in told(BATCHES):
        seen.append((rows, watched.look(), watched.samples))

    assert seen == [([0, 1], False, 0), ([2, 3], True, 2), ([4], True, 4)]
    assert watched.has_gone_on() and watched.samples == 5
    assert not watched.has_gone_on()


@pytest.mark.parametrize("text", ["", "-3", "x", "9" * 30, "1e3"])
def test_what_is_no_number_counts_as_nothing(tmp_path, text):
    (tmp_path / "progress").write_text(text)

    assert not WatchedPass(tmp_path, 5).look()


def test_no_more_than_all_samples_are_believed_and_links_are_not_followed(tmp_path):
    watched = WatchedPass(tmp_path, 5)
    (tmp_path / "progress").write_text("1000000")
    assert watched.look() and watched.samples == 5
    (tmp_path / "progress").write_text("1000001")
    assert watched.has_gone_on() and not watched.has_gone_on()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "progress").symlink_to(tmp_path / "progress")
    assert not WatchedPass(tmp_path / "other", 5).look()
