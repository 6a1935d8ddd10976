"""Which buffers compiled code only writes: it has their first value as a constant then."""

import pytest

from infer.formats.aotinductor.generated_code import unread_tensors, written_tensors

WRAPPER = """
AOTInductorModel::AOTInductorModel() {{ constants_info_[0].name = "n"; }}
void AOTInductorModel::run_impl(
    [[maybe_unused]] auto& n = constants_->at(0);
    cpp_fused_add_0((const float*)(x.data_ptr()), (float*)(y.data_ptr()), (float*)(n.data_ptr()));
    {more}
}} // AOTInductorModel::run_impl
"""
KERNEL = """
extern "C"  void  cpp_fused_add_0(const float* in_ptr0,
                       float* out_ptr0,
                       float* out_ptr1)
{{
    {{
        auto tmp0 = in_ptr0[static_cast<int64_t>(0L)];
        tmp0.store(out_ptr0 + static_cast<int64_t>(x0));
        {changed}
    }}
}}
"""
STORED = "out_ptr1[static_cast<int64_t>(0L)] = tmp0;"


@pytest.mark.parametrize(
    ("changed", "more", "is_read"),
    [
        (STORED, "", False),
        ("tmp0.store(out_ptr1 + static_cast<int64_t>(x0));", "", False),
        (f"auto tmp1 = out_ptr1[static_cast<int64_t>(0L)];\n        {STORED}", "", True),
        (f"auto tmp1 = Vectorized<float>::loadu(out_ptr1 + x0);\n        {STORED}", "", True),
        (STORED, "cpp_fused_sum_1((const float*)(n.data_ptr()), (float*)(z.data_ptr()));", True),
        (STORED, "cpp_fused_sum_1((float*)(n.data_ptr()));", True),  # a kernel without its source
        (STORED, "aoti_torch_cpu_addmm_out(y, n, x, weight, 1L, 1L);", True),
        (STORED, "auto& n1 = constants_->at(1);", False),  # another's name begins as this one's
    ],
)
def test_a_buffer_is_state_only_if_a_call_reads_it(changed, more, is_read):
    wrapper = WRAPPER.format(more=more)
    assert "n" in written_tensors(wrapper)
    unread = unread_tensors([wrapper, KERNEL.format(changed=changed)], wrapper, {"n"})
    assert unread == (set() if is_read else {"n"})
