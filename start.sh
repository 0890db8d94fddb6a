#!/usr/bin/env bash
# Start BioTL: the first time this makes a virtual environment in .venv and installs what it needs.
set -euo pipefail
cd "$(dirname "$0")"
source ./environment.sh
exec .venv/bin/python -m streamlit run app.py "$@"
