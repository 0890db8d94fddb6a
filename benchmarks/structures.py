"""Figures of the structures room: `python -m benchmarks.structures --data ../shared/data [--only WORD]`.

globins, antibodies: the template engine, each chain modelled on the others (antibody templates of at most 95 %
identity); distances: folding from true distances below 12 Å; rebuilding: backbones from alpha carbons;
distogram: the distance head on globins, five of them held out.
"""

import argparse
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from biotl_core.errors import UserError
from biotl_core.plots.structures import plot_confidence
from biotl_core.structures.alignment import align_sequences
from biotl_core.structures.chains import ProteinChain, read_folder
from biotl_core.structures.folding import fold, restraints_from_distances
from biotl_core.structures.measures import lddt, local_lddt, tm_score
from biotl_core.structures.rebuilding import rebuild_backbone
from biotl_core.structures.templates import TemplateLibrary, predict_from_templates

SEED = 0
ANTIBODY_IDENTITY = 0.95
PLOTS: list[Path] = []
"""Where plots go, if anywhere."""


def main() -> None:
    """Print the chosen figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", default="", help="parts whose name holds this word")
    parser.add_argument("--plots", type=Path, help="a folder for the calibration of the confidence, as HTML")
    choice = parser.parse_args()
    folder = choice.data / "structures"
    if choice.plots:
        choice.plots.mkdir(parents=True, exist_ok=True)
        PLOTS.append(choice.plots)
    for name, measure in PARTS.items():
        if choice.only in name:
            measure(folder)


def variable_domains(folder: Path) -> list[ProteinChain]:
    """The V domains of the antibody chains: from the start to ten residues after the last W/F-G-x-G, each once."""
    domains = {}
    for chain in read_folder(folder / "antibodies")[0]:
        ends = [match.start() for match in re.finditer("[WF]G.G", chain.sequence) if 80 < match.start() < 140]
        if ends:
            domain = chain.cut(0, min(len(chain), ends[-1] + 11))
            domains.setdefault(domain.sequence, domain)
    return list(domains.values())


def identity(first: ProteinChain, second: ProteinChain) -> float:
    """Share of identical letters among the aligned ones."""
    pairs = align_sequences(first.sequence, second.sequence)
    letters = zip(pairs.first, pairs.second, strict=True)
    return float(np.mean([first.sequence[i] == second.sequence[j] for i, j in letters]))


def measure_templates(title: str, chains: list[ProteinChain], most_identity: float = 1.0) -> None:
    """Each chain modelled on the others."""
    library, rows, expected, true = TemplateLibrary(chains), [], [], []
    refused = 0
    for k, chain in enumerate(chains):
        allowed = [j for j in range(len(chains)) if j != k and identity(chain, chains[j]) <= most_identity]
        began = time.perf_counter()
        try:
            model = predict_from_templates(chain.sequence, chain.name, library, allowed=allowed)
        except UserError:
            refused += 1
            continue
        seconds = time.perf_counter() - began
        there = chain.is_resolved
        local = local_lddt(chain.ca[there], model.ca[there])
        expected.append(model.confidence[there][~np.isnan(local)])
        true.append(local[~np.isnan(local)])
        rows.append(
            (
                tm_score(chain.ca[there], model.ca[there], int(there.sum())),
                lddt(chain.ca[there], model.ca[there]),
                seconds,
                spearmanr(expected[-1], true[-1]).statistic,
            )
        )
    tm, local, seconds, per_chain = np.array(rows).T
    print(f"{title}: {len(rows)} chains modelled, {refused} refused")
    print(f"  TM-score mean {tm.mean():.3f}, median {np.median(tm):.3f}; lDDT-CA mean {local.mean():.3f}")
    print(f"  seconds a chain: mean {seconds.mean():.1f}, longest {seconds.max():.1f}")
    pooled = spearmanr(np.concatenate(expected), np.concatenate(true)).statistic
    print(
        f"  confidence against true lDDT: Spearman {pooled:.2f} over residues, {np.median(per_chain):.2f} in a chain"
    )
    print("  " + calibration(np.concatenate(expected), np.concatenate(true)), flush=True)
    if PLOTS:
        figure = plot_confidence(np.concatenate(expected), 100 * np.concatenate(true))
        figure.write_html(PLOTS[0] / f"{title.split(',')[0]} calibration.html", include_plotlyjs=True)


def calibration(expected: np.ndarray, true: np.ndarray) -> str:
    """Mean expected and true lDDT in bands of confidence."""
    told = []
    for low, high in ((0, 50), (50, 70), (70, 90), (90, 101)):
        inside = (expected >= low) & (expected < high)
        if inside.any():
            told.append(f"{low}-{min(high, 100)}: {100 * true[inside].mean():.0f} (n {inside.sum():,})")
    return "true lDDT where the confidence is " + ", ".join(told)


def measure_globins(folder: Path) -> None:
    measure_templates("Globins, leave one out", read_folder(folder / "globins")[0])


def measure_antibodies(folder: Path) -> None:
    measure_templates("Antibody V domains, templates up to 95 %", variable_domains(folder), ANTIBODY_IDENTITY)


def whole_chains(folder: Path, shortest: int = 60, longest: int = 250) -> list[np.ndarray]:
    """Alpha carbons of chains without a gap. Every second row: the table of the hand was counted on the others."""
    table = pd.read_parquet(folder / "pdb_chains_ca.parquet")
    chains = [np.array(row, dtype=float).reshape(-1, 3) for row in table["ca"]][::2]
    steps = [np.linalg.norm(np.diff(ca, axis=0), axis=1) for ca in chains]
    return [
        ca
        for ca, step in zip(chains, steps, strict=True)
        if shortest <= len(ca) <= longest and (np.abs(step - 3.8) < 0.2).all()
    ]


def measure_distances(folder: Path) -> None:
    chains = whole_chains(folder)
    picked = np.random.default_rng(SEED).choice(len(chains), 20, replace=False)
    rows = []
    for k in picked:
        ca = chains[k]
        distances = np.linalg.norm(ca[:, None] - ca[None], axis=2)
        began = time.perf_counter()
        found = fold(len(ca), restraints_from_distances(distances, 12.0))
        seconds = time.perf_counter() - began
        right, wrong = tm_score(ca, found.ca), tm_score(ca, found.ca * [1, 1, -1])
        rows.append((right, right > wrong, seconds))
    tm, hand, seconds = np.array(rows).T
    print(f"Folding from true distances below 12 A, {len(rows)} chains of 60 to 250 residues")
    print(
        f"  TM-score >= 0.97 in {int((tm >= 0.97).sum())}, mean {tm.mean():.3f}; right hand in {int(hand.sum())}"
    )
    print(f"  seconds a chain: mean {seconds.mean():.1f}, median {np.median(seconds):.1f}")


def measure_rebuilding(folder: Path) -> None:
    off = []
    for name in ("globins", "antibodies"):
        for chain in read_folder(folder / name)[0][:25]:
            off.append(np.linalg.norm(rebuild_backbone(chain.ca) - chain.backbone, axis=2))
    n, _, c, o, cb = np.nanmean(np.concatenate(off), axis=0)
    print(
        f"Backbones rebuilt from alpha carbons, mean distance in A: N {n:.2f}, C {c:.2f}, O {o:.2f}, CB {cb:.2f}"
    )


def measure_distogram(folder: Path) -> None:
    from biotl_core.progress import Control
    from biotl_core.structures.distance_head import open_features, train_head
    from biotl_core.structures.distogram import fold_with_head
    from biotl_core.structures.engines import FoldSettings
    from biotl_core.structures.pair_measures import EDGES, precision_at_l, true_contacts
    from biotl_core.structures.result_files import contact_probability

    chains, settings = read_folder(folder / "globins")[0], FoldSettings()
    held = range(0, len(chains), 5)
    train = [chain for k, chain in enumerate(chains) if k not in held]
    for backbone in (settings.backbone, "one-hot"):
        features = open_features(backbone)
        began = time.perf_counter()
        head = train_head(features, train, settings.passes, SEED, Control())
        seconds, rows = time.perf_counter() - began, []
        for k in held:
            chain = chains[k]
            about = {"structures_learned_from": len(train)}
            model = fold_with_head(features, head, chain.sequence, chain.name, about, Control())
            there = chain.is_resolved
            contacts = contact_probability(model.distogram, EDGES)
            rows.append(
                (
                    tm_score(chain.ca[there], model.ca[there], int(there.sum())),
                    100 * lddt(chain.ca[there], model.ca[there]),
                    model.confidence.mean(),
                    precision_at_l(contacts, true_contacts(chain)),
                )
            )
        tm, local, expected, precision = np.mean(rows, axis=0)
        print(
            f"Distances learned from {len(train)} globins, {settings.passes} passes, {backbone}: TM-score {tm:.2f}, "
            f"lDDT {local:.0f} (expected {expected:.0f}), P@L long range {precision:.2f} on {len(rows)} held out; "
            f"{seconds:.0f} s to learn"
        )


PARTS = {
    "globins": measure_globins,
    "antibodies": measure_antibodies,
    "distances": measure_distances,
    "rebuilding": measure_rebuilding,
    "distogram": measure_distogram,
}


if __name__ == "__main__":
    main()
