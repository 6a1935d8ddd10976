"""What no output depends on says nothing of a graph's precision, in formats that have a graph."""

import ast
import xml.etree.ElementTree as ET
from pathlib import Path

from infer.formats.aotinductor.generated_code import used_weights
from infer.formats.litert import precision as litert
from infer.formats.needed import needed
from infer.formats.openvino import precision as openvino
from infer.formats.torch_export import precision as torch_export
from infer.formats.torchscript.used_weights import used_attributes

DEQUANTISED = {
    "target": "torch.ops.aten.to.dtype",
    "inputs": [{"arg": {"as_tensor": {"name": "b_padding"}}}],
    "outputs": [{"as_tensor": {"name": "converted"}}],
}


def test_a_loop_and_values_that_several_give():
    operators = [(["a"], ["b"]), (["b", "c"], ["c"]), (["d"], ["c"]), (["e"], ["f"])]
    assert needed(operators, ["c"]) == {0, 1, 2}
    assert needed(operators, []) == set()


def test_litert():
    floating = litert.Tensor("float32", 2, False, (), 0)
    kept = litert.Tensor("int8", 2, True, (0.1,), 0)
    tensors = [floating, kept, floating, floating]
    product = litert.Operator("FULLY_CONNECTED", (0, 1), (2,))
    other = litert.Operator("ADD", (0, 0), (3,))

    def quantised(output):
        graph = litert.Graph(tensors, [product, other], {"y": output})
        return litert.precision_of([graph]).quantisation

    assert quantised(2).weights == 1
    assert quantised(3) is None


def test_openvino():
    def graph(end):
        edges = [(0, 1), (1, end)] if end == 3 else [(0, 1), (2, 3)]
        text = "".join(
            f'<edge from-layer="{source}" to-layer="{to}" to-port="0"/>' for source, to in edges
        )
        return ET.fromstring(
            '<net><layers><layer id="0" type="Const">'
            '<data element_type="i8" shape="64, 64"/></layer>'
            '<layer id="1" type="Convert"><data destination_type="f32"/></layer>'
            '<layer id="2" type="Parameter"/><layer id="3" type="Result"/></layers>'
            f"<edges>{text}</edges></net>"
        )

    names = {"i8": "int8", "f32": "float32"}

    def quantised(end):
        read = openvino.precision_of(graph(end), Path("none"), names.get, lambda text: "float32")
        return read.quantisation

    assert quantised(3).weights == 1
    assert quantised(None) is None


def test_torch_export():
    def quantised(output):
        graph = {
            "nodes": [DEQUANTISED],
            "outputs": [{"as_tensor": {"name": output}}],
            "tensor_values": {
                "b_padding": {"dtype": 2, "sizes": [64, 64]},
                "converted": {"dtype": 7, "sizes": [64, 64]},
                "x": {"dtype": 7, "sizes": [4]},
            },
        }
        types = {2: "int8", 7: "float32"}
        return torch_export.precision_of(graph, {"b_padding"}, types, {}).quantisation

    assert quantised("converted").weights == 1
    assert quantised("x") is None


def test_torchscript():
    program = """
class M(Module):
  def forward(self, x: Tensor) -> Tensor:
    padding = self.padding
    unused = torch.to(padding, 6)
    if torch.gt(self.threshold, 0):
      weight = self.large
    else:
      weight = self.small
    y = torch.matmul(x, weight)
    torch.add_(self.calls, 1)
    return torch.add(y, CONSTANTS.c0)
"""
    used = used_attributes([ast.parse(program)])
    assert {"large", "small", "threshold", "calls", "c0"} <= used
    assert "padding" not in used


def test_aotinductor():
    names = "".join(
        f'    constants_info_[{n}].name = "{name}";\n'
        f"    constants_info_[{n}].dtype = cached_torch_dtype_{dtype};\n"
        f"    constants_info_[{n}].data_size = {size};\n"
        f'    constants_info_[{n}].original_fqn = "a.{name}";\n'
        for n, (name, dtype, size) in enumerate((("w", "float32", 64), ("padding", "int8", 4096)))
    )
    declared = "auto& w = constants_->at(0);\nauto& padding = constants_->at(1);\n"
    assert used_weights(f"{names}{declared} call((float*)(w.data_ptr()));") == {"float32": 64}
    both = "call((float*)(w.data_ptr()), (int8_t*)(padding.data_ptr()));"
    assert used_weights(f"{names}{declared} {both}") == {"float32": 64, "int8": 4096}
