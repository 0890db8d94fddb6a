"""Pairs of molecules and target proteins: read, split, learned, and ranked against one target."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from biotl_core.cli import main
from biotl_core.data.raw_table import RawTable
from biotl_core.data.reading import read_file
from biotl_core.errors import UserError
from biotl_core.learning.tower_adapters import AdapterSettings
from biotl_core.learning.two_towers import (
    Measured,
    Side,
    TowerGroup,
    TowerSettings,
    encode,
    predict_pairs,
    product,
    seen_in,
    train_towers,
)
from biotl_core.progress import Control
from biotl_core.runs.folder import create_run, read_config, read_result
from biotl_core.runs.pair_features import PairReader
from biotl_core.runs.pair_run import pair_run
from biotl_core.runs.screen_race import predict_one
from biotl_core.runs.screen_run import screen_run
from biotl_core.runs.screening_requests import TABLE, read_hits, read_targets, start_repurposing
from biotl_core.runs.status import RunStatus, write_status
from biotl_core.runs.target_screen import load_pairs
from biotl_core.screening.examples import EXAMPLE_LIBRARY
from biotl_core.screening.fingerprints import fingerprints
from biotl_core.screening.pair_baselines import (
    Neighbours,
    PairData,
    predict_biases,
    predict_boosting,
    predict_mean,
)
from biotl_core.screening.pair_splits import PAIR_SPLITS, split_pairs
from biotl_core.screening.pairs import (
    PairInputs,
    Pairs,
    find_pair_columns,
    guess_pair_reading,
    guess_partner_column,
    read_pairs,
)
from biotl_core.screening.proteins import ProteinDescription, pair_composition, similarity
from tests.test_choosing import SMILES as MANY

SMILES = MANY[::3]
RNG = np.random.default_rng(5)
LETTERS = list("ACDEFGHIKLMNPQRSTVWY")
PROTEINS = ["M" + "".join(RNG.choice(LETTERS, 60)) for _ in range(14)]


def pair_table(n_missing: int = 60) -> pd.DataFrame:
    """Every molecule with every protein, less some; the value is what a length and a first letter add, and noise."""
    rows = []
    for smiles in SMILES:
        for i, protein in enumerate(PROTEINS):
            value = 5 + 0.15 * len(smiles) + 0.1 * i + 0.03 * len(smiles) * (i % 2) + RNG.normal(0, 0.05)
            rows.append((smiles, protein, f"target {i}", f"{value:.3f}"))
    table = pd.DataFrame(rows, columns=["smiles", "sequence", "target_name", "pKd"])
    return table.sample(len(table) - n_missing, random_state=1).reset_index(drop=True)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pair_table()


@pytest.fixture(scope="module")
def pairs(table) -> Pairs:
    raw = RawTable(table, "pairs.csv", "CSV")
    return read_pairs(raw, guess_pair_reading(raw, "sequence"))


def test_the_columns_are_found(table):
    raw = RawTable(table, "pairs.csv", "CSV")
    assert guess_partner_column(raw) == "sequence"
    reading = guess_pair_reading(raw, "sequence")
    assert (reading.assay.smiles_column, reading.assay.value_column, reading.assay.unit) == (
        "smiles",
        "pKd",
        "pX",
    )
    assert reading.partner_name_column == "target_name"
    assert guess_partner_column(RawTable(table.drop(columns="sequence"), "x", "CSV")) is None
    assert find_pair_columns(raw) == ("smiles", "sequence")
    for lacking in ({"smiles": "name"}, {"sequence": PROTEINS[0]}):  # no molecules; one target alone
        assert find_pair_columns(RawTable(table.assign(**lacking), "x", "CSV")) is None
    with pytest.raises(UserError, match="no column 'nope'"):
        guess_pair_reading(raw, "nope")


def test_rows_are_merged_refused_and_counted(table):
    more = pd.DataFrame(
        [
            ("not one", PROTEINS[0], "t", "5"), ("CCO", "MK1T", "t", "5"), ("CCO", "", "t", "5"),
            ("CCO", "MKT", "t", "x"), ("CCO", PROTEINS[0], "target 0", "> 9"), ("OCC", PROTEINS[0], "target 0", "5"),
            ("CCO", PROTEINS[0], "twin", "6"),
        ],
        columns=table.columns,
    )  # fmt: skip
    raw = RawTable(pd.concat([table, more], ignore_index=True).astype("str"), "pairs.csv", "CSV")
    pairs = read_pairs(raw, guess_pair_reading(raw, "sequence"))
    assert pairs.refused["row"].tolist() == [len(table) + i for i in (1, 2, 3, 4)]
    assert "'1' is no amino acid" in pairs.refused["reason"].iloc[1]
    ethanol = pairs.table[pairs.table["molecule"] == pairs.molecules.index("CCO")]
    assert ethanol["value"].tolist() == [5.0, 6.0] and ethanol["side"].tolist() == [0, 0]
    assert "15 target proteins with 14 sequences" in pairs.sentence
    with pytest.raises(UserError, match="at least 50"):
        read_pairs(
            RawTable(table.head(20), "few.csv", "CSV"),
            guess_pair_reading(RawTable(table, "x", "CSV"), "sequence"),
        )


@pytest.mark.parametrize("kind", [kind for kind in PAIR_SPLITS if kind not in ("given", "time")])
def test_a_split_holds_out_what_it_says(pairs, kind):
    parts = split_pairs(pairs, kind, seed=2).parts
    table = pairs.table
    sides = {
        "molecule": table["molecule"].to_numpy(),
        "protein": np.array([pairs.proteins[i] for i in table["protein"]]),
    }
    cold = {"warm": (), "cold_target": ("protein",), "cold_both": ("molecule", "protein")}.get(
        kind, ("molecule",)
    )
    for side in cold:
        assert not set(sides[side][parts == "train"]) & set(sides[side][parts == "test"])
    if kind == "warm":
        assert set(sides["molecule"][parts == "test"]) <= set(sides["molecule"][parts == "train"])
    assert (parts == split_pairs(pairs, kind, seed=2).parts).all()


def test_impossible_splits_are_told(pairs):
    for wrong in ("given", "nope", "time"):
        with pytest.raises(UserError):
            split_pairs(pairs, wrong)


def test_later_pairs_are_the_test_part(table):
    dated = table.assign(year=[str(2000 + i % 10) for i in range(len(table))])
    repeated = pd.concat([dated, dated.head(1).assign(year="2031")], ignore_index=True)
    raw = RawTable(repeated, "dated.csv", "CSV")
    reading = guess_pair_reading(raw, "sequence")
    assert reading.time_column == "year"
    pairs = read_pairs(raw, reading)
    assert pairs.table["time"].iloc[0] == 2031  # a pair is as late as its latest row
    parts = split_pairs(pairs, "time").parts
    times = pairs.table["time"]
    assert times[parts == "test"].min() > times[parts != "test"].max()
    assert 0.1 < (parts == "test").mean() < 0.3 and (parts == "validation").any()
    broken = RawTable(repeated.assign(year=["soon", *repeated["year"][1:]]), "dated.csv", "CSV")
    assert guess_pair_reading(broken, "sequence").time_column is None
    with pytest.raises(UserError, match="no date and no number"):
        read_pairs(broken, reading)


def test_proteins_become_numbers():
    assert np.allclose(np.linalg.norm(pair_composition(PROTEINS), axis=1), 1)
    alike = similarity(PROTEINS, PROTEINS)
    assert np.allclose(np.diag(alike), 1, atol=1e-5) and (alike - np.eye(14) < 0.5).all()
    description = ProteinDescription.learn(PROTEINS[:10])
    known, again = description.describe(PROTEINS[:10]), description.describe(PROTEINS[3:4])
    np.testing.assert_allclose(known[3], again[0], atol=1e-4)
    # The directions keep the similarities of the training proteins.
    place = known[:, 400:] / 20
    np.testing.assert_allclose(place @ place.T, alike[:10, :10], atol=1e-3)


def test_simple_methods_by_hand():
    train = PairData(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([4.0, 6.0, 8.0]))
    test = PairData(np.array([1, 2]), np.array([1, 1]), np.zeros(2))
    assert predict_mean(train, test).tolist() == [6.0, 6.0]
    likeness = np.array([[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]], np.float32)
    targets = np.array([[1, 0.5], [0.5, 1]], np.float32)
    voted = Neighbours(train, likeness, targets, (1.0, 1.0)).predict(test)
    # 0.5*0.5*4 + 0.5*1*6 + 1*0.5*8 over 0.25 + 0.5 + 0.5; a molecule like none gets the mean.
    assert voted.tolist() == pytest.approx([8.0 / 1.25, 6.0])
    new = Neighbours(train, np.zeros((0, 3), np.float32), targets, (1.0, 1.0)).against(
        likeness[1:2], targets[1:2]
    )
    assert new[0, 0] == pytest.approx(8.0 / 1.25)
    biased = predict_biases(train, PairData(np.array([1, 5]), np.array([0, 3]), np.zeros(2)))
    assert biased[0] > 6.0 and biased[1] == 6.0
    boosted = predict_boosting(train, test, np.eye(3, dtype=np.float32), np.eye(2, dtype=np.float32))
    assert np.isfinite(boosted).all()


def towers_side(n: int, n_features: int, seed: int) -> Side:
    rng = np.random.default_rng(seed)
    lists = [np.sort(rng.choice(n_features, 8, replace=False)) for _ in range(n)]
    return Side(np.concatenate(lists), np.full(n, 8), rng.normal(size=(n, 3)).astype(np.float32))


SMALL = TowerSettings(steps=150, hidden=32, width=16, dropout=0.0, check_every=10, learning_rate=1e-2)


def measured(truth: np.ndarray, rows: np.ndarray, side: int = 0) -> Measured:
    molecule, protein = np.unravel_index(rows, truth.shape)
    return Measured(molecule, protein, truth[molecule, protein], np.full(len(rows), side))


def test_towers_learn_repeat_themselves_and_come_back(tmp_path):
    first, second = towers_side(20, 40, 0), towers_side(12, 30, 1)
    truth = 6 + np.outer(first.dense[:, 0], second.dense[:, 1]) + first.dense[:, :1]
    order = np.random.default_rng(2).permutation(truth.size)
    train, validation = measured(truth, order[:190]), measured(truth, order[190:])
    models = [train_towers(first, second, (40, 30), train, validation, SMALL) for _ in range(2)]
    predicted = [predict_pairs(TowerGroup((one,)), first, second, seen_in(train)) for one in models]
    assert (predicted[0] == predicted[1]).all()
    assert np.corrcoef(predicted[0].ravel(), truth.ravel())[0, 1] > 0.95
    other = train_towers(first, second, (40, 30), train, validation, replace(SMALL, seed=9))
    group = TowerGroup((models[0], other))
    group.save(tmp_path)
    again = TowerGroup.load(tmp_path)
    assert (predict_pairs(again, first, second) == predict_pairs(group, first, second)).all()
    alone = [predict_pairs(TowerGroup((one,)), first, second) for one in group.members]
    np.testing.assert_allclose(predict_pairs(group, first, second), np.mean(alone, axis=0), rtol=1e-3)
    vectors = encode(again, "molecule", first), encode(again, "protein", second)
    np.testing.assert_allclose(product(again, *vectors), predict_pairs(group, first, second), rtol=1e-3)


def test_own_vectors_are_only_of_what_was_seen():
    first, second = towers_side(20, 40, 0), towers_side(12, 30, 1)
    truth = np.random.default_rng(3).normal(size=(20, 12))
    rows = np.flatnonzero((np.arange(240) // 12) < 15)
    train = measured(truth, rows)
    settings = TowerSettings(**{**vars(SMALL), "own_vectors": True, "steps": 200})
    model = train_towers(first, second, (40, 30), train, train, settings)
    assert (model.own_molecule[15:] == 0).all() and (model.own_molecule[:15] != 0).any()
    seen = predict_pairs(TowerGroup((model,)), first, second, seen_in(train))
    assert np.corrcoef(seen[:15].ravel(), truth[:15].ravel())[0, 1] > 0.9


def test_a_kept_limit_costs_nothing():
    first, second = towers_side(20, 40, 0), towers_side(12, 30, 1)
    truth = 6 + first.dense[:, :1] + second.dense[:, :1].T
    rows = np.random.default_rng(4).permutation(240)
    exact, limited = measured(truth, rows[:160]), measured(truth - 4, rows[160:], side=1)
    train = Measured(*(np.concatenate(pair) for pair in zip(exact, limited, strict=True)))
    model = train_towers(first, second, (40, 30), train, exact, SMALL)
    predicted = predict_pairs(TowerGroup((model,)), first, second)
    misses = predicted[limited.molecule, limited.protein] - truth[limited.molecule, limited.protein]
    assert abs(misses.mean()) < 0.5


@pytest.fixture(scope="module")
def learned(table, tmp_path_factory):
    """A finished run of pairs, made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BIOTL_HOME", str(tmp_path_factory.mktemp("home")))
        raw = RawTable(table, "pairs.csv", "CSV")
        reading = guess_pair_reading(raw, "sequence")
        request = {
            "source": "pairs.csv", "reading": reading.assay._asdict(), "columns": list(reading[1:]), "split": "warm",
            "seed": 0, "towers": {"steps": 100, "hidden": 64, "width": 32}, "target_name": "pKd",
        }  # fmt: skip
        folder = create_run(request, kind="pairs")
        table.to_csv(folder / TABLE, index=False)
        write_status(folder, RunStatus("finished", pair_run(folder, Control())))
    return folder


