#!/bin/sh
# The gate's command. Threads and batch are fixed, so that memory can be compared anywhere.
exec exportbench gate exported/digits.onnx --inputs test.npz --baseline baseline.json \
    --device cpu --threads 1 --batch 256 "$@"
