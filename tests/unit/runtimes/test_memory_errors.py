"""Errors for want of memory, in the words of those who raise them."""

import subprocess
import sys

import pytest
from conftest import ROOT

from infer.runtimes.memory_errors import is_out_of_memory, says_out_of_memory

# As they were met, numbers and names shortened.
OUT_OF_MEMORY = {
    "PyTorch": "CUDA out of memory. Tried to allocate 10.01 GiB (GPU 0; 14.75 GiB total capacity)",
    "PyTorch, the driver's": "CUDA error: out of memory\nCUDA kernel errors might be ...",
    "PyTorch, expandable segments": "CUDA driver error: out of memory",
    "PyTorch, a handle": "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling "
    "`cublasCreate(handle)`",
    "PyTorch, cuBLAS": "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "PyTorch, cuDNN": "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "PyTorch, cuDNN 9": "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "PyTorch, cuDNN 9, the host's": "cuDNN error: "
    "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
    "PyTorch, on the CPU": "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: "
    "can't allocate memory: you tried to allocate 4000000000000 bytes. Error code 12",
    "PyTorch, on Windows": "[enforce fail at alloc_cpu.cpp:72] data. DefaultCPUAllocator: not "
    "enough memory: you tried to allocate 1073741824 bytes.",
    "PyTorch, where it cannot say more": "NVML_SUCCESS == DriverAPI::get()->nvmlInit_v2_() "
    'INTERNAL ASSERT FAILED at "/pytorch/c10/cuda/CUDACachingAllocator.cpp":1090, please report',
    "PyTorch, in a container": "NVML_SUCCESS == r INTERNAL ASSERT FAILED at "
    '"../c10/cuda/CUDACachingAllocator.cpp":830, please report a bug to PyTorch.',
    "ONNX Runtime": "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned "
    "while running Conv node. Name:'Conv_3' Status Message: bfc_arena.cc:376 void* "
    "onnxruntime::BFCArena::AllocateRawInternal(size_t, bool) Failed to allocate memory for "
    "requested buffer of size 4585490524",
    "ONNX Runtime, with a limit": "bfc_arena.cc:347 void* "
    "onnxruntime::BFCArena::AllocateRawInternal(size_t, bool) Available memory of 1048576 is "
    "smaller than requested bytes of 2830172160",
    "ONNX Runtime, CUDA": "CUDA failure 2: out of memory ; GPU=0 ; hostname=a ; "
    "file=cuda_allocator.cc ; line=47 ; expr=cudaMalloc((void**)&p, size);",
    "ONNX Runtime, cuDNN": "CUDNN failure 4: CUDNN_STATUS_ALLOC_FAILED ; GPU=0 ; hostname=a",
    "ONNX Runtime, cuBLAS": "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; "
    "expr=cublasCreate(&cublas_handle_)",
    "JAX": "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 4770354232 bytes.",
    "JAX, a buffer": "RESOURCE_EXHAUSTED: Failed to allocate request for 176.00MiB (184549376B) "
    "on device ordinal 0",
    "JAX, a program": "RESOURCE_EXHAUSTED: Failed to load in-memory CUBIN (compiled for a "
    "different GPU?).: CUDA_ERROR_OUT_OF_MEMORY: out of memory",
    "JAX, cuDNN": "INTERNAL: Failed to execute XLA Runtime executable: run time error: custom "
    "call 'xla.gpu.conv.forward' failed: CUDNN_STATUS_ALLOC_FAILED",
    "JAX, on the CPU": "Out of memory allocating 17179869184 bytes.",
    "TensorFlow": "OOM when allocating tensor with shape[100,4096,32] and type float on "
    "/job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc [Op:Conv2D]",
    "TensorFlow, before 2": "Resource exhausted: OOM when allocating tensor with shape[64,2016]",
    "TensorFlow, a handle": "failed to create cublas handle: CUBLAS_STATUS_NOT_INITIALIZED",
    "XLA, a handle": "failed to create cublas handle: the resource allocation failed",
    "TensorFlow, a call": "failed to allocate memory [Op:Mul]",
    "CUDA": "cudaErrorMemoryAllocation: out of memory",
    "NumPy": "Unable to allocate 3.20 TiB for an array with shape (12, 4) and data type float32",
    "C++": "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  "
    "std::bad_alloc",
    "C": "Cannot allocate memory",
}
OTHERWISE = {
    "an illegal access": "CUDA error: an illegal memory access was encountered",
    "a library too old": "CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasSgemm( handle, opa)`",
    "NVML elsewhere": "NVML_SUCCESS == DriverAPI::get()->nvmlInit_v2_() INTERNAL ASSERT FAILED at "
    '"PeerToPeerAccess.cpp":83',
    "cuDNN that is another": "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
    "a kernel that is too large": "RESOURCE_EXHAUSTED: Shared memory size limit exceeded: "
    "requested 132096, available 101376",
    "a search that goes on": "Allocator (GPU_0_bfc) ran out of memory trying to allocate 16.00MiB. "
    "The caller indicates that this is not a failure",
    "a name": "no input 'out of memory' (there are: image)",
    "a shape": "Failed to allocate tensors: node 3 (ADD) failed to prepare",
    "anything": "INVALID_ARGUMENT : Got invalid dimensions for input: image",
}


@pytest.mark.parametrize("who", OUT_OF_MEMORY)
def test_want_of_memory_is_known_in_every_dialect(who):
    assert says_out_of_memory(OUT_OF_MEMORY[who])
    assert is_out_of_memory(RuntimeError(OUT_OF_MEMORY[who]))


@pytest.mark.parametrize("what", OTHERWISE)
def test_what_is_something_else_is_not_taken_for_it(what):
    assert not says_out_of_memory(OTHERWISE[what])


def test_the_type_tells_too_and_what_an_error_came_from():
    class ResourceExhaustedError(Exception):
        """As TensorFlow's."""

    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(ResourceExhaustedError("{{node conv}}"))
    try:
        try:
            raise RuntimeError("CUDA out of memory.")
        except RuntimeError as error:
            raise ValueError("the module failed") from error
    except ValueError as error:
        assert is_out_of_memory(error)
    assert not is_out_of_memory(ValueError("the module failed"))


def test_compiled_code_of_pytorch_only_prints_that_memory_was_short(tmp_path):
    program = """
import os, sys
from infer.runtimes.memory_errors import is_out_of_memory
from infer.runtimes.aotinductor import _called

def run(printed):
    os.ftruncate(2, 0)
    print(printed, file=sys.stderr, flush=True)
    raise RuntimeError("run_func_(...) API call failed at model_container_runner.cpp, line 144")

for printed in sys.argv[1:]:
    try:
        _called(run, printed)
    except RuntimeError as error:
        print(is_out_of_memory(error))
"""
    printed = {
        "[E205 c_shim_cuda.cpp:776] Exception in aoti_torch: CUDA out of memory. Tried to": True,
        "Error: CUDA error: out of memory": True,
        "Exception in aoti_torch: mat1 and mat2 shapes cannot be multiplied": False,
    }
    with (tmp_path / "log").open("ab") as log:
        done = subprocess.run(
            [sys.executable, "-c", program, *printed], stdout=subprocess.PIPE, stderr=log, cwd=ROOT
        )
    assert done.stdout.decode().split() == [str(known) for known in printed.values()]
