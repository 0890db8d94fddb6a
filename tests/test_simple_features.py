"""Letters and words beside features: the right columns, as the simple methods count, chosen where they help."""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import pairwise_distances
from tiny_backbones import make_esm

from biotl_core.backbones import embeddings
from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.tokenizer import Tokens
from biotl_core.data.alphabets import reverse_complement
from biotl_core.data.dataset import Dataset
from biotl_core.evaluation import features as describe
from biotl_core.evaluation.metrics import evaluate
from biotl_core.learning import words
from biotl_core.learning.head import Head
from biotl_core.learning.letters import VariedLetters
from biotl_core.learning.model import Outputs, SequenceModel, build_model, load_model, save_model
from biotl_core.learning.prediction import make_examples, predict_examples, predict_sequences
from biotl_core.learning.settings import WITH_START, TrainingSettings
from biotl_core.learning.simple_features import SimpleFeatures
from biotl_core.learning.training import make_accelerator
from biotl_core.learning.words import WordCounts
from biotl_core.progress import Control
from biotl_core.runs.folder import create_run, read_history, read_result
from biotl_core.runs.training_run import train_run
from biotl_core.runs.tuning import Tuned, _open_ways


def tokens_of(*rows):
    return Tokens([np.array([0, *row, 2]) for row in rows], 1, 1)


def test_columns_are_the_letters_that_vary():
    letters = VariedLetters.of(tokens_of([5, 6, 7], [5, 9, 7], [5, 6, 8], [5, 6, 7]))
    assert (letters.length, letters.places, letters.ids) == (3, [1, 1, 2, 2], [6, 9, 7, 8])
    assert letters.frequencies == [0.75, 0.25, 0.75, 0.25]
    found = letters.one_hot(tokens_of([5, 9, 8], [4, 4, 4], [5, 9]))
    # The second has letters never seen there; the third another length, of which nothing is said.
    assert found.tolist() == [[0, 1, 0, 1], [0, 0, 0, 0], letters.frequencies]


@pytest.mark.parametrize("rows", [([5, 6], [5, 6, 7]), ([5, 6], [5, 6]), ([5], [5])])
def test_no_columns_where_lengths_differ_or_nothing_varies(rows):
    assert VariedLetters.of(tokens_of(*rows)) is None


def test_kinds_of_features_count_alike_however_many_they_are():
    features = torch.randn(5000, 210, generator=torch.Generator().manual_seed(0))
    for method in ("full", "frozen"):
        settings = TrainingSettings(method=method).resolved(variants().task)
        both, alone = Head((200, 10), 1, settings), Head((200,), 1, settings)
        both.fit_features(features)
        alone.fit_features(features[:, :200])
        rows = both._turned(features).square()
        assert rows[:, :200].sum() == pytest.approx(float(rows[:, 200:].sum()), rel=1e-3)
        assert rows.sum() == pytest.approx(float(alone._turned(features[:, :200]).square().sum()), rel=1e-3)


def test_kinds_read_of_the_backbone_are_turned_each_by_itself():
    features = torch.randn(500, 50, generator=torch.Generator().manual_seed(0)) * torch.linspace(1, 9, 50)
    for method in ("full", "frozen"):
        settings = TrainingSettings(method=method).resolved(variants().task)
        head, alone = Head((20, 30), 1, settings, n_turned=2), Head((30,), 1, settings)
        head.fit_features(features)
        alone.fit_features(features[:, 20:])
        rows, own = head._turned(features), alone._turned(features[:, 20:])
        assert rows[:, :20].square().sum() == pytest.approx(float(rows[:, 20:].square().sum()), rel=1e-3)
        assert torch.cosine_similarity(rows[:, 20:].flatten(), own.flatten(), dim=0) > 1 - 1e-5


def with_two_layers_and_start(backbone, **more):
    settings = TrainingSettings(pooling=WITH_START, layers="middle_last", head="mlp")
    settings = settings.resolved(variants().task)
    made = build_model(Path(backbone), Outputs.of(variants()), settings)
    return SequenceModel(made.encoder, settings, made.outputs, **more)


def test_each_layer_and_the_start_are_kinds_of_their_own(backbone):
    model = with_two_layers_and_start(backbone)
    w = model.encoder.width
    assert model.backbone_kinds == (("backbone", 3 * w), ("backbone", 3 * w), ("start", w), ("start", w))
    # Pooled vectors lie vector by vector, and of each the middle layer before the last.
    pooled = torch.arange(10.0).repeat_interleave(w)[None]
    assert model.select(pooled)[0, ::w].tolist() == [0, 2, 4, 1, 3, 5, 6, 7]


