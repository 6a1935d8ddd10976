"""How runtimes are set up for a card, as far as can be seen without one."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from infer.parity.tolerance import tolerances
from infer.runtimes.base import TF32, Options, Setting, chosen, tf32_used
from infer.system import recorded_variables
from infer.variant import TUNED, Variant
from infer.worker import environment_variables

ONE = Setting("layout", "own", "own", ("nchw",), "cuda")


class TestChosen:
    @pytest.mark.parametrize(
        ("options", "value"),
        [
            (Options("cuda"), "off"),
            (Options("cuda", tf32=True), "on"),
            (Options("cuda", untuned=True), "own"),
            (Options("cuda", untuned=True, tf32=True), "own"),
            (Options("cuda", settings={"tf32": "on"}), "on"),
            (Options("cuda", tf32=True, settings={"tf32": "off"}), "off"),
        ],
    )
    def test_tf32_is_off_unless_it_is_allowed(self, options, value):
        assert chosen((TF32,), options)["tf32"] == value

    def test_setting_of_another_device_is_not_shown(self):
        assert "layout" not in chosen((ONE,), Options("cpu"))

    def test_setting_of_another_device_is_refused_in_words(self):
        with pytest.raises(ValueError, match="'layout' is one for cuda, this is on cpu"):
            chosen((ONE,), Options("cpu", settings={"layout": "nchw"}))

    def test_one_name_has_other_values_on_another_device(self):
        both = (
            Setting("graph", "optimized", "loaded", (), "cpu"),
            Setting("graph", "frozen", "loaded", (), "cuda"),
        )
        graphs = [chosen(both, Options(device))["graph"] for device in ("cpu", "cuda")]
        assert graphs == ["optimized", "frozen"]


class TestTf32Used:
    def test_there_is_none_on_a_cpu(self):
        assert tf32_used(True, Options("cpu")) is False

    @pytest.mark.parametrize(("value", "used"), [("0", False), ("1", True), (None, True)])
    def test_the_libraries_can_be_kept_from_it(self, monkeypatch, value, used):
        monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)
        if value is not None:
            monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", value)
        assert tf32_used(True, Options("cuda")) is used


class TestEnvironment:
    def of(self, device: str = "cuda", variant: Variant = TUNED, *, tf32: bool = False) -> dict:
        return environment_variables.environment_of(device, 1, variant, None, tf32=tf32)

    @pytest.fixture(autouse=True)
    def nothing_set(self, monkeypatch):
        for name in ("NVIDIA_TF32_OVERRIDE", "JAX_PLATFORMS"):
            monkeypatch.delenv(name, raising=False)

    @pytest.mark.parametrize(
        ("variant", "tf32", "value"),
        [
            (TUNED, False, "0"),
            (TUNED, True, None),
            (Variant(untuned=True), False, None),
            (Variant(settings={"tf32": "on"}), False, None),
            (Variant(settings={"tf32": "off"}), True, "0"),
            (Variant(settings={"graph": "all"}), False, "0"),
        ],
    )
    def test_libraries_are_kept_from_tf32_unless_it_is_allowed(self, variant, tf32, value):
        assert self.of(variant=variant, tf32=tf32).get("NVIDIA_TF32_OVERRIDE") == value

    def test_what_the_user_has_set_stands(self, monkeypatch):
        monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
        environment = self.of()
        assert environment["NVIDIA_TF32_OVERRIDE"] == "1"
        notes = recorded_variables.precision_notes(
            recorded_variables.recorded_variables(environment), False, TUNED
        )
        assert notes == ["set in the environment, may change the precision: NVIDIA_TF32_OVERRIDE=1"]

    def test_what_the_run_sets_is_no_note(self):
        assert recorded_variables.precision_notes({"NVIDIA_TF32_OVERRIDE": "0"}, False, TUNED) == []

    def test_user_who_forbids_what_the_option_allows_is_told(self):
        assert recorded_variables.precision_notes({"NVIDIA_TF32_OVERRIDE": "0"}, True, TUNED)

    def test_a_cpu_worker_of_jax_looks_for_no_gpu(self):
        assert self.of("cpu")["JAX_PLATFORMS"] == "cpu"
        assert "JAX_PLATFORMS" not in self.of("cuda")
        assert "NVIDIA_TF32_OVERRIDE" not in self.of("cpu")

    def test_only_names_that_runtimes_heed_are_recorded(self):
        given = {
            "XLA_FLAGS": "--a=1",
            "CUDA_VISIBLE_DEVICES": "0",
            "TF_VAR_password": "secret",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }
        assert recorded_variables.recorded_variables(given) == {
            "CUDA_VISIBLE_DEVICES": "0",
            "XLA_FLAGS": "--a=1",
        }


class TestTorch:
    """PyTorch's switches, which a CPU build has too."""

    @pytest.fixture(autouse=True)
    def torch(self):
        torch = pytest.importorskip("torch")
        backends = torch.backends
        before = (
            backends.cuda.matmul.allow_tf32,
            backends.cudnn.allow_tf32,
            backends.cudnn.benchmark,
        )
        yield torch
        backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32, _ = before
        backends.cudnn.benchmark = before[2]

    @pytest.mark.parametrize(
        ("capability", "built", "fits"),
        [
            ((9, 0), "sm_80 sm_90", True),
            ((8, 9), "sm_75 sm_86", True),  # of the same major version, and no lower minor one
            ((8, 0), "sm_75 sm_86", False),
            ((6, 1), "sm_75 sm_80 sm_90 compute_120", False),
            ((12, 0), "sm_80 compute_90", True),  # compiled as it is loaded
            ((12, 0), "sm_90a", False),
            ((9, 0), "sm_90a", True),
        ],
    )
    def test_a_card_that_the_build_has_no_kernels_for_is_known_before_a_call(
        self, torch, monkeypatch, capability, built, fits
    ):
        from infer.runtimes import torch_model

        monkeypatch.setattr(torch.version, "cuda", "13.0")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
        monkeypatch.setattr(torch.cuda, "get_arch_list", built.split)

        problem = torch_model.has_cuda()
        assert (problem is None) == fits
        assert fits or ".".join(map(str, capability)) in problem

    @pytest.mark.parametrize(("device", "peak"), [("cuda", 7), ("cpu", None)])
    def test_memory_on_a_card_is_what_pytorch_counts(self, torch, monkeypatch, device, peak):
        from infer.runtimes.torch_model import TorchModel

        monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 7)
        model = TorchModel.__new__(TorchModel)
        model._device = torch.device(device)

        assert model.gpu_peak_bytes() == peak

    @pytest.mark.parametrize(
        ("options", "allowed"),
        [
            (Options("cuda"), False),
            (Options("cuda", tf32=True), True),
            (Options("cuda", untuned=True), True),  # as PyTorch comes, convolutions take it
        ],
    )
    def test_tf32_is_read_back(self, torch, options, allowed):
        from infer.runtimes import torch_model, torchscript

        settings = chosen(torchscript.SETTINGS, options)
        torch_model._set_up_cuda(settings)
        assert torch_model.tf32_allowed() is allowed
        assert torch.backends.cudnn.benchmark is not options.untuned
        assert settings["graph"] == ("loaded" if options.untuned else "frozen")

    def test_switches_that_disagree_cannot_be_told(self, torch):
        from infer.runtimes import torch_model

        if not hasattr(torch._C, "_set_fp32_precision_setter"):
            pytest.skip("PyTorch before 2.9 has one name for each switch")
        torch._C._set_fp32_precision_setter("cuda", "conv", "ieee")
        torch._C._set_fp32_precision_setter("cuda", "rnn", "tf32")
        assert torch_model.tf32_allowed() is None

    def test_without_a_card_it_says_what_to_install(self):
        from infer.runtimes import torch_model

        if torch_model.has_cuda() is None:
            pytest.skip("there is a card")
        with pytest.raises(NotImplementedError, match=r"PyTorch .*CUDA"):
            torch_model.TorchModel(Options("cuda"), {"threads": "own"})

    def test_layout_is_that_of_the_weights(self, torch):
        from infer.runtimes.torch_model import TorchModel

        settings = {"threads": "own", "layout": "nhwc"}
        module = TorchModel(Options(), settings)._laid_out(torch.nn.Conv2d(3, 4, 3))
        assert module.weight.is_contiguous(memory_format=torch.channels_last)
        settings["layout"] = "nchw"
        module = TorchModel(Options(), settings)._laid_out(module)
        assert module.weight.is_contiguous()