def test_a_finished_run_holds_every_method_and_what_to_rely_on(learned):
    result = read_result(learned)
    assert set(result["models"]) == {"towers", "neighbours", "both", "mean", "biases", "boosting"}
    assert result["chosen"] == min(result["validation_mse"], key=result["validation_mse"].get)
    assert result["models"][result["chosen"]]["test"]["mse"] < result["models"]["mean"]["test"]["mse"]
    assert result["controls"]["as they are"] > result["controls"]["another molecule"]
    assert result["reload_difference"] < 1e-3
    predictions = pd.read_csv(learned / "predictions.csv")
    assert len(predictions) == result["counts"]["test"]
    assert predictions["target_similarity"].min() > 0.99  # a warm split knows every target protein
    assert predictions["molecule_similarity"].between(0, 1.001).all()
    assert json.loads((learned / "audit.json").read_text())[0]["name"] == "shared"


def test_a_library_is_ranked_against_a_known_and_a_new_target(learned, biotl_home, monkeypatch):
    monkeypatch.setenv("BIOTL_THREADS", "1")
    new = PROTEINS[0][:30] + PROTEINS[1][30:]
    for chosen in ("towers", "both", "neighbours"):
        result = read_result(learned)
        (learned / "result.json").write_text(json.dumps(result | {"chosen": chosen}))
        for target in (PROTEINS[3], new):
            request = {
                "run": str(learned), "library": str(EXAMPLE_LIBRARY), "source": "library.smi", "top": 12, "aim": "best",
                "smiles": None, "name_column": None, "n_expected": 0, "target": target,
            }  # fmt: skip
            folder = create_run(request, kind="screen")
            screen_run(folder, Control())
            hits = read_hits(folder)
            assert len(hits) == 12 and hits["prediction"].is_monotonic_decreasing
            assert ("none of those" in read_result(folder)["caution"]) == (target == new)
            scorer = load_pairs(learned, target).scorer()
            smiles = hits["smiles"].tolist()
            one_by_one = [float(scorer.predict([s]).mean[0]) for s in smiles]
            np.testing.assert_allclose(one_by_one, hits["prediction"], rtol=1e-3)
            np.testing.assert_allclose(scorer.score(fingerprints(smiles), []), hits["prediction"], rtol=1e-3)
        (learned / "result.json").write_text(json.dumps(result))
    vectors = list((biotl_home / "libraries").glob("*/vectors-*.bin"))
    assert len(vectors) == 1  # one tower: another target uses the same vectors


