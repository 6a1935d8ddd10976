"""Files of weights beside a payload."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from infer.errors import DamagedError
from infer.formats.registry import FORMATS

IR = """<net name="m" version="11"><layers>
<layer id="0" name="w" type="Const" version="opset1">
<data element_type="f32" shape="4" offset="0" size="16"/></layer>
<layer id="1" name="v" type="Const" version="opset1">
<data element_type="f32" shape="2" offset="64" size="8"/></layer>
</layers></net>"""


def onnx(folder):
    weights = numpy_helper.from_array(np.ones((8, 8), "f4"), "w")
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 8]) for n in "xy"]
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", value[:1], value[1:], [weights])
    how = {"save_as_external_data": True, "location": "model.onnx.data", "size_threshold": 0}
    save(helper.make_model(graph), folder / "model.onnx", **how)
    return folder / "model.onnx", folder / "model.onnx.data"


def openvino(folder):
    (folder / "model.xml").write_text(IR)
    (folder / "model.bin").write_bytes(bytes(72))
    return folder / "model.xml", folder / "model.bin"


@pytest.mark.parametrize("write", [onnx, openvino])
def test_weights_that_are_missing_renamed_or_cut_short_are_told_by_their_file(tmp_path, write):
    payload, weights = write(tmp_path)
    check = FORMATS[write.__name__].check_weights
    check(payload)
    data = weights.read_bytes()

    weights.write_bytes(data[:-1])
    with pytest.raises(DamagedError, match=f"{weights.name}: cut short: has {len(data) - 1}"):
        check(payload)
    weights.rename(tmp_path / f"other{weights.suffix}")
    with pytest.raises(DamagedError, match=rf"{weights.name}: missing.*was other{weights.suffix}"):
        check(payload)
    (tmp_path / f"other{weights.suffix}").unlink()
    with pytest.raises(DamagedError, match=f"{weights.name}: missing; it holds the weights"):
        check(payload)
