"""Lists of the rows of all samples in timed calls, beside those of preflight."""

from types import SimpleNamespace

import numpy as np

from infer.measure.run_outputs import RunOutputs
from infer.measure.timed_outputs import _comparable
from infer.tensors.call_writer import write_calls
from infer.tensors.outputs import CallSamples
from infer.tensors.sample_columns import parse_sample_columns

CALL = CallSamples.from_range(0, 2)
ROWS = np.array([[0, 5.0], [0, 6.0], [1, 7.0]])


def test_the_same_rows_in_other_samples_are_no_equal_outputs(tmp_path):
    outputs = RunOutputs(tmp_path, (), parse_sample_columns(["found:0"], []))
    context = SimpleNamespace(outputs=outputs)
    write_calls(outputs.emptied_folder("a", outputs.CHECKED), [{"found": ROWS}], [CALL])
    moved = ROWS.copy()
    moved[1, 0] = 1
    equal = []
    for number, rows in enumerate((ROWS, moved)):
        folder = tmp_path / f"timed{number}"
        folder.mkdir()
        write_calls(folder, [{"found": rows}], [CALL])
        timed, expected, _, is_call = _comparable(context, "a", [0, 1], folder)
        assert is_call and timed.keys() == expected.keys()
        equal.append(all(np.array_equal(timed[name], expected[name]) for name in timed))

    assert equal == [True, False]