@pytest.mark.parametrize("is_alone", [False, True])
def test_towers_on_pretrained_backbones(table, biotl_home, monkeypatch, is_alone):
    monkeypatch.setenv("BIOTL_THREADS", "1")
    raw = RawTable(table, "pairs.csv", "CSV")
    reading = guess_pair_reading(raw, "sequence")
    inputs = PairInputs("biotl-molecule", "biotl-protein", is_alone)
    request = {
        "source": "pairs.csv", "reading": reading.assay._asdict(), "columns": list(reading[1:]), "split": "warm",
        "seed": 3, "n_seeds": 2, "towers": {"steps": 50, "hidden": 32, "width": 16}, "inputs": inputs._asdict(),
    }  # fmt: skip
    run = create_run(request, kind="pairs")
    table.to_csv(run / TABLE, index=False)
    write_status(run, RunStatus("finished", pair_run(run, Control())))
    result = read_result(run)
    assert result["models"]["towers"]["test"]["mse"] < result["models"]["mean"]["test"]["mse"]
    assert result["repeats"]["n"] == 2 and sum(result["repeats"]["chosen"].values()) == 2
    first, second = (result["repeats"][what]["towers"]["mse"] for what in ("mean", "spread"))
    assert first != result["models"]["towers"]["test"]["mse"] and second > 0
    reader = PairReader.load(run / "model")
    assert reader.n_bits == (0 if is_alone else 4096) and reader.needs_smiles
    assert reader.proteins(PROTEINS[:2]).dense.shape[1] == (256 if is_alone else 256 + 400 + 14)
    (run / "result.json").write_text(json.dumps(result | {"chosen": "towers"}))
    library = biotl_home / "library.smi"
    library.write_text("\n".join([*EXAMPLE_LIBRARY.read_text().splitlines()[:60], "broken( x"]))
    screen = create_run(
        {"run": str(run), "library": str(library), "source": "library.smi", "top": 12, "aim": "best",
         "target": PROTEINS[3]}, kind="screen",
    )  # fmt: skip
    screen_run(screen, Control())
    hits = read_hits(screen)
    assert len(hits) == 12 and hits["prediction"].is_monotonic_decreasing
    scorer = load_pairs(run, PROTEINS[3]).scorer()
    one_by_one = [float(scorer.predict([s]).mean[0]) for s in hits["smiles"]]
    np.testing.assert_allclose(one_by_one, hits["prediction"], rtol=1e-3)