def test_a_model_that_kept_all_it_read_together_comes_back(backbone, tmp_path):
    model = with_two_layers_and_start(backbone, kinds_apart=False)
    assert model.backbone_kinds == (("backbone", 8 * model.encoder.width),)
    save_model(model, tmp_path / "model", {"name": "esm"}, Path(backbone))
    path = tmp_path / "model" / "biotl.json"
    about = json.loads(path.read_text())
    del about["kinds_apart"]
    path.write_text(json.dumps(about))
    sequences = variants().table["sequence"].tolist()
    again = load_model(tmp_path / "model")
    assert np.array_equal(predict_sequences(again, sequences), predict_sequences(model.eval(), sequences))


@pytest.mark.parametrize(
    ("modality", "layers"), [("protein", "last"), ("dna", "middle_last"), ("molecule", "middle_last")]
)
def test_the_middle_layer_is_read_of_dna_and_molecules(modality, layers):
    task = variants().task
    settings = TrainingSettings().resolved(task)
    assert settings.layers == "auto" and settings.for_data(100, modality).layers == layers
    assert TrainingSettings(layers="last").resolved(task).for_data(100, modality).layers == "last"
    assert TrainingSettings(method="lora").resolved(task).for_data(100, modality).layers == "last"


def test_where_training_rows_do_not_differ_nothing_is_read():
    """A head has nothing to learn there, and what stays of its first random weights would be noise on new rows."""
    head = Head((8,), 1, TrainingSettings().resolved(variants().task)).eval()
    rows = torch.randn(30, 8, generator=torch.Generator().manual_seed(0))
    rows[:, 5] = rows[:, 4]
    head.fit_features(rows)
    other = rows.clone()
    other[:, 4] += head.feature_scale[4]
    other[:, 5] -= head.feature_scale[5]
    assert torch.allclose(head._turned(rows), head._turned(other), atol=1e-4)


