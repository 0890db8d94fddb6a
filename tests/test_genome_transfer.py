"""The transfer tier: neighbours, residue alignments, the head, calibration, and what it may never do."""

import numpy as np
import pandas as pd
import pytest

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.embeddings import MemoryStore
from biotl_core.backbones.encoder import load_encoder
from biotl_core.genomes.families import deal_trial, split_folds, without_aligned
from biotl_core.genomes.function_transfer import count_reliability, transfer_functions
from biotl_core.genomes.homology_head import HeadSettings, HomologyHead, protein_features, train_head
from biotl_core.genomes.neighbours import centred_unit_rows, csls_table, mutual_neighbours
from biotl_core.genomes.pair import compare_pair
from biotl_core.genomes.residue_alignment import align_residues, aligned_path, local_score, path_text
from biotl_core.genomes.simulation import evolve_protein
from biotl_core.genomes.transfer import EVIDENCE, Calibration, load_searcher, rescue_pair
from biotl_core.genomes.unique import VERDICTS, explain_unique
from biotl_core.progress import Control, Stopped
from biotl_core.runs import residue_views
from biotl_core.runs.residue_views import residue_view
from tests.simulated_genomes import simulated_pair


def test_csls_by_hand():
    first, second = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 0.0], [0.6, 0.8]])
    cosine, csls = csls_table(first, second, n_neighbours=1)
    assert cosine.tolist() == [[1.0, 0.6], [0.0, 0.8]]
    # Best cosines: rows 1 and 0.8, columns 1 and 0.8.
    assert np.allclose(csls, [[0.0, 1.2 - 1.0 - 0.8], [0.0 - 0.8 - 1.0, 0.0]])


def test_a_hub_is_nobodys_neighbour():
    rng = np.random.default_rng(0)
    first = centred_unit_rows(rng.normal(size=(30, 16)))
    second = centred_unit_rows(first + 0.05 * rng.normal(size=first.shape))
    found = mutual_neighbours(first, second)
    assert found.rows.tolist() == found.columns.tolist() == list(range(30))
    assert (found.margin > 0).all()


def test_what_is_not_allowed_is_not_found():
    unit = np.eye(4)
    found = mutual_neighbours(unit, unit, ~np.eye(4, dtype=bool))
    assert not (found.rows == found.columns).any()
    assert len(mutual_neighbours(unit, unit[:0]).rows) == 0


def _slow_local_score(scores, gap_open, gap_extend):
    """Gotoh's recursion, cell by cell."""
    n, m = scores.shape
    best, h = 0.0, np.zeros((n + 1, m + 1))
    e, f = np.full((n + 1, m + 1), -np.inf), np.full((n + 1, m + 1), -np.inf)
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            e[i, j] = max(h[i, j - 1] - gap_open, e[i, j - 1] - gap_extend)
            f[i, j] = max(h[i - 1, j] - gap_open, f[i - 1, j] - gap_extend)
            h[i, j] = max(0.0, h[i - 1, j - 1] + scores[i - 1, j - 1], e[i, j], f[i, j])
            best = max(best, h[i, j])
    return best


@pytest.mark.parametrize("seed", range(6))
def test_the_fast_alignment_is_the_slow_one(seed):
    rng = np.random.default_rng(seed)
    scores = rng.normal(-0.2, 1.0, size=(rng.integers(5, 25), rng.integers(5, 25)))
    assert local_score(scores, 1.5, 0.3) == pytest.approx(_slow_local_score(scores, 1.5, 0.3))


@pytest.mark.parametrize("seed", range(6))
def test_the_path_is_worth_the_score(seed):
    rng = np.random.default_rng(seed)
    scores = rng.normal(-0.1, 1.0, size=(rng.integers(8, 25), rng.integers(8, 25)))
    path = aligned_path(scores, 1.5, 0.3)
    steps = np.diff(path, axis=0)
    assert (steps >= 1).all()
    gaps = steps[steps > 1] - 1
    worth = scores[path[:, 0], path[:, 1]].sum() - (1.5 + 0.3 * (gaps - 1)).sum()
    assert worth == pytest.approx(local_score(scores, 1.5, 0.3))