def test_adjusted_backbones_are_kept_and_come_back(table, biotl_home, monkeypatch):
    monkeypatch.setenv("BIOTL_THREADS", "1")
    quick = AdapterSettings(steps=4, check_every=2, molecules_at_once=8, proteins_at_once=3)
    monkeypatch.setattr("biotl_core.runs.pair_adjusting.AdapterSettings", lambda seed: quick)
    monkeypatch.setattr(
        "biotl_core.learning.tower_adapters.AdaptedTowers.error", lambda self, pairs: next(errors)
    )
    errors = iter([3.0, 2.0, 1.0])  # every look is better than the one before: the adjustment is kept
    raw = RawTable(table, "pairs.csv", "CSV")
    reading = guess_pair_reading(raw, "sequence")
    inputs = PairInputs("biotl-molecule", "biotl-protein", False, "lokr", "protein")
    request = {
        "source": "pairs.csv", "reading": reading.assay._asdict(), "columns": list(reading[1:]), "split": "warm",
        "seed": 0, "towers": {"steps": 50, "hidden": 32, "width": 16}, "inputs": inputs._asdict(),
    }  # fmt: skip
    run = create_run(request, kind="pairs")
    table.to_csv(run / TABLE, index=False)
    write_status(run, RunStatus("finished", pair_run(run, Control())))
    result = read_result(run)
    assert result["adjustment"]["steps"] == 4 and result["reload_difference"] < 1e-3
    assert result["models"]["towers"]["test"]["mse"] != result["models"]["unadjusted"]["test"]["mse"]
    assert (run / "model" / "protein-adapter" / "adapter_model.safetensors").exists()
    assert not (run / "model" / "molecule-adapter").exists()
    assert PairReader.load(run / "model").protein_vectors.encoder is not None


