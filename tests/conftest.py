"""What every test shares: one thread, no network, a home of its own, the real data where it is at hand."""

import os
from pathlib import Path

# Before anything imports numpy, torch or the hub: tests share the machine and must not reach the network.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"


@pytest.fixture(autouse=True)
def biotl_home(tmp_path, monkeypatch) -> Path:
    """BioTL writes below the test's own folder, never into the home of who runs the tests."""
    home = tmp_path / "biotl-home"
    monkeypatch.setenv("BIOTL_HOME", str(home))
    return home


@pytest.fixture
def shared_data() -> Path:
    """The folder of real sets beside the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real sets of ../shared/data are not on this machine")
    return SHARED_DATA
