#!/usr/bin/env bash
# Run all tests: the virtual environment and, where it can, Chromium for the tests in a browser are set up first.
set -euo pipefail
cd "$(dirname "$0")"
source ./environment.sh
if ! command -v chromium >/dev/null && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
fi
command -v chromium >/dev/null || echo "No Chromium here: the tests in a browser will be skipped."
.venv/bin/python -m ruff check .
.venv/bin/python -m ruff format --check .
# A shared machine can starve a test that waits for a browser or another process: one that fails is run once more, and
# listed. One that fails twice is broken.
exec .venv/bin/python -m pytest --reruns 1 -rR "$@"
