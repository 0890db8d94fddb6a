# Sourced by start.sh and test.sh: a virtual environment in .venv that holds what requirements.txt says.
# It is made anew when requirements.txt has changed since.
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "BioTL needs Python 3.11 or newer; set PYTHON to one, for example PYTHON=python3.12 bash start.sh." >&2
    exit 1
}
if ! cmp -s requirements.txt .venv/requirements.txt; then
    echo "Setting up BioTL in .venv; this takes a few minutes the first time."
    "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements-compiled.txt ||
        echo "No C compiler here, so DNA of genomes is not aligned; everything else works." >&2
    cp requirements.txt .venv/requirements.txt
fi
