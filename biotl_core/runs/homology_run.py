"""The work of a run of kind "homology": a contrastive head learned from labelled pairs, judged on families apart."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.embeddings import open_store
from biotl_core.backbones.encoder import load_encoder
from biotl_core.genomes.alignment import clean, score_pairs
from biotl_core.genomes.families import count_bins
from biotl_core.genomes.homology_head import HomologyHead, composition, protein_features, train_head
from biotl_core.genomes.homology_pairs import (
    CALIBRATION,
    TEST,
    TRAIN,
    HomologyPairs,
    deal_parts,
    find_families,
    judged_pairs,
)
from biotl_core.genomes.homology_scores import score_all
from biotl_core.genomes.neighbours import centred_unit_rows
from biotl_core.genomes.transfer import Calibration, Searcher
from biotl_core.genomes.transfer_calibration import collect_candidates
from biotl_core.progress import Control
from biotl_core.runs.folder import read_config
from biotl_core.runs.homology import MODEL, OWN, say_homology
from biotl_core.runs.json_files import write_json_atomically

N_TRIALS = 50
LEAST_CANDIDATES = 10
"""Different ones of each kind, related and not: fewer do not tell how probable a candidate is."""
_CHUNK = 200


def homology_run(folder: Path, control: Control) -> str:
    """Do the run; the closing sentence. Resumed, it takes the vectors of proteins from the store."""
    known = HomologyPairs.load(folder)
    control.step("Keeping families apart", 0, 0)
    families, by_mmseqs = find_families(known, control)
    parts = deal_parts(known, families)
    weights = locate_backbone(find_backbone(read_config(folder)["backbone"]))
    encoder = load_encoder(weights, "protein")
    stores = open_store(weights, encoder, "sequence"), open_store(weights, encoder, "residue")
    features = protein_features(encoder, known.proteins["sequence"].tolist(), stores[0], control)
    is_learned = parts == TRAIN
    head = train_head(features[is_learned], families[is_learned], control=control)
    model = folder / MODEL
    head.save(model)
    judged = judged_pairs(known, parts)
    views = judge_pairs(known, judged, features, encoder.width, head, is_learned, control)
    is_related = (judged["label"] == 1).to_numpy()
    both = families[judged[["first", "second"]].to_numpy()]
    control.step("Judging on families never seen", 0, 0)
    result: dict[str, Any] = {
        "scores": score_all(views, is_related, both, OWN),
        "counts": count_pairs(known, judged, families, parts),
        "by_mmseqs": by_mmseqs,
    }
    write_judged(folder, known, judged, views)
    searcher = Searcher(encoder, head, None, *stores)
    result["calibration"] = calibrate(searcher, known, families, parts, model, control)
    result["sentence"] = say_homology(result)
    write_json_atomically(folder / "result.json", result)
    return result["sentence"]


def judge_pairs(
    known: HomologyPairs,
    judged: pd.DataFrame,
    features: np.ndarray,
    width: int,
    head: HomologyHead,
    is_learned: np.ndarray,
    control: Control,
) -> dict[str, np.ndarray]:
    """Scores of the judged pairs by each way of `homology.VIEWS`; what is centred, is by the training proteins."""
    sequences = known.proteins["sequence"].tolist()
    vectors = {
        "composition": composition(sequences),
        "backbone": features[:, :width],
        OWN: head.vectors(features),
    }
    first, second = judged["first"].to_numpy(), judged["second"].to_numpy()
    views = {}
    for view, some in vectors.items():
        unit = centred_unit_rows(some, some[is_learned].mean(axis=0))
        views[view] = (unit[first] * unit[second]).sum(axis=1)
    return views | {"alignment": align_pairs([clean(one) for one in sequences], first, second, control)}


def align_pairs(proteins: list[str], first: np.ndarray, second: np.ndarray, control: Control) -> np.ndarray:
    """Raw Smith-Waterman scores of pairs, float64 `(n,)`."""
    scores = np.zeros(len(first))
    order = np.argsort(first, kind="stable")
    for start in range(0, len(order), _CHUNK):
        control.step("Aligning the test pairs", start, len(order))
        some = order[start : start + _CHUNK]
        scores[some] = score_pairs(proteins, proteins, first[some], second[some])
    return scores


def count_pairs(
    known: HomologyPairs, judged: pd.DataFrame, families: np.ndarray, parts: np.ndarray
) -> dict[str, int]:
    """Proteins, families and pairs, as plain numbers."""
    first, second = parts[known.pairs["first"]], parts[known.pairs["second"]]
    return {
        "proteins": len(known.proteins),
        "families": len(np.unique(families)),
        "pairs": len(known.pairs),
        "train_related": int(((first == TRAIN) & (second == TRAIN) & (known.pairs["label"] == 1)).sum()),
        "test_related": int(judged["label"].sum()),
        "test_unrelated": int((judged["label"] == 0).sum()),
    }


def write_judged(
    folder: Path, known: HomologyPairs, judged: pd.DataFrame, views: dict[str, np.ndarray]
) -> None:
    """The test pairs with every score: `test_pairs.csv`."""
    names = known.proteins["id"].to_numpy()
    table = pd.DataFrame(
        {
            "first": names[judged["first"]],
            "second": names[judged["second"]],
            "label": judged["label"],
            **views,
        }
    )
    table.to_csv(folder / "test_pairs.csv", index=False)


def calibrate(
    searcher: Searcher,
    known: HomologyPairs,
    families: np.ndarray,
    parts: np.ndarray,
    model: Path,
    control: Control,
) -> dict[str, Any]:
    """Fit the probability on candidates of the calibration families, judge it on those of the test families.

    Candidates are those of the transfer tier: mutual neighbours among proteins that no alignment explains.
    """
    table = known.proteins.assign(superfamily=families, family=np.arange(len(families)))
    fitted, judged = (
        collect_candidates(searcher, table, np.flatnonzero(parts == part), N_TRIALS, control)
        for part in (CALIBRATION, TEST)
    )
    different = fitted.drop_duplicates(["first", "second"])["is_related"]
    counts = {"fitted": len(different), "fitted_related": int(different.sum()), "judged": len(judged)}
    fewest = min(counts["fitted_related"], counts["fitted"] - counts["fitted_related"])
    if fewest < LEAST_CANDIDATES or judged.empty:
        sentence = (
            f"Its probability could not be calibrated: of {len(different)} candidates that alignment leaves alone, "
            f"{counts['fitted_related']} are homologs, and at least {LEAST_CANDIDATES} of each kind are needed. "
            "Add homologs that are distant."
        )
        return counts | {"sentence": sentence}
    calibration = Calibration.fit(fitted, fitted["is_related"].to_numpy(bool))
    reliability = count_bins(calibration.probability(judged), judged["is_related"].to_numpy(bool))
    reliability.round(4).to_csv(model / "reliability.csv", index=False)
    calibration.save(model)
    sentence = (
        f"Probabilities were fitted on {len(different):,} candidate pairs of families kept for that, and judged "
        f"on {len(judged):,} of the test families."
    )
    return counts | {"sentence": sentence, "reliability": reliability.to_dict("records")}
