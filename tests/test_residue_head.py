"""The head of tasks per residue: it reads neighbours and a middle layer, and never across sequences."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_encoder import random_proteins
from test_training import BACKBONE, FULL, fit, make_dataset
from tiny_backbones import make_esm, make_t5

from biotl_core.backbones.embeddings import embed, open_store
from biotl_core.backbones.encoder import load_encoder
from biotl_core.data.tasks import TASKS
from biotl_core.evaluation.metrics import evaluate
from biotl_core.learning.certainty import predict_with_difficulty, settle_training
from biotl_core.learning.model import Head, Outputs, build_model, load_model, save_model
from biotl_core.learning.prediction import make_examples, predict_examples, predict_sequences
from biotl_core.learning.settings import TrainingSettings, head_words
from biotl_core.learning.training import make_accelerator
from biotl_core.progress import Control
from biotl_core.runs.tuning import Tuned

RESIDUE = TASKS["residue_regression"]


def make_head(width: int, n_outputs: int = 2, **settings) -> Head:
    torch.manual_seed(3)
    return Head((width,), n_outputs, TrainingSettings(**settings).resolved(RESIDUE)).eval()


@pytest.fixture
def folder(tmp_path):
    return make_esm(tmp_path / "esm", layers=3)


@pytest.mark.parametrize("head", ["linear", "mlp"])
@pytest.mark.parametrize("method", ["frozen", "full"])
@pytest.mark.parametrize("neighbours", [0, 1, 5, 8])
def test_a_sequence_does_not_see_its_pack(head, method, neighbours):
    model = make_head(6, head=head, method=method, neighbours=neighbours)
    rows = [torch.randn(n, 6, generator=torch.Generator().manual_seed(n)) for n in (7, 1, 30, 2, 12)]
    alone = [model(own, [len(own)]) for own in rows]
    for order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4]):
        together = model(torch.cat([rows[i] for i in order]), [len(rows[i]) for i in order])
        for i, own in zip(order, together.split([len(rows[i]) for i in order]), strict=True):
            torch.testing.assert_close(own, alone[i], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("head", ["linear", "mlp"])
@pytest.mark.parametrize("neighbours", [0, 1, 5, 8])
def test_it_reads_exactly_as_far_as_asked(head, neighbours):
    model = make_head(4, 1, head=head, method="full", neighbours=neighbours)
    features = torch.randn(41, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    model(features, [41])[20, 0].backward()
    seen = torch.nonzero(features.grad.abs().sum(dim=1)).flatten()
    assert seen.tolist() == list(range(20 - neighbours, 21 + neighbours))


def test_no_rows_give_no_outputs():
    model = make_head(4, neighbours=3)
    assert model(torch.zeros(0, 4), []).shape == (0, 2)
    assert model(torch.ones(5, 4), [0, 5, 0]).shape == (5, 2)


def test_the_middle_layer_stands_beside_the_last(folder):
    encoder = load_encoder(folder, "protein")
    sequences = random_proteins([9, 30, 4])
    pack, last = encoder(encoder.encode(sequences), (1,)), encoder(encoder.encode(sequences))
    assert pack.states.shape == (43, 64)
    assert torch.equal(pack.states[:, 32:], last.states)
    plain = encoder.model.encoder.layer[0]
    seen = []
    plain.register_forward_hook(
        lambda module, inputs, out: seen.append(out[0] if isinstance(out, tuple) else out)
    )
    encoder(encoder.encode(sequences))
    states = torch.cat([own[1:-1] for own in seen[0][0].split([11, 32, 6])])
    torch.testing.assert_close(pack.states[:, :32], states)


def test_the_middle_layer_of_a_padded_backbone_does_not_see_the_pack(tmp_path):
    encoder = load_encoder(make_t5(tmp_path / "t5"), "protein")
    sequences = random_proteins([9, 30, 4])
    together = encoder(encoder.encode(sequences), (1,)).states.split([9, 30, 4])
    for sequence, own in zip(sequences, together, strict=True):
        alone = encoder(encoder.encode([sequence]), (1,)).states
        torch.testing.assert_close(own, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("level", ["sequence", "residue"])
def test_layers_are_kept_apart(folder, level):
    encoder = load_encoder(folder, "protein")
    sequences = random_proteins([12, 20])
    both = embed(encoder, sequences, level, open_store(folder, encoder, level, (1,)), layers=(1,))
    last = embed(encoder, sequences, level, open_store(folder, encoder, level))
    again = embed(encoder, sequences, level, open_store(folder, encoder, level, (1,)), layers=(1,))
    assert both[0].shape[1] == 2 * last[0].shape[1]
    assert all(np.array_equal(one, two) for one, two in zip(both, again, strict=True))


@pytest.mark.parametrize("method", ["frozen", "full"])
def test_predictions_and_their_difficulty_do_not_depend_on_the_company(folder, tmp_path, method):
    dataset = make_dataset("residue_regression")
    model, _, _ = fit(folder, dataset, replace(FULL, method=method, epochs=2), tmp_path / "c")
    assert model.head.reach == 8 and model.layers == (1,)
    examples = make_examples(model, dataset.table["sequence"], dataset.target_values())
    neighbourhood = settle_training(model, examples, control=None)
    predicted, difficulty = predict_with_difficulty(model, examples, neighbourhood)
    for i in (0, 5):
        one, hard = predict_with_difficulty(model, examples.subset(np.array([i])), neighbourhood)
        np.testing.assert_allclose(one[0], predicted[i], rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(hard[0], difficulty[i], rtol=1e-3, atol=1e-3)


def test_models_of_a_time_without_neighbours_still_load(folder, tmp_path):
    """Such a model is written here as it was then: settings without the new names, a head of single residues."""
    dataset = make_dataset("residue_classification")
    settings = replace(FULL, method="frozen", epochs=2, layers="last", neighbours=0)
    model, predicted, _ = fit(folder, dataset, settings, tmp_path / "c")
    save_model(model, tmp_path / "model", BACKBONE, folder)
    path = tmp_path / "model" / "biotl.json"
    about = json.loads(path.read_text())
    del about["settings"]["layers"], about["settings"]["neighbours"]
    path.write_text(json.dumps(about))
    again = load_model(tmp_path / "model", folder)
    assert again.head.reach == 0 and again.layers == ()
    for one, two in zip(predict_sequences(again, dataset.table["sequence"].tolist()), predicted, strict=True):
        np.testing.assert_allclose(one, two, atol=2e-3)


def test_what_neighbours_say_can_be_learned(folder, tmp_path):
    """The class of a residue is told by the letter three places on: a head of single residues cannot know it."""
    dataset = make_dataset("residue_classification", n=40)
    rows = dataset.table["sequence"]
    dataset.table["target"] = [
        "".join("H" if letter in "ACDEFGHIK" else "E" for letter in s[3:]) + "?" * min(3, len(s))
        for s in rows
    ]
    settings = TrainingSettings(method="frozen", epochs=60, patience=0, dropout=0.0, learning_rate=3e-3)
    scores = {}
    for neighbours in (0, 4):
        chosen = replace(settings, neighbours=neighbours)
        _, _, results = fit(folder, dataset, chosen, tmp_path / str(neighbours))
        scores[neighbours] = max(result.metrics["accuracy"] for result in results)
    assert scores[4] > 0.95 > 0.85 > scores[0]


def fit_on_parts(folder, dataset, run, **settings):
    chosen = TrainingSettings(method="frozen", **settings).resolved(dataset.task)
    return Tuned.train(dataset, folder, chosen, run, make_accelerator("cpu", "float32"), Control())


def with_parts(dataset):
    parts = [
        "validation" if i % 5 == 0 else "test" if i % 5 == 1 else "train" for i in range(len(dataset.table))
    ]
    return replace(dataset, table=dataset.table.assign(part=parts))


@pytest.mark.parametrize("method", ["frozen", "full"])
def test_the_letter_of_a_position_stands_beside_its_vector(folder, tmp_path, method):
    """The last columns of what the head reads are 1 for the letter of the position, of those seen in training."""
    sequences = ["ACCA", "CAD"]
    settings = TrainingSettings(method=method).resolved(RESIDUE)
    model = build_model(
        folder, Outputs("residue_regression", (), "protein"), settings, training_sequences=sequences
    )
    assert model.simple.kind == "letters" and model.simple.columns == (("letters", 3),)
    assert model.head.widths == (2 * model.encoder.width, 3)
    known = model.encoder.encode(["ACD"]).ids[0][1:-1].tolist()
    columns = [known.index(i) for i in model.simple.own_letter.ids]
    expected = np.eye(3)[[0, 1, 1, 0, 1, 0, 2]][:, columns]  # A, C, C, A, then C, A, D
    examples = make_examples(model, sequences)
    if method == "frozen":
        rows = examples.ready_rows([0, 1])
    else:
        rows = model.features(examples.inputs, examples.beside_of([0, 1], torch.device("cpu")))
    np.testing.assert_array_equal(rows[:, -3:].detach(), expected)
    # A letter never seen in training has no column.
    assert not make_examples(model, ["W"]).beside[0].any()


@pytest.mark.parametrize(
    ("head", "words"),
    [("linear", "one convolution over 8 {}reads {}"), ("mlp", "two convolutions over 8 {}read {}")],
)
def test_the_letter_is_said_of_the_head(head, words):
    settings = TrainingSettings(head=head).resolved(RESIDUE)
    said = words.format("positions to either side, which also ", "which letter stands where")
    assert head_words(settings, "protein") == said


def test_the_letter_is_kept_with_the_model(folder, tmp_path):
    dataset = with_parts(make_dataset("residue_classification", n=20))
    tuned = fit_on_parts(folder, dataset, tmp_path / "run", epochs=2)
    sequences = dataset.table["sequence"].tolist()
    save_model(tuned.model, tmp_path / "model", BACKBONE, folder)
    again = load_model(tmp_path / "model", folder)
    assert again.simple == tuned.model.simple
    said, once_more = (predict_sequences(model, sequences) for model in (tuned.model, again))
    for one, two in zip(said, once_more, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_sequences_cut_to_a_length_have_as_many_letters_as_vectors(folder, tmp_path):
    dataset = with_parts(make_dataset("residue_classification", n=20))
    tuned = fit_on_parts(folder, dataset, tmp_path / "run", epochs=1, max_length=8)
    (predicted,) = predict_sequences(tuned.model, ["ACDEFGHIKL"])
    assert np.isfinite(predicted[:8]).all() and np.isnan(predicted[8:]).all()


def test_a_class_that_one_letter_has_is_learned_from_few_sequences(folder, tmp_path):
    """One residue in hundreds has it: in twenty passes over so few sequences it is not found, in enough it is."""
    dataset = with_parts(make_dataset("residue_classification", n=40))
    dataset.table["target"] = [
        "".join("H" if letter == "W" else "E" for letter in s) for s in dataset.table["sequence"]
    ]
    test = dataset.part("test")
    scores = {}
    for name, settings in {
        "now": {},
        "before": {"simple_features": "none", "epochs": 20, "patience": 3},
    }.items():
        tuned = fit_on_parts(folder, dataset, tmp_path / name, **settings)
        said = predict_examples(tuned.model, tuned.examples(test))
        found = evaluate(dataset.task_name, dataset.classes, dataset.target_values(test), said)
        scores[name] = found["mcc"]
    assert scores["now"] > 0.95 and scores["now"] > scores["before"]


@pytest.mark.parametrize(
    ("n", "epochs", "patience"), [(8, 100, 15), (240, 67, 11), (400, 40, 6), (800, 20, 3), (9000, 20, 3)]
)
def test_few_sequences_are_passed_over_more_often(n, epochs, patience):
    """2,000 steps of eight sequences, between 20 and 100 passes; 15 % of the passes without improvement end it."""
    settings = TrainingSettings().resolved(RESIDUE)
    found = settings.for_data(n, "protein")
    assert (found.epochs, found.patience) == (epochs, patience)
    asked = TrainingSettings(epochs=7, patience=0).resolved(RESIDUE).for_data(n, "protein")
    assert (asked.epochs, asked.patience) == (7, 0)
    tuned = TrainingSettings(method="lora").resolved(RESIDUE).for_data(n, "protein")
    assert (tuned.epochs, tuned.patience) == (10, 3)


def test_settings_suit_the_task():
    residue = TrainingSettings().resolved(TASKS["residue_classification"])
    assert (residue.neighbours, residue.layers, residue.batch_size) == (8, "middle_last", 8)
    sequence = TrainingSettings(neighbours=5).resolved(TASKS["regression"])
    assert sequence.neighbours == 0
