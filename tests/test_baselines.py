"""Simple methods: the right ones for each kind of data, better than guessing, blind to the test part."""

import numpy as np
import pandas as pd
import pytest

from biotl_core.data.dataset import Dataset
from biotl_core.data.tasks import TASKS
from biotl_core.errors import UserError
from biotl_core.evaluation import baselines
from biotl_core.evaluation.baselines import run_baselines
from biotl_core.progress import Control, Stopped

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
N = 240


def random_sequences(letters: str, low: int, high: int, seed: int = 0) -> list[str]:
    random = np.random.default_rng(seed)
    return ["".join(random.choice(list(letters), random.integers(low, high + 1))) for _ in range(N)]


def make_dataset(sequences, targets, modality, task_name, classes=()) -> Dataset:
    parts = np.array(["train", "train", "train", "validation", "test"])[np.arange(N) % 5]
    names = [f"row {i}" for i in range(N)]
    table = pd.DataFrame({"name": names, "sequence": sequences, "target": targets, "part": parts})
    return Dataset(table, modality, task_name, classes)


def share(sequence: str, letters: str) -> float:
    return sum(sequence.count(letter) for letter in letters) / len(sequence)


def one_length_numbers() -> Dataset:
    sequences = random_sequences("ACDE", 12, 12)
    return make_dataset(
        sequences, [float(s[0] == "A") + 2 * (s[3] == "D") for s in sequences], "protein", "regression"
    )


def protein_classes() -> Dataset:
    sequences = random_sequences(AMINO_ACIDS, 20, 60)
    targets = ["sticky" if share(s, "FILVWY") > 0.3 else "not" for s in sequences]
    return make_dataset(sequences, targets, "protein", "classification", ("not", "sticky"))


def dna_numbers() -> Dataset:
    sequences = random_sequences("ACGT", 30, 50)
    return make_dataset(sequences, [share(s, "GC") * 100 for s in sequences], "dna", "regression")


def molecule_labels() -> Dataset:
    chains = [f"{'C' * (i % 7 + 1)}{('O', 'N', 'Cl', 'Br')[i % 4]}" for i in range(N)]
    targets = [[float("O" in s), float("nan") if i % 3 else float("Br" in s)] for i, s in enumerate(chains)]
    return make_dataset(chains, targets, "molecule", "multilabel", ("has O", "has Br"))


def residue_classes() -> Dataset:
    sequences = random_sequences("ACDEFG", 15, 30)
    targets = ["".join("H" if letter in "ACD" else "C" for letter in s[:-1]) + "?" for s in sequences]
    return make_dataset(sequences, targets, "protein", "residue_classification", ("C", "H"))


def residue_numbers() -> Dataset:
    sequences = random_sequences("ACDEFG", 15, 30)
    targets = [[float("nan"), *(float(letter in "ACD") for letter in s[1:])] for s in sequences]
    return make_dataset(sequences, targets, "protein", "residue_regression")


EXPECTED = {
    one_length_numbers: ["mean", "one_hot_ridge", "kmer_ridge", "random_forest", "nearest_neighbour"],
    protein_classes: ["majority", "kmer_logistic", "random_forest", "nearest_neighbour"],
    dna_numbers: ["mean", "kmer_ridge", "random_forest", "nearest_neighbour"],
    molecule_labels: ["majority", "fingerprint_logistic", "random_forest", "nearest_neighbour"],
    residue_classes: ["majority", "window_logistic"],
    residue_numbers: ["mean", "window_ridge"],
}


@pytest.mark.parametrize("make", EXPECTED, ids=lambda make: make.__name__)
def test_each_kind_of_data_gets_its_simple_methods_and_they_learn(make):
    dataset = make()
    found = run_baselines(dataset)
    assert list(found) == EXPECTED[make]
    headline = dataset.task.headline_metric(len(dataset.classes))
    simplest, linear = (found[name] for name in EXPECTED[make][:2])
    guessing = np.nan_to_num(simplest.scores[headline])
    assert linear.scores[headline] > max(guessing + 0.2, 0.75)
    n_test = len(dataset.part("test"))
    for baseline in found.values():
        assert len(baseline.predicted_test) == n_test
        assert list(baseline.scores) == list(baseline.intervals) == list(TASKS[dataset.task_name].metrics)
        low, high = baseline.intervals[headline]
        assert np.isnan(low) or low <= baseline.scores[headline] <= high
        assert baseline.title[0].isupper() and baseline.explanation.endswith(".")


