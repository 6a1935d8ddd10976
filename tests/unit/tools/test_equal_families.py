"""False alarms on recorded calls: tools/equal_families.py."""

import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))

import equal_families


def copies(slower=1.0, generations=8):
    """Bursts of four copies, of which the last may be slower than the others."""
    random = np.random.default_rng(0)
    return {
        name: {
            generation: {
                turn: (random.lognormal(0, 0.01, 10) * (slower if name == "d" else 1)).tolist()
                for turn in range(4)
            }
            for generation in range(generations)
        }
        for name in "abcd"
    }


def test_copies_are_told_apart_only_if_one_is_slower():
    equal, unequal = (
        equal_families.judge(equal_families.of_copies(copies(slower), 4)) for slower in (1, 1.2)
    )

    # Each is the reference of the others in each of two runs.
    assert (equal.compared, equal.families, unequal.families) == (3, 8, 8)
    assert unequal.alarms == (8, 8)
    assert max(equal.alarms) <= 1
    assert 0 < equal.half_widths[1] < equal.half_widths[0] < 0.05


def test_an_artifact_is_compared_with_itself_whatever_its_speed():
    random = np.random.default_rng(0)
    differences = {name: (n + random.normal(0, 0.01, 9)).tolist() for n, name in enumerate("abcd")}
    families = list(equal_families.against_themselves(differences, 4))
    judged = equal_families.judge(iter(families))

    assert all(abs(np.mean(of_one)) < 0.03 for family in families for of_one in family.values())
    assert judged.compared == 4
    assert judged.alarms[1] <= judged.alarms[0] < 0.1 * judged.families


@pytest.mark.parametrize(("generations", "families"), [(3, 0), (4, 6), (5, 30)])
def test_no_family_is_counted_twice(generations, families):
    """Two pairs of four generations: three ways to pair, and two to turn the second about."""
    differences = {"a": list(range(generations))}
    assert len(list(equal_families.against_themselves(differences, 2))) == families


def test_the_command_judges_what_collect_recorded_and_says_what_is_too_short(tmp_path):
    def families(generations):
        lines = [
            {
                "arrangement": "stopped",
                "bursts": [
                    {batch: [{"seconds": seconds} for seconds in turns.values()] for batch in "1"}
                    | {"128": [{"seconds": seconds} for seconds in turns.values()]}
                    for turns in (bursts[generation] for bursts in copies().values())
                ],
            }
            for generation in range(generations)
        ]
        path = tmp_path / "generations.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        command = (sys.executable, ROOT / "tools" / "measurement_study.py", "families", tmp_path)
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done, short = families(4), families(1)

    assert done.returncode == 0, done.stderr
    rows = [row.split(" | ") for row in done.stdout.splitlines()[2:]]
    assert [(row[1], row[3]) for row in rows] == [
        (f"batch {batch}", str(size)) for batch in (1, 128) for size in (2, 3, 4)
    ]
    assert short.returncode == 1
    assert short.stderr.startswith("families: nothing to judge. A run needs four generations")
