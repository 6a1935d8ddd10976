"""Stores that are begun where later runs find them: others' stay, what a killed run left goes."""

from infer.inputs.kept_stores import begun_store


def test_what_a_killed_process_left_is_removed_and_what_is_being_written_stays(tmp_path):
    place, other = tmp_path / ("a" * 64), tmp_path / ("b" * 64)
    left = [tmp_path / f".{place.name}-123", tmp_path / f".{other.name}-{'0' * 32}"]
    foreign = [tmp_path / ".mine-1", tmp_path / "kept", tmp_path / f".{place.name}"]
    for folder in (*left, *foreign):
        (folder / "tensors").mkdir(parents=True)
    (tmp_path / f".{place.name}-link").symlink_to(tmp_path / "kept")

    with begun_store(place) as first, begun_store(place) as second, begun_store(other) as third:
        assert len({first, second, third}) == 3
        assert all(folder.is_dir() for folder in (first, second, third, *foreign))
        assert not any(folder.exists() for folder in left)
        second.rename(place)

    assert not any(folder.exists() for folder in (first, second, third))
    assert place.is_dir() and (tmp_path / "kept" / "tensors").is_dir()
