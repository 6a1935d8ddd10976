"""All checks on a machine with a card, in one command: `exportbench gpu-check`."""
