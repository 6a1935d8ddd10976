"""Which environment variables reach a process that opens artifacts."""

import pytest

from infer.system.passed_variables import passed_variables
from infer.system.recorded_variables import recorded_variables

SECRETS = {
    "GITHUB_TOKEN": "x",
    "ACTIONS_RUNTIME_TOKEN": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "PGPASSWORD": "x",
    "SSH_AUTH_SOCK": "/tmp/agent",
    "HTTPS_PROXY": "http://name:password@proxy",
    "PIP_INDEX_URL": "https://name:password@host/simple",
    "GOOGLE_APPLICATION_CREDENTIALS": "/home/me/key.json",
    "CI_JOB_URL": "https://ci.example",
    "MY_OWN": "x",
    "BASH_FUNC_f%%": "() { :; }",
    "PYTHONPATH": "/checkout",
}
# The beginning fits, and the rest tells that it is secret.
FITTING = {
    "TORCH_HUB_TOKEN": "x",
    "NVIDIA_API_KEY": "x",
    "JAX_client_secret": "x",
    "TF_VAR_database": "x",
    "TF_HTTP_USERNAME": "x",
    "XLA_PASSWD": "x",
    "TORCHINDUCTOR_REDIS": "redis://name:password@host",
}
HEEDED = {
    "PATH": "/usr/bin",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "LD_LIBRARY_PATH": "/usr/local/cuda/lib64",
    "OMP_NUM_THREADS": "1",
    "XLA_FLAGS": "--a=1",
    "CUDA_VISIBLE_DEVICES": "0",
    "OV_CPU_PIN": "1",
    "CXX": "g++",
}


@pytest.mark.parametrize("name", [*SECRETS, *FITTING])
def test_what_may_be_secret_is_neither_passed_nor_recorded(name):
    environment = SECRETS | FITTING | HEEDED

    assert name not in passed_variables(environment)
    assert name not in recorded_variables(environment)


def test_what_runtimes_heed_is_passed():
    assert passed_variables(SECRETS | HEEDED) == HEEDED


def test_the_user_may_pass_more_by_name():
    named = {"EXPORTBENCH_PASS_ENV": "MY_OWN, TORCH_HUB_TOKEN"}
    environment = SECRETS | FITTING | named

    assert passed_variables(environment) == {"MY_OWN": "x", "TORCH_HUB_TOKEN": "x"} | named
    assert recorded_variables(passed_variables(environment)) == named  # the names, no values


def test_this_process_is_looked_at(monkeypatch):
    monkeypatch.setenv("OMP_DYNAMIC", "false")
    monkeypatch.setenv("GITHUB_TOKEN", "x")

    passed = passed_variables()

    assert passed["OMP_DYNAMIC"] == "false"
    assert "GITHUB_TOKEN" not in passed
