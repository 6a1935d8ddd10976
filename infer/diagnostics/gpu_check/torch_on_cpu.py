"""Write a TorchScript program that calculates on the CPU wherever it is asked to run.

`python torch_on_cpu.py FILE`, in a process of its own.
"""

import sys

import torch


class OnCpu(torch.nn.Module):
    """Means of images, N x anything."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """On the CPU."""
        return image.cpu().flatten(1).mean(1, keepdim=True)


if __name__ == "__main__":
    torch.jit.script(OnCpu()).save(sys.argv[1])