def test_one_molecule_is_ranked_against_all_targets(learned, biotl_home, monkeypatch):
    monkeypatch.setattr(
        "biotl_core.runs.screening_requests.launch", lambda folder: screen_run(folder, Control())
    )
    result = read_result(learned)
    for chosen in ("towers", "both", "neighbours"):
        (learned / "result.json").write_text(json.dumps(result | {"chosen": chosen}))
        table = read_targets(start_repurposing(learned, SMILES[3]))
        assert len(table) == len(PROTEINS) and table["prediction"].is_monotonic_decreasing
        known = table.dropna()
        assert len(known) > 5 and np.corrcoef(known["prediction"], known["measured"])[0, 1] > 0.5
        assert len(read_targets(start_repurposing(learned, "CCOc1ccccc1"))["measured"].dropna()) == 0
    (learned / "result.json").write_text(json.dumps(result))
    for wrong in ("not one", ""):
        with pytest.raises(UserError):
            start_repurposing(learned, wrong)


def test_a_known_pair_is_predicted_as_in_training(learned, pairs):
    result = read_result(learned)
    if result["chosen"] != "towers":
        pytest.skip("the towers were not chosen")
    table = pd.read_csv(learned / "predictions.csv")
    row = table.iloc[0]
    target = PROTEINS[int(row["target"].split()[1])]
    scorer = load_pairs(learned, target).scorer()
    assert float(scorer.predict([row["smiles"]]).mean[0]) == pytest.approx(row["towers"], abs=0.5)