def variants(n=120, seed=0):
    """Of a parent of 12 letters; the third and the last decide, two letters that no average sees apart."""
    generator = np.random.default_rng(seed)
    rows = np.tile(list("ACDEFGHIKLMN"), (n, 1))
    for place in (0, 2, 5, 11):
        rows[:, place] = generator.choice(list("AWY"), n)
    targets = [10.0 * (row[2] == "W") + 5.0 * (row[11] == "Y") for row in rows]
    parts = np.array(["train"] * (n // 2) + ["validation"] * (n // 4) + ["test"] * (n // 4))
    sequences = ["".join(row) for row in rows]
    table = pd.DataFrame({"name": range(n), "sequence": sequences, "target": targets, "part": parts})
    return Dataset(table.astype({"name": str}), "protein", "regression", ())


@pytest.fixture
def backbone(tmp_path):
    return str(make_esm(tmp_path / "esm"))


def train(backbone, dataset, **settings):
    chosen = TrainingSettings(**{"epochs": 15, "learning_rate": 3e-3, **settings})
    config = {"backbone": backbone, "settings": chosen.to_dict(), "device": "cpu"}
    folder = create_run(config, dataset, kind="train")
    train_run(folder, Control())
    return folder, read_result(folder)


def tune(backbone, dataset, **settings):
    """The model alone, and its score on the test part."""
    chosen = TrainingSettings(**{"epochs": 15, "learning_rate": 3e-3, **settings}).resolved(dataset.task)
    with TemporaryDirectory() as folder:
        tuned = Tuned.train(
            dataset, Path(backbone), chosen, Path(folder), make_accelerator("cpu", "float32"), Control()
        )
    test = dataset.part("test")
    said = predict_examples(tuned.model, tuned.examples(test))
    scores = evaluate(dataset.task_name, dataset.classes, dataset.target_values(test), said)
    return tuned.model, scores[dataset.task.headline_metric(len(dataset.classes))]


def signalled(n=160, seed=0):
    """Proteins of about 300 letters in any order; where one goes, four of the first 40 letters say."""
    generator = np.random.default_rng(seed)
    letters = np.array(list("ACDEFGHIKLMNPQRSTVWY"))
    sequences, places = [], generator.choice(["inside", "outside"], n)
    for place in places:
        row = generator.choice(letters, generator.integers(250, 350))
        row[generator.choice(40, 4, replace=False)] = "L" if place == "outside" else "D"
        # What the start has more of, the rest has less of: counts over all tell nothing.
        row[generator.choice(np.arange(60, 240), 4, replace=False)] = "D" if place == "outside" else "L"
        sequences.append("".join(row))
    parts = np.array(["train"] * (n // 2) + ["validation"] * (n // 4) + ["test"] * (n // 4))
    table = pd.DataFrame({"name": range(n), "sequence": sequences, "target": places, "part": parts})
    return Dataset(table.astype({"name": str}), "protein", "classification", ("inside", "outside"))


@pytest.mark.parametrize("method", ["frozen", "lora"])
def test_the_start_of_proteins_is_read_where_it_helps(backbone, method):
    dataset = signalled()
    folder, result = train(backbone, dataset, method=method, epochs=3)
    assert result["settings"]["pooling"] == WITH_START
    assert "which also reads the start of each protein by itself" in result["said_head"]
    assert load_model(folder / "model").settings.pooling == WITH_START
    assert result["reload_difference"] < 1e-4
    assert len(list(folder.glob("checkpoint*kernel*"))) == 1
    if method == "frozen":
        _, without = tune(backbone, dataset, pooling="mean_max_spread")
        assert result["test"][dataset.task.headline_metric(2)] > without + 0.1


def test_the_start_is_not_tried_where_it_says_nothing_of_its_own(backbone):
    _, result = train(backbone, variants())  # of one length
    assert result["settings"]["pooling"] == "mean_max_spread"
    table = signalled().table
    peptides = [sequence[: 40 + i % 9] for i, sequence in enumerate(table["sequence"])]
    short = replace(signalled(), table=table.assign(sequence=peptides))
    assert not any(_open_ways(short, TrainingSettings(simple_features="none").resolved(short.task)).values())
    bases = signalled().table.assign(sequence=["ACGT" * (i + 5) for i in range(160)])
    dna = Dataset(bases, "dna", "classification", ("inside", "outside"))
    assert not any(_open_ways(dna, TrainingSettings(simple_features="none").resolved(dna.task)).values())


@pytest.mark.parametrize("method", ["frozen", "lora"])
def test_letters_are_taken_where_they_help_and_come_back_with_the_model(backbone, method):
    dataset = variants()
    folder, result = train(backbone, dataset, method=method)
    without, score = tune(backbone, dataset, method=method, simple_features="none")
    assert result["settings"]["simple_features"] in ("letters", "both") and without.simple.kind == "none"
    assert "which letter stands where" in result["said_head"]
    assert len(list(folder.glob("checkpoint*kernel*"))) == 1  # those that were not chosen are gone
    assert result["test"]["spearman"] >= max(0.6, score)
    assert result["reload_difference"] < 1e-4
    assert [line["epoch"] for line in read_history(folder)] == list(range(1, result["epochs_run"] + 1))
    model = load_model(folder / "model")
    about = json.loads((folder / "model" / "biotl.json").read_text())["simple_features"]
    assert about["letters"]["length"] == 12 and sorted(set(about["letters"]["places"])) == [0, 2, 5, 11]
    longer = [*dataset.table["sequence"][:3], "ACDEFGHIKLMNPQ"]
    assert np.isfinite(predict_sequences(model, longer)).all()


def test_the_twin_is_read_once_for_all_ways(backbone, monkeypatch):
    n_read, real = [], embeddings._run_pack

    def counted(encoder, tokens, *rest):
        n_read.append(len(tokens.ids))
        return real(encoder, tokens, *rest)

    monkeypatch.setattr(embeddings, "_run_pack", counted)
    dataset = variants()
    Tuned.train(
        dataset, Path(backbone), TrainingSettings(epochs=2).resolved(dataset.task), Path(backbone).parent,
        make_accelerator("cpu", "float32"), Control(), random_weights=True, aside="twin",
    )  # fmt: skip
    assert sum(n_read) == dataset.table["sequence"].nunique()


def test_sets_of_many_lengths_and_runs_without_validation_have_none(backbone):
    dataset = variants()
    longer = dataset.table.assign(sequence=dataset.table["sequence"] + np.where(np.arange(120) % 2, "A", ""))
    model, _ = tune(backbone, replace(dataset, table=longer), simple_features="letters")
    assert model.simple.kind == "none"
    unvalidated = dataset.table.assign(part=dataset.table["part"].replace("validation", "train"))
    assert tune(backbone, replace(dataset, table=unvalidated))[0].simple.kind == "none"


@pytest.mark.parametrize(
    ("modality", "sequences"),
    [
        ("protein", ["MKTAYIAKQR", "MKTAYI", "AKQRMKT", "GGSGGSMKTA", "YIAKMKTAYI"]),
        ("dna", ["ACGTACGGA", "ACGTTTGACA", "TTGACAACGT", "GGATTGACC"]),
        ("molecule", ["CCO", "CCOC", "c1ccccc1O", "CCN", "c1ccccc1N"]),
    ],
)
def test_counts_are_those_of_the_simple_methods(modality, sequences):
    """Along their directions training sequences lie as far apart as in all columns of the baseline."""
    counts = WordCounts.of(sequences, modality)
    made = (
        describe.fingerprints(sequences) if modality == "molecule"
        else describe.kmers(sequences, describe.WORD_SIZES[modality])
    )  # fmt: skip
    known = describe.scaled(made, np.arange(len(sequences)), modality != "molecule").toarray()
    found = counts.read(sequences).numpy()
    assert np.allclose(pairwise_distances(found), pairwise_distances(known), atol=2e-3)
    assert np.allclose(found.mean(axis=0), 0, atol=1e-3)
    assert found.shape[1] == counts.width < len(sequences)


def test_counts_of_words_by_hand():
    """Of A and C: rows (A 2, C 1) and (A 1, C 2) of length 1, so A and C are 2 and 1 over the root of 5."""
    counts = WordCounts.of(["AAC", "ACC"], "dna")
    columns = counts.columns.tolist()
    assert counts.letters == "AC" and columns[:2] == [0, 1]
    weighed = counts.mean[:2] / counts.weights[:2]
    assert np.allclose(weighed, [1.5 / 5**0.5, 1.5 / 5**0.5])


def test_of_many_sequences_some_tell_the_words(monkeypatch):
    monkeypatch.setattr(words, "_WORD_ROWS", 20)
    monkeypatch.setattr(words, "_FEWEST_ROWS_TO_TURN", 10)
    monkeypatch.setattr(words, "_FEWEST_DIRECTIONS", 2)
    monkeypatch.setattr(words, "_ROWS_A_DIRECTION", 1000)
    sequences = with_word().table["sequence"].tolist()
    assert WordCounts.of(sequences, "protein").width == 2
    monkeypatch.setattr(words, "_ROWS_A_DIRECTION", 1)
    counts = WordCounts.of(sequences, "protein")  # as many directions as there are rows drawn, less the mean
    assert counts.width == 19
    assert torch.allclose(counts.read(sequences)[3:5], counts.read(sequences[3:5]), atol=1e-6)


@pytest.mark.parametrize(("n", "directions"), [(10, 512), (8192, 512), (16_000, 1000), (10**6, 2048)])
def test_many_sequences_have_more_directions(n, directions):
    assert words._most_directions(n) == directions


def test_unknown_words_say_nothing():
    counts = WordCounts.of(["AAC", "ACC", "CCA", "ACA"], "dna")
    assert torch.equal(counts.read(["AAC"]), counts.read(["AACGGG"]))
    assert torch.isfinite(counts.read(["GGG", ""])).all()
    assert WordCounts.of(["AAC"], "dna") is None and WordCounts.of(["AC", "AC"], "dna") is None


def test_counts_come_back_as_they_were(tmp_path):
    counts = WordCounts.of(["AAC", "ACC", "CCA", "ACA"], "dna")
    counts.save(tmp_path / "counts.npz")
    again = WordCounts.load(tmp_path / "counts.npz")
    assert (again.modality, again.letters) == ("dna", "AC")
    assert torch.equal(counts.read(["CCAA", "T"]), again.read(["CCAA", "T"]))


def with_word(n=200, seed=0, motif="WYW", plants=lambda row, has: has):
    """Proteins of many lengths, half of them with a word whose letters the others have too, shuffled."""
    generator = np.random.default_rng(seed)
    sequences, targets = [], []
    for i in range(n):
        letters = generator.choice(list("ADEGKLNST"), 30 + i % 7).tolist()
        place = int(generator.integers(0, 24))
        letters[place : place + 3] = list(motif) if i % 2 else list("WWY")
        sequences.append("".join(letters))
        targets.append(float(plants(letters, i % 2)) + 0.01 * generator.normal())
    parts = np.array(["train"] * (n // 2) + ["validation"] * (n // 4) + ["test"] * (n // 4))
    table = pd.DataFrame({"name": range(n), "sequence": sequences, "target": targets, "part": parts})
    return Dataset(table.astype({"name": str}), "protein", "regression", ())


@pytest.mark.parametrize("method", ["frozen", "lora"])
def test_words_are_counted_where_they_decide_and_come_back(backbone, method):
    folder, result = train(backbone, with_word(), method=method, pooling="mean", epochs=5)
    assert result["settings"]["simple_features"] == "counts" and "short words" in result["said_head"]
    assert result["settings"]["head"] == ("kernel" if method == "frozen" else "mlp")
    assert result["reload_difference"] < 1e-3
    assert method == "lora" or result["test"]["spearman"] > 0.7
    model = load_model(folder / "model")
    assert model.simple.kind == "counts" and (folder / "model" / "counts.npz").exists()
    assert np.isfinite(predict_sequences(model, ["MKTWYW", "X"])).all()


def test_classes_too(backbone):
    dataset = with_word()
    table = dataset.table.assign(target=np.where(dataset.table["target"] > 0.5, "yes", "no"))
    classes = Dataset(table, "protein", "classification", ("no", "yes"))
    model, score = tune(backbone, classes)
    assert (model.simple.kind, model.settings.head) == ("counts", "kernel")
    assert score > 0.9


def test_nothing_stands_beside_where_it_does_not_help(backbone, monkeypatch):
    """What the backbone sees decides: its features are told the answer, which no word has."""
    dataset = with_word(plants=lambda letters, has: 0.0)
    known = dict(zip(dataset.table["sequence"], np.random.default_rng(1).normal(size=200), strict=True))
    dataset = replace(dataset, table=dataset.table.assign(target=list(known.values())))
    real = embeddings._run_pack

    def told(encoder, tokens, *rest):
        states = real(encoder, tokens, *rest)
        answers = {encoder.encode([s]).ids[0].tobytes(): value for s, value in known.items()}
        sequences = [answers[ids.tobytes()] for ids in tokens.ids]
        return [np.full_like(own, value) for own, value in zip(states, sequences, strict=True)]

    monkeypatch.setattr(embeddings, "_run_pack", told)
    tuned = Tuned.train(
        dataset, Path(backbone), TrainingSettings().resolved(dataset.task), Path(backbone).parent,
        make_accelerator("cpu", "float32"), Control(), random_weights=True,
    )  # fmt: skip
    assert tuned.model.simple.kind == "none"


def test_both_strands_have_the_same_counts():
    settings = TrainingSettings(both_strands=True, simple_features="both")
    dna = replace(with_word(), modality="dna")
    resolved = settings.resolved(dna.task)
    assert resolved.simple_features == "counts"
    folder = locate_backbone(find_backbone("biotl-dna", "dna"))
    sequences = ["ACGTTTGACA", "GGATTGACCA", "TTTTTGACAC", "ACACACACGT"]
    model = build_model(folder, Outputs.of(dna), resolved, training_sequences=sequences)
    others = [reverse_complement(one) for one in sequences]
    assert torch.allclose(
        make_examples(model, sequences).inputs, make_examples(model, others).inputs, atol=1e-5
    )


def test_a_model_of_a_former_version_comes_back(backbone, tmp_path):
    """It knew letters alone, under another name, and turned them as it turned the features of the backbone."""
    dataset = variants()
    sequences = dataset.table["sequence"].tolist()
    settings = TrainingSettings(simple_features="letters", head="mlp").resolved(dataset.task)
    made = build_model(Path(backbone), Outputs.of(dataset), settings, training_sequences=sequences)
    alone = SimpleFeatures(made.simple.letters)
    model = SequenceModel(made.encoder, settings, made.outputs, alone, n_turned=2)
    model.head.feature_turn.copy_(torch.randn_like(model.head.feature_turn))
    save_model(model, tmp_path / "model", {"name": "esm"}, Path(backbone))
    path = tmp_path / "model" / "biotl.json"
    about = json.loads(path.read_text())
    about["letters"] = about.pop("simple_features")["letters"]
    about["settings"]["letters"] = "yes"
    del about["settings"]["simple_features"]
    path.write_text(json.dumps(about))
    again = load_model(tmp_path / "model")
    assert again.settings.simple_features == "letters"
    assert np.array_equal(predict_sequences(again, sequences), predict_sequences(model, sequences))


def test_former_settings_are_read():
    former = {"letters": "auto", "head": "mlp"}
    assert TrainingSettings.from_dict(former).simple_features == "auto"
    assert TrainingSettings.from_dict({"letters": "no"}).simple_features == "none"
    assert TrainingSettings.from_dict({}).simple_features == "none"
