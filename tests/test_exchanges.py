"""Exchanges of variants, by hand; and what a model of them can say where letters at places alone cannot."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.linear_model import LinearRegression
from tiny_backbones import make_esm
from transformers import AutoModel

from biotl_core.backbones.encoder import load_encoder
from biotl_core.backbones.likelihood import load_masked_model, zero_shot_scores
from biotl_core.data.dataset import Dataset
from biotl_core.data.variants import find_variants, letter_matrix
from biotl_core.evaluation.baselines import run_baselines
from biotl_core.evaluation.exchanges import (
    AMINO_ACIDS,
    N_KINDS,
    N_TRAITS,
    Exchanges,
    describe_exchanges,
    letter_traits,
)
from biotl_core.learning.exchanges import ParentLikelihood, VariantExchanges
from biotl_core.learning.model import Outputs, build_model, load_model, save_model
from biotl_core.learning.prediction import predict_examples, predict_sequences
from biotl_core.learning.settings import TrainingSettings
from biotl_core.learning.similarity import Similarity
from biotl_core.learning.simple_features import SimpleFeatures
from biotl_core.learning.training import make_accelerator
from biotl_core.progress import Control
from biotl_core.runs.tuning import Tuned

VARIANTS = ["MKVL", "MKIL", "MRIL", "MKVL", "MKVW"]


def test_letter_traits_put_alike_amino_acids_close():
    traits = letter_traits()

    def distance(a: str, b: str) -> float:
        return float(np.linalg.norm(traits[ord(a)] - traits[ord(b)]))

    assert distance("I", "V") < distance("I", "D")
    assert distance("K", "R") < distance("K", "W")


def test_exchanges_are_where_and_what_they_are():
    parent = letter_matrix(["MKVL"])[0]
    exchanges = Exchanges.of(letter_matrix(VARIANTS), parent)
    assert exchanges.places().toarray().tolist() == [
        [0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]
    ]  # fmt: skip
    traits = letter_traits()
    steps = exchanges.steps().toarray().reshape(5, 4, N_TRAITS)
    assert np.allclose(steps[2, 1], traits[ord("R")] - traits[ord("K")])
    assert np.allclose(steps[2, 2], traits[ord("I")] - traits[ord("V")]) and not steps[0].any()
    kinds = exchanges.kinds()
    # Those of a double mutant are the sum of its two singles; the parent has none.
    of = lambda one: Exchanges.of(letter_matrix([one]), parent).kinds()[0]  # noqa: E731
    assert (
        np.allclose(kinds[2], of("MRVL") + of("MKIL")) and not kinds[0].any() and kinds.shape == (5, N_KINDS)
    )
    comes, goes = kinds[2, -2 * len(AMINO_ACIDS) :].reshape(2, -1)
    letters = AMINO_ACIDS.tobytes().decode()
    assert {letters[i] for i in np.flatnonzero(comes)} == set("RI")
    assert {letters[i] for i in np.flatnonzero(goes)} == set("KV")


def test_variants_have_columns_of_exchange_on_the_scale_of_training(tmp_path):
    exchanges = VariantExchanges.of(find_variants(VARIANTS))
    assert exchanges.parent == "MKVL" and exchanges.places.tolist() == [1, 2, 3]
    assert exchanges.widths == (3 * (N_TRAITS + 1), N_KINDS)
    read = exchanges.read(VARIANTS)
    assert np.allclose(read.mean(dim=0), exchanges.mean, atol=1e-6)
    spread = read[:, -N_KINDS:].std(dim=0, correction=0)
    assert torch.allclose(spread[spread > 0], torch.ones(int((spread > 0).sum())), atol=1e-5)
    # Of another length nothing is known: the mean, which says nothing either way.
    assert torch.equal(exchanges.read(["MK"])[0], torch.from_numpy(exchanges.mean))
    exchanges.save(tmp_path / "exchanges.npz")
    assert torch.equal(VariantExchanges.load(tmp_path / "exchanges.npz").read(VARIANTS), read)


def test_the_likelihood_of_a_variant_is_the_sum_of_its_exchanges(tmp_path):
    odds = np.array([[0.0, -1.0], [2.0, 0.0], [np.nan, np.nan]])
    found = ParentLikelihood.of(["ACX", "CCX", "CAX"], "ACX", "AC", odds)
    assert found.read(["ACX", "CCX", "CAX", "AAX", "A"])[:, 0].tolist() == [0, -1, 1, 2, found.mean]
    assert found.mean == 0
    found.save(tmp_path / "likelihood.npz")
    assert ParentLikelihood.load(tmp_path / "likelihood.npz").read(["AAX"]).item() == 2
    assert ParentLikelihood.of(["ACX", "ACX"], "ACX", "AC", odds) is None


def test_a_kind_of_one_column_is_a_straight_line():
    rows = torch.randn(60, 1, generator=torch.Generator().manual_seed(0))
    aims = 0.8 * rows[:, 0] + 0.1 * torch.randn(60, generator=torch.Generator().manual_seed(1))
    head = Similarity((1,), 1)
    head.solve(rows, aims, "mse")
    line = LinearRegression(fit_intercept=False).fit(rows.numpy(), aims.numpy()).coef_[0]
    with torch.inference_mode():
        said = head(torch.tensor([[0.0], [1.0], [30.0]]))[:, 0]
    # It goes on beyond the training rows, where bumps would fall back to the mean.
    assert said.tolist() == pytest.approx([0, line, 30 * line], rel=0.01, abs=1e-5)


def of_kinds(n=240, length=40, seed=0) -> Dataset:
    """Single mutants; what decides is which amino acid comes in, wherever. Test places are not in training."""
    generator = np.random.default_rng(seed)
    letters = np.array(list("ACDEFGHIKLMNPQRSTVWY"))
    parent = generator.choice(letters, length)
    places = generator.permutation(length)
    parts = np.repeat(["train", "validation", "test"], [n // 2, n // 4, n // 4])
    rows, targets = [], []
    for part in parts:
        row, place = parent.copy(), generator.choice(places[24:] if part == "test" else places[:24])
        row[place] = generator.choice(letters)
        rows.append("".join(row))
        targets.append(letter_traits()[ord(row[place]), 0] + 0.1 * generator.normal())
    table = pd.DataFrame({"name": range(n), "sequence": rows, "target": targets, "part": parts})
    return Dataset(table.astype({"name": str}), "protein", "regression", ())


def test_exchanges_are_a_simple_method_of_protein_variants_alone():
    dataset = of_kinds()
    found = run_baselines(dataset)
    assert found["exchange_ridge"].scores["spearman"] > 0.8
    # Of places never seen letters at places say the same for all.
    assert not found["one_hot_ridge"].scores["spearman"] > 0.5
    longer = [one + "A" * (i % 5) for i, one in enumerate(dataset.table["sequence"])]
    longer = replace(dataset, table=dataset.table.assign(sequence=longer))
    assert "exchange_ridge" not in run_baselines(longer)


def test_each_block_of_exchanges_counts_alike():
    variants = find_variants(VARIANTS)
    rows = describe_exchanges(variants)
    n_kinds, n_where = N_KINDS, 4 * (N_TRAITS + 1)
    blocks = np.split(rows.toarray(), [rows.shape[1] - n_kinds - n_where, rows.shape[1] - n_kinds], axis=1)
    assert [np.square(block).sum() / len(VARIANTS) for block in blocks] == pytest.approx([1, 1, 1])


def tuned_on(backbone: Path, dataset: Dataset, folder: Path, **settings):
    chosen = TrainingSettings(**settings).resolved(dataset.task)
    tuned = Tuned.train(dataset, backbone, chosen, folder, make_accelerator("cpu", "float32"), Control())
    test = dataset.part("test")
    said = predict_examples(tuned.model, tuned.examples(test))
    return tuned.model, spearmanr(said, dataset.target_values(test))[0]


def test_what_was_learned_of_an_exchange_holds_at_places_never_measured(tmp_path):
    backbone, dataset = make_esm(tmp_path / "esm"), of_kinds()
    model, score = tuned_on(backbone, dataset, tmp_path / "run", simple_features="letters")
    assert score > 0.8
    assert model.simple.names == ["letters", "exchanges", "likelihood"] and model.simple.kind == "letters"
    assert model.shares["exchanges"] == max(model.shares.values()) and sum(
        model.shares.values()
    ) == pytest.approx(1)
    alone = replace(model.simple, exchanges=None, likelihood=None)
    assert [name for name, _ in alone.columns] == ["letters"]
    _, without = tuned_on(backbone, dataset, tmp_path / "other", simple_features="none")
    assert score > without + 0.1


def test_the_likelihood_is_that_of_zero_shot_and_comes_back_with_the_model(tmp_path):
    backbone, dataset = make_esm(tmp_path / "esm"), of_kinds()
    sequences = dataset.table["sequence"].tolist()
    model, _ = tuned_on(backbone, dataset, tmp_path / "run", simple_features="letters")
    said = zero_shot_scores(
        load_masked_model(backbone, "protein"),
        sequences,
        method="wild_type",
        parent=model.simple.likelihood.parent,
    )
    assert np.allclose(model.simple.likelihood.read(sequences)[:, 0], said.scores, atol=1e-4)
    save_model(model, tmp_path / "model", {"name": "esm"}, backbone)
    again = load_model(tmp_path / "model")
    assert again.simple.names == model.simple.names
    other_length = [*sequences[:5], "ACDEFGHIKLMNPQ"]
    expected = predict_sequences(model, other_length)
    assert np.isfinite(expected).all() and np.array_equal(predict_sequences(again, other_length), expected)


@pytest.mark.parametrize("weights", ["full", "8bit"])
def test_a_backbone_that_cannot_name_letters_is_not_asked(tmp_path, weights):
    folder, dataset = make_esm(tmp_path / "esm"), of_kinds()
    if weights == "full":
        AutoModel.from_pretrained(folder, add_pooling_layer=False).save_pretrained(
            folder
        )  # without its language head
    settings = TrainingSettings(simple_features="letters", weights=weights).resolved(dataset.task)
    encoder = build_model(folder, Outputs.of(dataset), replace(settings, weights="full")).encoder
    model = build_model(
        folder,
        Outputs.of(dataset),
        settings,
        training_sequences=dataset.table["sequence"].tolist(),
        encoder=encoder,
    )
    assert model.simple.names == ["letters", "exchanges"]


def test_dna_has_no_amino_acids(tmp_path):
    encoder = load_encoder(make_esm(tmp_path / "dna", letters=list("ACGTN")), "dna")
    settings = TrainingSettings(simple_features="both").resolved(of_kinds().task)
    odds = np.arange(16.0).reshape(4, 4)
    found = SimpleFeatures.of(
        ["ACGT", "ACGA", "ACTT", "AAGT"], encoder, "dna", settings, lambda parent: ("ACGT", odds)
    )
    assert found.names == ["letters", "likelihood", "counts"] and found.likelihood.parent == "ACGT"
    apart = SimpleFeatures.of(
        ["AAAA", "CCCC", "GGGG"], encoder, "dna", settings, lambda parent: ("ACGT", odds)
    )
    assert apart.names == ["letters"]  # no variants of one sequence
