#!/bin/sh
# Writes the lock files again (make lock). One file for every machine: markers decide, hashes are checked.
set -eu
cd "$(dirname "$0")/.."
lock() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header "$@"; }

for name in uv dev ministack sam checkov aws moto mutation dashscope-1.24 dashscope-1.25 dashscope-1.26 dashscope-1.27; do lock "requirements/$name.in" -o "requirements/$name.txt"; done
# anyio stays out of the layer: httpx needs it for asynchronous use only.
lock layers/deps/requirements.in -c requirements/dev.txt -o layers/deps/requirements.txt --no-emit-package anyio