class TestParity:
    def test_tf32_lies_between_float32_and_float16(self):
        reference = {"y": np.array([[1.0, 0.0]], np.float32)}
        values = [
            tolerances(reference, ["float32", other])["y"].value
            for other in ("float32", "tf32", "float16")
        ]
        assert values == sorted(values) and len(set(values)) == 3
        assert values[1] == pytest.approx(8 * 2**-10)


class _Stream:
    def wait_stream(self, other: _Stream) -> None:
        pass


class _CudaGraph:
    """Stands for a graph of a card: replaying does what was recorded, on the same memory."""

    def __init__(self) -> None:
        self.replays = 0
        self.work = lambda: None

    def replay(self) -> None:
        self.replays += 1
        self.work()


@pytest.fixture
def cuda_graphs(monkeypatch):
    """A stand-in for what `torch.cuda` records with: the graphs that were made."""
    torch = pytest.importorskip("torch")
    made: list[_CudaGraph] = []

    class Entered:
        def __init__(self, *_: object) -> None:
            pass

        def __enter__(self) -> None:
            pass

        def __exit__(self, *_: object) -> None:
            pass

    def graph() -> _CudaGraph:
        made.append(_CudaGraph())
        return made[-1]

    for name, value in {
        "Stream": _Stream,
        "current_stream": _Stream,
        "stream": Entered,
        "graph": Entered,
        "CUDAGraph": graph,
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    return made


class TestCudaGraphs:
    """What surrounds a graph; a stand-in replays it, where a card would."""

    @pytest.fixture
    def graphed(self, cuda_graphs):
        import torch

        from infer.runtimes.torch_graphs import Graphed

        calls: list[tuple[torch.Tensor, torch.Tensor]] = []

        def double(x: torch.Tensor, *, times: int) -> dict[str, torch.Tensor]:
            result = x * times
            calls.append((x, result))
            if cuda_graphs:

                def work() -> None:
                    result.copy_(x * times)

                cuda_graphs[-1].work = work
            return {"y": result}

        return Graphed(double), calls

    def test_inputs_go_into_the_recorded_memory_and_results_out_of_it(self, graphed, cuda_graphs):
        import torch

        call, calls = graphed
        first = call(torch.ones(2), times=2)["y"]
        recorded = len(calls)
        second = call(torch.full((2,), 5.0), times=2)["y"]
        assert first.tolist() == [2, 2] and second.tolist() == [10, 10]
        assert len(calls) == recorded  # the module itself was not called again
        assert cuda_graphs[0].replays == 2
        kept_in, kept_out = calls[-1]
        assert kept_in.tolist() == [5, 5]
        assert second.data_ptr() != kept_out.data_ptr()

    def test_every_shape_and_value_is_recorded_apart(self, graphed, cuda_graphs):
        import torch

        call, _ = graphed
        for shape, times in ((2, 2), (3, 2), (2, 2), (2, 7)):
            assert call(torch.ones(shape), times=times)["y"].tolist() == [times] * shape
        assert [graph.replays for graph in cuda_graphs] == [2, 1, 1]


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    """An ONNX file of one matrix product, `b x 2` to `b x 3`."""
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")],
        "graph",
        [helper.make_tensor_value_info("x", 1, ["b", 2])],
        [helper.make_tensor_value_info("y", 1, ["b", 3])],
        [helper.make_tensor("w", 1, [2, 3], [1, 2, 3, 4, 5, 6])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


class TestOnnx:
    @pytest.fixture(autouse=True)
    def runtime(self):
        pytest.importorskip("onnxruntime")

    def test_provider_is_set_up_as_asked(self):
        from infer.runtimes import onnx, onnx_providers

        def of(**given):
            return onnx_providers.cuda_options(chosen(onnx.SETTINGS, Options("cuda", **given)))

        assert of() == {"cudnn_conv_algo_search": "EXHAUSTIVE", "use_tf32": "0"}
        assert of(tf32=True)["use_tf32"] == "1"
        assert "use_tf32" not in of(untuned=True)
        tried = {"layout": "nhwc", "cuda-graphs": "on", "conv-search": "heuristic"}
        assert of(settings=tried) == {
            "cudnn_conv_algo_search": "HEURISTIC",
            "use_tf32": "0",
            "prefer_nhwc": "1",
            "enable_cuda_graph": "1",
        }

    def test_nodes_are_read_from_the_session(self, product):
        from infer.runtimes import onnx, onnx_providers

        model = onnx.load(product, Options())
        assert model.placement()["nodes"] == {"cpu": 1}
        assert onnx_providers.nodes_taken(model._session) == {"CPUExecutionProvider": {"MatMul": 1}}

    def test_one_node_on_the_cpu_is_named(self, product, monkeypatch):
        from infer.runtimes import onnx

        model = onnx.load(product, Options())
        model._device = "cuda"
        taken = {
            "CUDAExecutionProvider": Counter({"Conv": 20}),
            "CPUExecutionProvider": Counter({"NonZero": 1}),
        }
        monkeypatch.setattr(onnx, "nodes_taken", lambda session: taken)
        placement = model.placement()
        assert placement["device"] == "cuda"
        assert placement["nodes"] == {"cuda": 20, "cpu": 1}
        assert placement["on_cpu"] == {"NonZero": 1}
        del taken["CUDAExecutionProvider"]
        assert model.placement()["device"] == "cpu"

    def test_a_failing_card_is_not_replaced_by_the_cpu(self, product):
        from infer.runtimes import onnx

        assert onnx.load(product, Options())._session._enable_fallback is False

    def test_without_a_card_it_says_what_to_install(self, product):
        from infer.runtimes import onnx

        if onnx.has_cuda() is None:
            pytest.skip("there is a card")
        with pytest.raises(NotImplementedError, match="onnxruntime-gpu"):
            onnx.load(product, Options("cuda"))

    def test_captured_calls_keep_their_memory_for_each_shape(self, product):
        from infer.runtimes import onnx
        from infer.runtimes.onnx_graphs import Captured

        session = onnx.load(product, Options())._session
        captured = Captured(session, ["y"], "cpu")
        weights = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
        inputs = [{"x": np.full((n, 2), v, np.float32)} for n, v in ((2, 1), (3, 2), (2, 5))]
        staged = [captured.stage(arrays) for arrays in inputs]
        assert len({binding.bound for binding in staged}) == 2
        for binding, given in zip(staged, inputs, strict=True):  # the first's memory has the third
            outputs = captured.fetch(captured.run(binding))
            assert (outputs["y"] == given["x"] @ weights).all()
        numbers = {binding.bound.options.get_run_config_entry("gpu_graph_id") for binding in staged}
        assert numbers == {"0", "1"}


class TestEvents:
    def test_time_of_the_device_is_that_between_two_events(self, monkeypatch):
        torch = pytest.importorskip("torch")
        from infer.runtimes.torch_model import TorchModel

        steps: list[str] = []

        class Event:
            """Stands for one in the queue of a card."""

            def __init__(self, *, enable_timing: bool) -> None:
                assert enable_timing

            def record(self) -> None:
                steps.append("event")

            def synchronize(self) -> None:
                steps.append("waited")

            def elapsed_time(self, end: Event) -> float:
                return 2.5  # milliseconds

        monkeypatch.setattr(torch.cuda, "Event", Event)
        model = TorchModel(Options(), {"threads": "own", "autograd": "off"})
        assert model.event_seconds(((), {})) is None  # there is none on a CPU
        model._call = lambda: steps.append("call")
        model._device = torch.device("cuda")
        assert model.event_seconds(((), {})) == pytest.approx(2.5e-3)
        assert steps == ["event", "call", "event", "waited"]
