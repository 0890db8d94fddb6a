"""LoRA on ESMFold's trunk, end to end on a tiny network with random weights made here: nothing of it is biology."""

import numpy as np
import pandas as pd
import pytest
import test_distances
import test_structure_esmfold
import torch
from test_structure_esmfold import SEQUENCE

from biotl_core.errors import UserError
from biotl_core.hardware import Device
from biotl_core.progress import Control, Stopped
from biotl_core.runs import esmfold_run
from biotl_core.runs.distance_run import distance_run
from biotl_core.runs.distances import (
    ADAPTER_FILE,
    OWN,
    TRUTH,
    UNADAPTED,
    create_distances,
    finished_runs,
    learned_folder,
    read_chains_table,
    read_distances,
    read_folds,
    say_answer,
    say_cost,
)
from biotl_core.runs.folder import read_history
from biotl_core.runs.foldings import start_folding
from biotl_core.runs.status import RunStatus, write_status
from biotl_core.structures import esmfold
from biotl_core.structures.chains import read_chains
from biotl_core.structures.distance_settings import ESMFOLD, DistanceSettings
from biotl_core.structures.engines import FoldSettings, open_engine
from biotl_core.structures.esmfold_adaptation import add_adapter, distogram_loss, learned_state
from biotl_core.structures.esmfold_memory import say_adaptation_memory
from biotl_core.structures.pair_sets import make_pair_set

# Fixtures of theirs, by assignment, since an import would be shadowed by every argument of that name.
bundle, pieces = test_distances.bundle, test_distances.pieces
tiny_esmfold = test_structure_esmfold.tiny_esmfold

SETTINGS = DistanceSettings(method=ESMFOLD, passes=2, learning_rate=0.02, crop=24, rank=2)
ROOMY = Device("cpu", "processor", 64.0, 64.0, 2)


@pytest.fixture
def roomy(monkeypatch):
    """A processor with memory enough, whatever machine runs the tests."""
    for module in (esmfold, esmfold_run):
        monkeypatch.setattr(module, "resolve_device", lambda name: ROOMY)


@pytest.fixture
def pair_set(pieces):
    return make_pair_set(pieces, "distances", "pieces")


def test_without_the_weights_it_is_refused(pair_set):
    with pytest.raises(UserError, match=r"ESMFold is not on this computer yet .* Download"):
        create_distances(pair_set, SETTINGS)


def test_the_adapter_changes_nothing_at_first_and_alone_learns(tiny_esmfold, roomy, bundle):
    model = esmfold.load_esmfold(ROOMY, Control())
    crop = slice(0, 24)
    with torch.no_grad():
        before = distogram_loss(model, bundle, crop)
    add_adapter(model, rank=2, seed=0)
    assert float(distogram_loss(model, bundle, crop).detach()) == pytest.approx(float(before))
    distogram_loss(model, bundle, crop).backward()
    names = set(learned_state(model))
    assert all("lora_" in name or "distogram_head" in name for name in names)
    assert sum("lora_B" in name for name in names) == 4  # of one block
    with_gradient = {name for name, value in model.named_parameters() if value.grad is not None}
    assert with_gradient == names  # that of lora_A is zero as long as lora_B is, but it is there


def test_a_run_shows_the_folds_before_and_after_and_its_adapter_serves(
    tiny_esmfold,
    roomy,
    pair_set,
    biotl_home,
    monkeypatch,
):
    folder = create_distances(pair_set, SETTINGS, name="tiny-random")
    assert "GB of memory" in say_cost(pair_set, SETTINGS) and "never measured" in say_cost(pair_set, SETTINGS)
    told = distance_run(folder, Control())
    write_status(folder, RunStatus("finished", told))
    result = read_distances(folder)
    assert set(result["baselines"]) == {UNADAPTED} and result["headline"] == "fold_lddt"
    assert "ESMFold as it was, reaches" in say_answer(result)
    history = read_history(folder)
    assert [line["epoch"] for line in history] == [0, 1, 2]
    best = min(line["validation_loss"] for line in history)
    assert best < history[0]["validation_loss"]  # it does learn
    assert history[result["best_pass"]]["validation_loss"] == best
    name = read_chains_table(folder)["name"][0]
    folds = read_folds(folder, 0, name)
    assert set(folds) == {TRUTH, OWN, UNADAPTED}
    before, after = (read_chains(folds[kind])[0].ca for kind in (UNADAPTED, OWN))
    assert before.shape == after.shape and np.abs(before - after).max() > 1e-3
    assert list(finished_runs(ADAPTER_FILE)) == ["tiny-random"] and not finished_runs()
    place = learned_folder("tiny-random", ADAPTER_FILE)
    settings = FoldSettings(adapter=str(place))
    test = pair_set.part("test")[0]
    again = open_engine("esmfold", [], settings)(test.sequence, test.name, Control())
    assert again.ca == pytest.approx(after, abs=2e-3)
    assert again.settings["adapter"] == str(place)
    monkeypatch.setattr("biotl_core.runs.foldings.launch", lambda run: None)
    start_folding(
        pd.DataFrame({"name": ["a"], "sequence": [SEQUENCE]}),
        "esmfold",
        [],
        FoldSettings(adapter="tiny-random"),
    )
    (place / ADAPTER_FILE).write_bytes(b"broken")
    with pytest.raises(UserError, match=r"adapter .* damaged"):
        open_engine("esmfold", [], settings)


def test_a_stopped_adaptation_goes_on_to_the_same(tiny_esmfold, roomy, pair_set):
    whole, stopped = (create_distances(pair_set, SETTINGS, name=name) for name in ("whole", "stopped"))
    distance_run(whole, Control())
    seen = []
    n_train = pair_set.counts["train"]
    in_second_pass = lambda: seen[-1] == ("Adapting ESMFold", n_train + 1)  # noqa: E731
    with pytest.raises(Stopped):
        distance_run(stopped, Control(lambda stage, done, total: seen.append((stage, done)), in_second_pass))
    distance_run(stopped, Control())
    for one, other in zip(read_history(whole), read_history(stopped), strict=True):
        assert one["validation_loss"] == pytest.approx(other["validation_loss"], abs=1e-5)


def test_memory_is_told_first_and_contacts_are_no_task_for_it(tiny_esmfold, pieces):
    assert "there are 64 GB" in say_adaptation_memory(tiny_esmfold, 128, ROOMY)
    small = Device("cuda", "a card", 1.0, 1.0, 2)
    with pytest.raises(UserError, match="GB of graphics memory; this computer has 1 GB"):
        say_adaptation_memory(tiny_esmfold, 512, small)
    with pytest.raises(UserError, match="not to contacts"):
        create_distances(make_pair_set(pieces, "contacts", "x"), SETTINGS)
    with pytest.raises(UserError, match="no method"):
        DistanceSettings(method="magic")
