"""Heads learned from labelled pairs: reading, families apart, scores by hand, the run, and its use on genomes."""

import json

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from biotl_core.cli import main
from biotl_core.errors import UserError
from biotl_core.genomes.homology_pairs import (
    HomologyPairs,
    deal_parts,
    find_families,
    judged_pairs,
    read_pairs,
)
from biotl_core.genomes.homology_scores import recall_at, score_all
from biotl_core.genomes.pair import PairSettings
from biotl_core.genomes.simulation import evolve_protein
from biotl_core.genomes.transfer import EVIDENCE, WEIGHTS_FOLDER, Calibration
from biotl_core.progress import Control, Stopped
from biotl_core.runs.folder import create_run, read_config, read_result
from biotl_core.runs.genome_requests import HEAD, create_genome_run
from biotl_core.runs.genome_run import genome_run
from biotl_core.runs.homology import (
    MODEL,
    OWN,
    VIEWS,
    create_homology,
    finished_heads,
    head_folder,
    score_table,
)
from biotl_core.runs.homology_run import homology_run
from biotl_core.runs.status import RunStatus, write_status
from tests.simulated_genomes import simulated_pair, write_genomes
from tests.test_pages_genomes import ROOT, open_genomes
from tests.test_pages_runs import texts

N_FAMILIES, N_MEMBERS = 30, 3


