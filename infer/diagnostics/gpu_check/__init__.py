"""All that is to be found out on a machine with a card, by one command: `exportbench gpu-check`."""