def test_a_path_is_written_with_its_gaps():
    path = np.array([[1, 0], [2, 1], [4, 2], [5, 5]])
    assert path_text("MAKWLC", "AKLPPC", path) == "AKWL--C\n|| |  |\nAK-LPPC"
    assert path_text("MA", "CD", np.zeros((0, 2), dtype=np.int64)) == ""


def test_a_pair_is_aligned_in_a_process_of_its_own_and_kept(monkeypatch):
    protein = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALPDAQFEVV"
    view = residue_view(protein, protein[5:], Control())
    assert view.scores.shape == (70, 65)
    assert np.array_equal(view.path[:, 0] - view.path[:, 1], np.full(len(view.path), 5))
    assert view.excess > 0.5
    monkeypatch.setattr(residue_views, "_compute", None)
    assert np.array_equal(residue_view(protein, protein[5:], Control()).path, view.path)


def test_who_no_longer_waits_ends_the_process():
    with pytest.raises(Stopped):
        residue_view("MKT", "MKV", Control(should_stop=lambda: True))


def test_residues_of_a_copy_align_and_strangers_do_not():
    rng = np.random.default_rng(1)
    one = rng.normal(size=(80, 24))
    copy = np.delete(one, [30, 31], axis=0) + 0.3 * rng.normal(size=(78, 24))
    assert align_residues(one, copy).excess > 2.0
    assert abs(align_residues(one, rng.normal(size=(78, 24))).excess) < 1.0


def test_the_head_learns_families_and_survives_its_folder(tmp_path):
    rng = np.random.default_rng(0)
    # Ten families whose mark is weak beside noise shared by all.
    families = np.repeat(np.arange(10), 8)
    marks = rng.normal(size=(10, 6))
    features = np.concatenate([marks[families], 4 * rng.normal(size=(80, 20))], axis=1).astype(np.float32)
    settings = HeadSettings(width=32, output_width=16, steps=120, batch_pairs=10)
    head = train_head(features, families, settings)
    again = train_head(features, families, settings)
    head.save(tmp_path)
    vectors = HomologyHead.load(tmp_path).vectors(features)
    assert np.array_equal(vectors, head.vectors(features))
    assert np.array_equal(vectors, again.vectors(features))
    assert _hit_share(vectors, families) > 2 * _hit_share(centred_unit_rows(features), families)


def _hit_share(unit: np.ndarray, families: np.ndarray) -> float:
    alike = unit @ unit.T
    np.fill_diagonal(alike, -np.inf)
    return float((families[alike.argmax(axis=1)] == families).mean())


def test_long_proteins_are_read_in_windows():
    weights = locate_backbone(find_backbone("biotl-protein"))
    encoder = load_encoder(weights, "protein")
    protein = "MKTAYIAKQRQISFVKSHFS" * 100
    features = protein_features(encoder, [protein, protein[:200]], MemoryStore())
    assert features.shape == (2, 2 * encoder.width + 21)
    assert features[0, -1] == pytest.approx(np.log(2000))
    # A repeat looks the same however often it is repeated.
    assert np.corrcoef(features[0, : encoder.width], features[1, : encoder.width])[0, 1] > 0.98


def test_calibration_says_what_it_was_taught():
    rng = np.random.default_rng(0)
    evidence = pd.DataFrame(rng.normal(size=(4000, len(EVIDENCE))), columns=list(EVIDENCE))
    chance = 1 / (1 + np.exp(-(2 * evidence["csls"] - 1)))
    calibration = Calibration.fit(evidence, rng.random(4000) < chance)
    assert np.abs(calibration.probability(evidence) - chance).mean() < 0.03