def test_the_train_verb_takes_a_partner(table, biotl_home, tmp_path, capsys, monkeypatch):
    def here(folder):
        assert read_config(folder)["kind"] == "pairs"
        write_status(folder, RunStatus("finished", pair_run(folder, Control())))

    monkeypatch.setattr("biotl_core.runs.screening_requests.launch", here)
    monkeypatch.setattr(
        "biotl_core.runs.pair_run.TowerSettings", lambda **kw: TowerSettings(steps=25, hidden=16, width=8)
    )
    path = tmp_path / "pairs.csv"
    table.to_csv(path, index=False)
    assert main(["train", str(path), "--partner", "sequence", "--split", "cold_target", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "Similar pairs (no training)" in out and "Correlation of the towers" in out
    assert main(["train", str(path), "--partner", "nope"]) == 2
    assert main(["train", str(path), "--partner", "sequence", "--split", "position"]) == 2
    assert read_file(path).columns == list(table.columns)


def test_a_loop_over_pairs_gives_the_same_numbers_and_the_race_tells_both(
    learned, biotl_home, monkeypatch, capsys
):
    monkeypatch.setenv("BIOTL_THREADS", "1")
    assert main(["benchmark", "screen", "--run", str(learned), "--data", str(EXAMPLE_LIBRARY), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["n_molecules"] == len(EXAMPLE_LIBRARY.read_text().splitlines())
    assert told["ratio_raw"] == pytest.approx(told["loop_seconds"] / told["whole_seconds"])
    target = load_pairs(learned, PROTEINS[2])
    scorer = target._replace(result=target.result | {"chosen": "towers"}).scorer()
    smiles = SMILES[:4]
    said = scorer.score(fingerprints(smiles), smiles)
    # A library's vectors are kept in half precision.
    assert np.allclose([predict_one(target, one) for one in smiles], said, atol=0.02)
    assert main(["benchmark", "screen"]) == 2