@pytest.fixture(scope="module")
def proteins() -> list[str]:
    """Families of three distant members each, one after the other."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(N_FAMILIES):
        ancestor = "M" + "".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 60))
        made += [evolve_protein(ancestor, 1.2, 0.0, rng) for _ in range(N_MEMBERS)]
    return made


@pytest.fixture(scope="module")
def table(proteins) -> pd.DataFrame:
    """Names and labels: all pairs within a family, and each protein with three of others."""
    rng, rows = np.random.default_rng(1), []
    for i in range(len(proteins)):
        family = i // N_MEMBERS
        rows += [(i, j, 1) for j in range(i + 1, (family + 1) * N_MEMBERS)]
        others = [j for j in range(len(proteins)) if j // N_MEMBERS != family and j > i]
        rows += [(i, int(j), 0) for j in rng.choice(others, min(6, len(others)), replace=False)]
    named = pd.DataFrame(rows, columns=["one", "other", "same"])
    return named.assign(one="p" + named["one"].astype(str), other="p" + named["other"].astype(str))


@pytest.fixture
def files(tmp_path, table, proteins):
    pairs, fasta = tmp_path / "pairs.csv", tmp_path / "proteins.fasta"
    table.to_csv(pairs, index=False)
    fasta.write_text("".join(f">p{i}\n{protein}\n" for i, protein in enumerate(proteins)))
    return pairs, fasta


def test_ids_and_sequences_are_read_alike(files, table, proteins, tmp_path):
    known = read_pairs(files[0], sequences=files[1])
    letters = dict(zip([f"p{i}" for i in range(len(proteins))], proteins, strict=True))
    direct = tmp_path / "direct.tsv"
    table.assign(one=table["one"].map(letters), other=table["other"].map(letters)).to_csv(
        direct, sep="\t", index=False
    )
    again = read_pairs(direct, "one", "other", "same")
    assert set(known.proteins["id"]) == set(letters)
    assert again.proteins["sequence"].tolist() == known.proteins["sequence"].tolist()
    pd.testing.assert_frame_equal(again.pairs, known.pairs)
    known.save(tmp_path)
    pd.testing.assert_frame_equal(HomologyPairs.load(tmp_path).pairs, known.pairs)


@pytest.mark.parametrize(
    ("change", "asked", "sentence"),
    [
        (lambda t: t, {"label": "answer"}, "no column 'answer' in 'pairs.csv'; it has one, other, same"),
        (lambda t: t.replace({"one": {"p3": "p999"}}), {}, "'p999' is not among the sequences"),
        (lambda t: t.assign(same=1), {}, r"All pairs are homologs \(1\)"),
        (lambda t: t.assign(same=0), {}, r"All pairs are unrelated \(0\)"),
        (lambda t: t.assign(same="yes"), {}, "row 1: found 'yes'; a label is 1"),
        (lambda t: pd.concat([t[t["same"] == 1][:19], t[t["same"] == 0]]), {}, "Only 19 pairs are homologs"),
        (lambda t: pd.concat([t, t.assign(same=1 - t["same"])]), {}, "labelled 1 in one row and 0 in another"),
        (lambda t: t.assign(one="p0", same=[1] * 50 + [0] * (len(t) - 50)).drop_duplicates("other"), {}, "in 1 fam"),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_from_is_said(files, table, change, asked, sentence):
    change(table.copy()).to_csv(files[0], index=False)
    with pytest.raises(UserError, match=sentence):
        read_pairs(files[0], sequences=files[1], **asked)


def test_ids_without_sequences_are_asked_for(files):
    with pytest.raises(UserError, match="give their sequences as a second file"):
        read_pairs(files[0])


def test_families_are_whole_and_the_judged_pairs_touch_none_that_was_learned(files):
    known = read_pairs(files[0], sequences=files[1])
    families, _ = find_families(known, Control())
    parts = deal_parts(known, families)
    assert pd.Series(parts).groupby(families).nunique().max() == 1
    related = known.pairs[known.pairs["label"] == 1]
    assert (families[related["first"]] == families[related["second"]]).all()
    judged = judged_pairs(known, parts)
    assert set(judged["label"]) == {0, 1}
    assert (parts[judged[["first", "second"]].to_numpy()] != 0).all()


def test_recall_and_intervals_by_hand():
    scores = np.r_[np.linspace(1, 0, 200), 2.0, 0.996, 0.991, -1.0]
    related = np.arange(204) >= 200
    # 1 % of 200 is 2: the third stranger, 1 - 2 / 199 = 0.98995, is the limit.
    assert recall_at(scores, related, np.ones((1, 204))).tolist() == [0.75]
    assert np.isnan(recall_at(scores, related, np.r_[np.ones(200), np.zeros(4)][None])).all()
    families = np.stack([np.arange(204) % 20, np.arange(204) % 20 + np.where(related, 0, 20)], axis=1)
    told = score_all({"own": scores, "same": scores, "worse": -scores}, related, families, "own")
    assert told["same"]["recall"]["gain"] == told["same"]["auroc"]["gain_high"] == 0
    own = told["own"]["auroc"]
    assert own["low"] <= own["value"] <= own["high"]
    assert told["worse"]["auroc"]["value"] == pytest.approx(1 - own["value"])


@pytest.fixture
def finished(biotl_home, files, monkeypatch):
    monkeypatch.setattr("biotl_core.runs.homology_run.N_TRIALS", 2)
    folder = create_homology(read_pairs(files[0], sequences=files[1]), source="pairs.csv", name="mine")
    write_status(folder, RunStatus("finished", homology_run(folder, Control())))
    return folder


def test_a_run_says_whether_training_helped_and_its_head_judges_genomes(finished, tmp_path):
    result = read_result(finished)
    assert list(result["scores"]) == list(VIEWS)
    assert result["sentence"].startswith("At 1 % false positives the trained head finds")
    for metrics in result["scores"].values():
        for told in metrics.values():
            assert 0 <= told["low"] <= told["high"] <= 1
    assert result["scores"][OWN]["recall"]["gain"] == 0
    judged = pd.read_csv(finished / "test_pairs.csv")
    assert len(judged) == result["counts"]["test_related"] + result["counts"]["test_unrelated"]
    assert score_table(result)["way"].tolist() == list(VIEWS.values())
    _use_it(finished, tmp_path)
    _look_at_it()


def _look_at_it():
    """The run on its page, and the comparison that used it on its own."""
    at = open_genomes()
    assert any(box.label == "Which head judges relatives" and "mine" in box.options for box in at.selectbox)
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    at.switch_page("pages/runs.py")
    at.query_params["homology"] = "mine"
    at.run()
    assert not at.exception
    assert "the trained head finds" in texts(at)


def _use_it(finished, tmp_path):
    """With a calibration that is sure of everything: what it says must be what the comparison says."""
    n = len(EVIDENCE)
    Calibration((0.0,) * n, 20.0, (0.0,) * n, (1.0,) * n).save(finished / MODEL)
    pd.DataFrame({"low": [0.5], "high": [1.0], "n": [1], "said": [1.0], "right": [1.0]}).to_csv(
        finished / MODEL / "reliability.csv", index=False
    )
    assert finished_heads() == ["mine"] and head_folder("mine") == finished / MODEL
    files = write_genomes(tmp_path, *(one.genome for one in simulated_pair(1.5, n_gains=8)))
    plain = {"controls": False, "map_of_proteins": False}
    folder = create_genome_run(files, PairSettings(), head=head_folder("mine"), name="ours", **plain)
    genome_run(folder, Control())
    assert read_result(folder)["head"] == read_config(folder)["head"] == "mine"
    assert (folder / HEAD / "head.safetensors").read_bytes() != (
        WEIGHTS_FOLDER / "head.safetensors"
    ).read_bytes()
    (orthologs,) = folder.glob("**/orthologs.parquet")
    found = pd.read_parquet(orthologs)
    found = found[found["tier"].str.startswith("embedding")]
    assert len(found) and (found["probability"] > 0.999).all()
    shipped = create_genome_run(files, PairSettings(), name="theirs", **plain)
    genome_run(shipped, Control())
    assert read_result(shipped)["head"] == "embedded"


def test_a_head_without_calibration_or_end_is_refused(biotl_home, files):
    folder = create_homology(read_pairs(files[0], sequences=files[1]), name="mine")
    with pytest.raises(UserError, match="no finished head"):
        head_folder("mine")
    write_status(folder, RunStatus("finished", ""))
    (folder / "result.json").write_text(json.dumps({"calibration": {"sentence": "Too few."}}))
    with pytest.raises(UserError, match=r"cannot be used here. Too few\."):
        head_folder("mine")
    assert finished_heads() == []
    other = create_run({}, kind="scan", name="other")
    with pytest.raises(UserError, match="no finished head"):
        head_folder(str(other))


def test_it_stops_when_asked_and_the_verb_tells_what_is_missing(biotl_home, files, capsys):
    folder = create_homology(read_pairs(files[0], sequences=files[1]), name="mine")
    with pytest.raises(Stopped):
        homology_run(folder, Control(should_stop=lambda: True))
    assert main(["train-homology", str(files[0])]) != 0
    assert "second file" in capsys.readouterr().err
