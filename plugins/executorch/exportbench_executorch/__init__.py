"""ExecuTorch for exportbench: the format `.pte`, its runtime, its reader and an exporter."""