def test_residue_predictions_have_the_length_of_their_sequence():
    dataset = residue_classes()
    predicted = run_baselines(dataset)["window_logistic"].predicted_test
    shapes = [one.shape for one in predicted]
    assert shapes == [(len(s), 2) for s in dataset.part("test")["sequence"]]


def test_test_targets_are_not_looked_at():
    dataset = protein_classes()
    table = dataset.table.copy()
    is_test = table["part"] == "test"
    table.loc[is_test, "target"] = table.loc[is_test, "target"].map({"not": "sticky", "sticky": "not"})
    swapped = Dataset(table, dataset.modality, dataset.task_name, dataset.classes)
    before, after = run_baselines(dataset), run_baselines(swapped)
    for name in before:
        np.testing.assert_array_equal(before[name].predicted_test, after[name].predicted_test)
    assert before["kmer_logistic"].scores["auroc"] == pytest.approx(
        1 - after["kmer_logistic"].scores["auroc"]
    )


def test_many_rows_are_sampled_and_that_is_said(monkeypatch):
    monkeypatch.setattr(baselines, "MOST_ROWS", (50, 20))
    monkeypatch.setattr(baselines, "MOST_RESIDUES", 300)
    ridge = run_baselines(dna_numbers())["kmer_ridge"]
    assert "50 of 144 training sequences" in ridge.explanation
    assert len(ridge.predicted_test) == N // 5
    window = run_baselines(residue_numbers())["window_ridge"]
    assert "300 of 3," in window.explanation


def test_one_class_in_training_and_one_row_in_a_part_do_no_harm():
    dataset = protein_classes()
    table = dataset.table.copy()
    table.loc[table["part"] == "train", "target"] = "not"
    found = run_baselines(Dataset(table, "protein", "classification", dataset.classes))
    assert (found["kmer_logistic"].predicted_test == [1.0, 0.0]).all()
    parts = ["train"] * 237 + ["validation", "test", "test"]
    found = run_baselines(dna_numbers().with_parts(pd.Series(parts)))
    assert len(found["kmer_ridge"].predicted_test) == 2


def test_without_validation_or_test_rows_nothing_breaks():
    dataset = dna_numbers()
    found = run_baselines(dataset.with_parts(pd.Series(["train"] * N)))
    assert all(np.isnan(list(one.scores.values())).all() for one in found.values())
    with pytest.raises(UserError, match="Part \\*train\\*"):
        run_baselines(dataset.with_parts(pd.Series(["test"] * N)))


def test_progress_rises_to_the_end_and_stop_is_heard():
    seen = []
    run_baselines(dna_numbers(), Control(report=lambda stage, done, total: seen.append((stage, done, total))))
    done = [step for _, step, _ in seen]
    assert done == sorted(done) and seen[-1][1] == seen[-1][2]
    assert any("Ridge on short words" in stage for stage, _, _ in seen)
    with pytest.raises(Stopped):
        run_baselines(dna_numbers(), Control(should_stop=lambda: True))


@pytest.mark.data
def test_known_score_of_one_hot_ridge_on_gb1(shared_data):
    raw = pd.read_csv(shared_data / "sequences/protein_seq_regression/gb1_flip.csv.gz")
    parts = raw["split_three_vs_rest"].replace({"valid": "validation"})
    columns = {
        "name": raw.index.astype(str),
        "sequence": raw["sequence"],
        "target": raw["target"],
        "part": parts,
    }
    dataset = Dataset(pd.DataFrame(columns), "protein", "regression")
    scores = run_baselines(dataset)["one_hot_ridge"].scores
    assert scores["spearman"] == pytest.approx(0.755, abs=0.015)
