"""From scores to hits: the right order, the right neighbours, flags that drop nothing, and what survives a kill."""

import numpy as np
import pytest

from biotl_core.progress import Control, Stopped
from biotl_core.screening import ranking
from biotl_core.screening.fingerprints import fingerprints
from biotl_core.screening.flags import describe_hits
from biotl_core.screening.library import open_library
from biotl_core.screening.library_store import LibraryStore
from biotl_core.screening.models import Predicted
from biotl_core.screening.ranking import (
    Scorer,
    Training,
    best_molecules,
    diverse,
    early_recognition,
    rank_library,
)

SMILES = [f"{'C' * n}c1ccccc1" for n in range(1, 21)] + ["not one", "Cc1ccccc1", "CC(=O)Oc1ccccc1C(=O)O"]


@pytest.fixture
def store(tmp_path, biotl_home, monkeypatch) -> LibraryStore:
    monkeypatch.setenv("BIOTL_THREADS", "1")
    path = tmp_path / "library.smi"
    path.write_text("".join(f"{s} m{i}\n" for i, s in enumerate(SMILES)))
    made = LibraryStore(open_library(path))
    made.fill(Control())
    return made


def by_length(calls: list[int] | None = None) -> Scorer:
    """Longer SMILES score higher."""

    def score(bits, smiles):
        if calls is not None:
            calls.append(len(smiles))
        return np.array([float(len(s)) for s in smiles])

    def predict(smiles):
        return Predicted(np.array([float(len(s)) for s in smiles]), np.full(len(smiles), 0.5))

    return Scorer("by-length", score, True, predict, 2.0)


TRAINING = Training(["known"], ["CCCc1ccccc1"], np.array([6.5]), fingerprints(["CCCc1ccccc1"]).matrix())


def test_hits_are_complete_sorted_and_without_repeats(store):
    hits = rank_library(store, by_length(), TRAINING, top=10)
    assert hits["rank"].tolist() == list(range(1, 11))
    assert hits["prediction"].is_monotonic_decreasing
    assert hits["smiles"].is_unique and "not one" not in hits["smiles"]
    assert ((hits["prediction"] - hits["low"]) == 1.0).all() and (
        (hits["high"] - hits["prediction"]) == 1.0
    ).all()
    everything = rank_library(store, by_length(), TRAINING, top=100)
    assert len(everything) == 21  # 20 chains, aspirin; toluene is there twice, one is unreadable
    known = everything[everything["is_measured"]]
    assert known["smiles"].tolist() == ["CCCc1ccccc1"] and known["similarity"].tolist() == [1.0]


def test_the_order_of_the_aims(store):
    sure = rank_library(store, by_length(), TRAINING, top=5, aim="promising")
    assert (sure["wish"] == sure["prediction"] + 0.5).all()
    drawn = [rank_library(store, by_length(), TRAINING, top=5, aim="thompson", seed=s) for s in (0, 0, 1)]
    assert drawn[0]["wish"].tolist() == drawn[1]["wish"].tolist() != drawn[2]["wish"].tolist()


def test_scores_are_kept_and_a_torn_file_is_mended(store, monkeypatch):
    monkeypatch.setattr(ranking, "BLOCK", 4)
    calls: list[int] = []
    expected = ranking.score_library(store, by_length(calls), Control())
    assert sum(calls) == len(SMILES) and np.isnan(expected[20])
    calls.clear()
    assert (
        ranking.score_library(store, by_length(calls), Control())[:20] == expected[:20]
    ).all() and not calls
    path = store.folder / "scores-by-length.bin"
    path.write_bytes(path.read_bytes()[:41])
    again = ranking.score_library(store, by_length(calls), Control())
    np.testing.assert_array_equal(again, expected)
    assert sum(calls) == len(SMILES) - 8
    path.unlink()
    with pytest.raises(Stopped):
        ranking.score_library(store, by_length(), Control(should_stop=lambda: True))
    assert path.stat().st_size == 16


def test_best_molecules_equal_a_full_sort():
    scores = np.random.default_rng(0).normal(size=500).astype(np.float32)
    scores[::7] = np.nan
    order = np.argsort(-np.where(np.isnan(scores), -np.inf, scores), kind="stable")
    assert best_molecules(scores, 50).tolist() == order[:50].tolist()
    assert len(best_molecules(np.full(3, np.nan), 2)) == 0


def test_a_diverse_pick_holds_no_two_alike():
    bits = fingerprints([s for s in SMILES if s != "not one"]).matrix()
    picked = diverse(bits, 0.6)
    from biotl_core.screening.fingerprints import tanimoto

    similarity = tanimoto(bits[np.flatnonzero(picked)], bits[np.flatnonzero(picked)])
    assert picked[0] and (similarity - np.eye(len(similarity)) < 0.6).all()


def test_flags_are_told_and_nothing_is_dropped():
    table = describe_hits(["CC(=O)Oc1ccccc1C(=O)O", "O=C1C(=Cc2ccccc2)SC(=S)N1C", "C" * 40])
    assert len(table) == 3
    assert table["qed"].between(0, 1).all()
    assert table["pains"].iloc[1].startswith("ene_rhod") and table["pains"].iloc[0] == ""
    assert table["lipinski_misses"].tolist()[0] == 0 and table["lipinski_misses"].tolist()[2] == 2


def test_known_actives_on_top_are_seen():
    labels = np.r_[np.ones(5), np.zeros(490), np.full(5, np.nan)]
    assert early_recognition(np.arange(500, 0, -1.0, dtype=np.float32), labels)["auroc"] == 1.0
