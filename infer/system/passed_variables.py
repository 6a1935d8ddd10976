"""The environment variables that a process which opens artifacts is given.

Only those that runtimes, NVIDIA's libraries, the loader and the compiler heed: what an artifact can
read it can print, and a reason of an outcome is published with a report. Others may be secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

# Names of further variables to pass, separated by commas.
PASS_ENV = "EXPORTBENCH_PASS_ENV"  # noqa: S105 - a name
# Further folders and files that may be read, separated as in $PATH.
ALLOW_READ = "EXPORTBENCH_ALLOW_READ"
# Runtimes and the libraries that they calculate with. These are recorded as well.
RUNTIME_PREFIXES = (
    *("CUDA_", "CUBLAS", "CUDNN_", "NVIDIA_", "TORCH", "PYTORCH_", "TRITON_", "XLA_", "JAX_"),
    *("TF_", "ORT_", "OV_", "OPENVINO_", "XNNPACK_", "ONEDNN_", "DNNL_", "OMP_", "GOMP_", "MKL_"),
    *("KMP_", "OPENBLAS_", "BLIS_", "TBB_", "HIP_", "HSA_", "ROCR_", "MIOPEN_", "SYCL_", "ZE_"),
    *("GLIBC_TUNABLES", "MALLOC_", "TCMALLOC_"),
)
_PREFIXES = (*RUNTIME_PREFIXES, "LC_")
_NAMES = (
    *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LANG", "LANGUAGE", "TZ"),
    *("LD_LIBRARY_PATH", "LD_PRELOAD", "LD_BIND_NOW", "CONDA_PREFIX", "XDG_CACHE_HOME"),
    *("CC", "CXX", "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH"),
    *("EXPORTBENCH_ISOLATION", ALLOW_READ, PASS_ENV),
)
# Terraform's variables have the same prefix as TensorFlow's, and may be secret.
_OTHERS = ("TF_VAR_", "TF_TOKEN_", "TF_CLI_", "TF_HTTP_")
_SECRET = re.compile("TOKEN|KEY|SECRET|PASSW|PASSPHRASE|CREDENTIAL|AUTH", re.IGNORECASE)
# A name and a password in an address, as in https://name:password@host.
_SECRET_VALUE = re.compile(r"://[^/\s@]*@")


def read_by_runtimes(environment: Mapping[str, str]) -> dict[str, str]:
    """Select the variables that runtimes and NVIDIA's libraries heed, and none that is secret."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(RUNTIME_PREFIXES) and not _may_be_secret(name, value)
    }


def passed_variables(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Select the variables for a process that opens artifacts.

    A variable that looks secret is passed only if the user names it in $EXPORTBENCH_PASS_ENV.

    Args:
        environment: all variables; None for those of this process.
    """
    environment = os.environ if environment is None else environment
    named = {name.strip() for name in environment.get(PASS_ENV, "").split(",")}
    return {
        name: value
        for name, value in environment.items()
        if name in named
        or ((name in _NAMES or name.startswith(_PREFIXES)) and not _may_be_secret(name, value))
    }


def _may_be_secret(name: str, value: str) -> bool:
    return bool(name.startswith(_OTHERS) or _SECRET.search(name) or _SECRET_VALUE.search(value))