def test_folds_are_dealt_whole():
    folds = pd.Series(np.repeat([f"fold {i}" for i in range(40)], 3))
    parts = split_folds(folds, (0.6, 0.2, 0.2))
    assert pd.Series(parts).groupby(folds).nunique().max() == 1
    assert np.bincount(parts).tolist() == [72, 24, 24]


def test_trials_hold_only_what_alignment_leaves_alone():
    rng = np.random.default_rng(0)
    proteins = ["M" + "".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 120)) for _ in range(12)]
    proteins += [evolve_protein(protein, 0.1, 0.0, rng) for protein in proteins[:4]]
    table = pd.DataFrame({"superfamily": [*range(12), *range(4)], "family": range(16)})
    trial = deal_trial(table, np.arange(16), 1.0, rng)
    both = set(table["superfamily"].iloc[trial.first]) & set(table["superfamily"].iloc[trial.second])
    assert both == {0, 1, 2, 3}
    left = without_aligned(trial, proteins)
    assert not set(table["superfamily"].iloc[left.first]) & {0, 1, 2, 3}


@pytest.fixture(scope="module")
def rescued():
    first, second = (one.genome for one in simulated_pair(1.5, n_gains=8))
    pair = compare_pair(first, second)
    return first, second, pair, rescue_pair(load_searcher(), first, second, pair)


def test_an_embedding_never_overrides_an_alignment(rescued):
    _, _, before, after = rescued
    kept = after.orthologs.iloc[: len(before.orthologs)]
    pd.testing.assert_frame_equal(kept, before.orthologs)
    assert after.rearrangements == before.rearrangements
    assert after.blocks.equals(before.blocks)
    added = after.orthologs.iloc[len(before.orthologs) :]
    assert len(added)
    assert set(added["tier"]) <= {"embedding, confirmed", "embedding only"}
    assert not set(added["rank_a"]) & set(before.orthologs["rank_a"])
    assert not set(added["rank_b"]) & set(before.orthologs["rank_b"])
    assert added["probability"].between(0.05, 1).all()
    assert before.orthologs["probability"].isna().all()
    # Nor does it pair a gene that is surely like another: that one is a copy, and its alignment says so.
    for side, rank in ((0, "rank_a"), (1, "rank_b")):
        sure = before.nearest[(before.nearest["side"] == side) & (before.nearest["evalue"] <= 1e-3)]
        assert not set(added[rank]) & set(sure["rank"])


def test_every_gene_alone_has_a_verdict(rescued):
    first, second, _, pair = rescued
    for side, genome in ((0, first), (1, second)):
        table = explain_unique((first, second), pair.orthologs, pair.nearest, pair.segments, side)
        shared = pair.orthologs[pair.orthologs["tier"] != "embedding only"]
        assert len(table) == len(genome.coding) - shared[("rank_a", "rank_b")[side]].nunique()
        assert set(table["verdict"]) <= set(VERDICTS)
        is_relative = table["verdict"] == "relative by embedding"
        assert table.loc[is_relative, "probability"].notna().all()


def test_functions_come_with_a_counted_reliability():
    first, second = (one.genome for one in simulated_pair(0.3))
    silent = second.coding["product"] == "hypothetical protein"
    genes = second.genes.copy()
    hidden = genes.index[(~silent) & (genes.index % 5 == 0)]
    genes.loc[hidden, "product"] = ""
    from dataclasses import replace

    second = replace(second, genes=genes)
    orthologs = compare_pair(first, second).orthologs
    counted = count_reliability(first, second, orthologs)
    assert counted["n_same"].sum() == counted["n_known"].sum()  # partners have one product in a simulation
    table = transfer_functions((first, second), orthologs, 1)
    truth = first.coding["product"]
    by_gene = dict(zip(second.coding["gene"], truth, strict=True))
    assert len(table) == len(hidden)
    assert [by_gene[gene] for gene in table["gene"]] == table["suggested"].tolist()
