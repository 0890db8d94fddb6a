"""Contacts and distances learned from structures: measures by hand, sets, the run from start to answer, its verb."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biotl_core import cli
from biotl_core.errors import UserError
from biotl_core.progress import Control, Stopped
from biotl_core.runs.distance_run import distance_run
from biotl_core.runs.distances import (
    create_distances,
    finished_runs,
    learned_folder,
    read_chains_table,
    read_distances,
    read_map,
    rivals,
    say_answer,
    say_cost,
)
from biotl_core.runs.folder import create_run, read_history
from biotl_core.runs.folding_run import fold_run
from biotl_core.runs.foldings import read_foldings, read_model, start_folding
from biotl_core.runs.status import RunStatus, write_status
from biotl_core.structures.chains import read_chains
from biotl_core.structures.distance_settings import DistanceSettings
from biotl_core.structures.examples import EXAMPLE_STRUCTURES
from biotl_core.structures.pair_measures import (
    EDGES,
    N_BINS,
    averaged,
    bins_by_separation,
    distance_lddt,
    expected_distances,
    judge_bins,
    judge_scores,
    mean_with_interval,
    precision_at_l,
    separation_bins,
    true_contacts,
    true_distances,
)
from biotl_core.structures.pair_sets import (
    PairSet,
    find_pair_set,
    list_pair_sets,
    make_pair_set,
    save_pair_set,
)

QUICK = DistanceSettings(passes=2)


@pytest.fixture(scope="module")
def bundle():
    return read_chains(EXAMPLE_STRUCTURES["bundle"].file)[0]


@pytest.fixture(scope="module")
def pieces(bundle):
    """Twelve overlapping pieces of a real chain, each with another sequence."""
    return [bundle.cut(k, k + 45 + k) for k in range(12)]


@pytest.fixture(scope="module")
def pair_sets(pieces):
    return {target: make_pair_set(pieces, target, "pieces") for target in ("contacts", "distances")}


def certain(chain) -> np.ndarray:
    """Bins of one who knows the distances."""
    return np.eye(N_BINS)[np.searchsorted(EDGES, true_distances(chain), side="right")]


def test_one_who_knows_is_right_and_one_who_turns_it_around_is_not(bundle):
    scores = judge_bins(certain(bundle), bundle)
    contacts = true_contacts(bundle)
    i, j = np.triu_indices(69, 24)
    assert scores["precision_long"] == pytest.approx(min(1, contacts[i, j].sum() / 69))
    assert scores["distance_lddt"] > 0.8  # bins are 1 Å wide
    assert judge_scores(-contacts, bundle)["precision_long_fifth"] == 0


def test_precision_and_distance_lddt_by_hand():
    contacts = np.zeros((30, 30))
    contacts[0, 24:28] = contacts[24:28, 0] = 1
    scores = np.zeros((30, 30))
    scores[0, 24:26] = 2
    scores[1, 25] = 1
    assert precision_at_l(scores, contacts, share=0.1) == pytest.approx(2 / 3)
    assert np.isnan(precision_at_l(scores[:20, :20], contacts[:20, :20]))
    true = np.full((5, 5), 10.0)
    true[0, 4] = 30.0  # beyond its reach
    assert distance_lddt(true, true) == 1
    assert distance_lddt(true + 0.7, true) == pytest.approx(3 / 4)
    assert distance_lddt(true - 3.0, true) == pytest.approx(1 / 4)


def test_expected_distances_are_means_of_bins():
    sure = np.eye(N_BINS)
    assert expected_distances(sure)[[1, -1]].tolist() == [4.5, 22.0]
    assert expected_distances((sure[1] + sure[3]) / 2) == pytest.approx(5.5)


def test_steps_along_the_chain_are_probabilities(bundle):
    shares = separation_bins([bundle])
    assert shares.sum(axis=2) == pytest.approx(1)
    assert shares[0, 1].argmax() == 0  # neighbours: 3.8 Å
    bins = bins_by_separation(shares, 60)
    assert bins.shape == (2, 60, 60, N_BINS) and (bins[0, 3, 10] == bins[0, 20, 13]).all()


def test_means_leave_out_what_is_not_known_and_few_chains_have_no_interval():
    assert averaged([{"fold_tm": 0.5}, {"fold_tm": float("nan")}]) == {"fold_tm": 0.5}
    assert mean_with_interval([0.1, 0.3]).value == pytest.approx(0.2)
    assert np.isnan(mean_with_interval([0.1, 0.3]).low)
    mean = mean_with_interval(np.linspace(0, 1, 50))
    assert 0.3 < mean.low < mean.value < mean.high < 0.7


def test_a_set_is_what_it_was_after_reading(pair_sets, tmp_path):
    pair_set = pair_sets["contacts"]
    place = save_pair_set("mine", pair_set)
    assert list_pair_sets() == ["mine"] and find_pair_set("mine") == place
    again = PairSet.load(place)
    assert again.content_hash == pair_set.content_hash
    assert again.counts == pair_set.counts and sum(again.counts.values()) == 12
    assert true_contacts(again.chains[3]) == pytest.approx(true_contacts(pair_set.chains[3]))
    with pytest.raises(UserError, match="no structures called"):
        find_pair_set("yours")
    (place / "structures.parquet").write_text("")
    with pytest.raises(UserError, match="damaged"):
        PairSet.load(place)


def test_what_cannot_be_learned_from_is_said(bundle, pieces):
    with pytest.raises(UserError, match=r"Only 1 chain of 12 can be used .*the same sequence"):
        make_pair_set([bundle] * 12, "contacts", "x")
    made = make_pair_set([*pieces, bundle.cut(0, 20)], "contacts", "x")
    assert made.left_out[0][1].startswith("fewer than 30")
    with pytest.raises(UserError, match="no target"):
        make_pair_set(pieces, "nothing", "x")
    with pytest.raises(UserError, match="passes: found 0"):
        DistanceSettings(passes=0)


@pytest.fixture(scope="module")
def done_once(pair_sets, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BIOTL_HOME", str(tmp_path_factory.mktemp("home")))
        folder = create_distances(pair_sets["distances"], QUICK)
        told = distance_run(folder, Control())
        write_status(folder, RunStatus("finished", told))
    return folder


@pytest.fixture
def finished(done_once, biotl_home):
    """A finished run in the home of the test."""
    return Path(shutil.copytree(done_once, biotl_home / "distances" / done_once.name))


def test_a_run_learns_judges_folds_and_serves_new_sequences(finished, bundle):
    result = read_distances(finished)
    assert set(result["baselines"]) == {"letters", "separation", "relative", "attention"}
    assert set(result["test"]) >= {"precision_medium", "distance_lddt", "fold_lddt", "fold_tm"}
    assert say_answer(result).startswith("lDDT of distances 0.")
    # Pieces of the very same chain are in training, so copying is all but perfect, and the answer says so.
    assert result["baselines"]["relative"]["distance_lddt"] > 0.75
    best = max(rivals(result, "distance_lddt"), key=lambda one: one.value)
    assert best.name == "relative" and best.gain < 0
    table = read_chains_table(finished)
    assert len(table) == result["counts"]["test"] and table["letters fold_tm"].notna().all()
    assert read_map(finished, 0).shape == (table["length"][0],) * 2
    assert [line["epoch"] for line in read_history(finished)] == [1, 2]
    assert list(finished_runs()) == [finished.name]
    request = {"engine": "learned", "settings": {"head": str(learned_folder(finished.name))}}
    fold = create_run(request, kind="fold", name="new")
    pd.DataFrame({"name": ["mine"], "sequence": [bundle.sequence]}).to_parquet(fold / "input.parquet")
    fold_run(fold, Control())
    model = read_model(fold, read_foldings(fold)["folder"].iloc[0])
    assert model.about["engine"] == "learned" and model.about["settings"]["run"] == finished.name
    assert model.contacts.shape == (69, 69)


def test_a_stopped_run_goes_on_to_the_same_head(pair_sets, finished, biotl_home):
    folder = create_distances(pair_sets["distances"], QUICK, name="stopped")
    n_train = pair_sets["distances"].counts["train"]
    seen = []
    in_second_pass = lambda: seen[-1] == ("Learning distances", n_train + 2)  # noqa: E731
    with pytest.raises(Stopped):
        distance_run(folder, Control(lambda stage, done, total: seen.append((stage, done)), in_second_pass))
    assert len(read_history(folder)) == 1
    distance_run(folder, Control())
    assert read_history(folder) == read_history(finished)
    assert read_distances(folder)["test"] == pytest.approx(read_distances(finished)["test"])


def test_contacts_are_not_folded_and_the_verb_tells_all(pair_sets, monkeypatch, capsys):
    save_pair_set("mine", pair_sets["contacts"])
    monkeypatch.setattr("biotl_core.verbs.distances.launch", lambda folder: _finish(folder))
    assert cli.main(["train-distances", "mine", "--passes", "1", "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["target"] == "contacts" and told["settings"]["passes"] == 1
    assert "fold_tm" not in told["test"] and "precision_medium" in told["baselines"]["attention"]
    assert cli.main(["train-distances", "nowhere"]) == 2
    assert "no folder" in capsys.readouterr().err


def _finish(folder):
    write_status(folder, RunStatus("finished", distance_run(folder, Control())))


def test_a_head_whose_backbone_has_changed_is_refused(finished, bundle):
    about = finished / "model" / "head.json"
    about.write_text(about.read_text().replace('"fingerprint": "', '"fingerprint": "0'))
    fold = create_run(
        {"engine": "learned", "settings": {"head": str(finished / "model")}}, kind="fold", name="new"
    )
    pd.DataFrame({"name": ["mine"], "sequence": [bundle.sequence]}).to_parquet(fold / "input.parquet")
    with pytest.raises(UserError, match="other weights"):
        fold_run(fold, Control())


def test_only_finished_runs_serve(pair_sets, bundle):
    folder = create_distances(pair_sets["contacts"], QUICK)
    assert "Roughly" in say_cost(pair_sets["contacts"], QUICK)
    with pytest.raises(UserError, match="has not learned that to its end"):
        learned_folder(folder.name)
    sequences = pd.DataFrame({"name": ["a"], "sequence": [bundle.sequence]})
    with pytest.raises(UserError, match="Choose a finished run"):
        start_folding(sequences, "learned", [])
