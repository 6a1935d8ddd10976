"""The bar that shows how far a run is."""

from rich.progress import Progress

from infer.measure.progress import Progress as Standing
from infer.steps import progress_bar


def test_the_clock_goes_on_when_a_run_takes_longer_than_its_budget(monkeypatch):
    bars = []

    class Kept(Progress):
        def __init__(self, *columns, **options):
            super().__init__(*columns, **options)
            bars.append(self)

    monkeypatch.setattr(progress_bar, "Progress", Kept)
    with progress_bar.progress() as tell:
        for share in (0.5, 1.0, 0.3, 1.2):
            tell(Standing("generation 1", share))
            (task,) = bars[0].tasks
            assert not task.finished
        assert f"{task.percentage:.0f} %" == "100 %"
