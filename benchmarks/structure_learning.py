"""What heads learn from structures: `python -m benchmarks.structure_learning --data ../shared/data [--only WORD]`.

labels: accessibility and B-factors of globins and antibodies, a frozen embedded backbone against simple methods on
the same parts; contacts: the distance head on chains of the Protein Data Bank (alpha carbons) against its twin that
sees only letters and against a line through the backbone's attention, on clusters that share under 30 % with training.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.structures import variable_domains
from biotl_core.data.splitting import SplitSettings, split
from biotl_core.learning.settings import TrainingSettings
from biotl_core.progress import Control
from biotl_core.runs.folder import create_run, read_result
from biotl_core.runs.request import training_request
from biotl_core.runs.training_run import train_run
from biotl_core.structures.attention_contacts import SHARES
from biotl_core.structures.chains import ProteinChain, read_folder
from biotl_core.structures.distance_head import ONE_HOT, open_features, predict_bins, train_head
from biotl_core.structures.distance_rivals import learn_attention_line, open_attention
from biotl_core.structures.labels import make_dataset
from biotl_core.structures.pair_measures import EDGES, precision_at_l, separation_bins, true_contacts
from biotl_core.structures.rebuilding import rebuild_backbone
from biotl_core.structures.result_files import contact_probability
from biotl_core.structures.results import as_atoms

BACKBONE = "biotl-protein"
LABELLED = ("accessibility", "flexibility")
DOMAIN_IDENTITY = 0.7
"""Antibody domains are all alike below this; those above it stay in one part."""


def main() -> None:
    """Print the chosen figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", default="", help="labels, contacts, or shares (written, not measured)")
    parser.add_argument("--train", type=int, default=200, help="chains to learn contacts from")
    parser.add_argument("--passes", type=int, default=8)
    parser.add_argument("--test", type=int, default=40, help="chains to judge contacts on")
    choice = parser.parse_args()
    folder = choice.data / "structures"
    if choice.only in "labels":
        for label in LABELLED:
            measure_label(folder, label)
    if choice.only == "shares":
        write_shares(folder)
    if choice.only in "contacts":
        measure_contacts(folder, choice.train, choice.passes, choice.test)


def measure_label(folder: Path, label: str) -> None:
    chains = [*read_folder(folder / "globins")[0], *variable_domains(folder)]
    made = make_dataset(chains, label, "globins and antibody domains")
    parted = split(made.dataset, SplitSettings("similarity", identity=DOMAIN_IDENTITY))
    with tempfile.TemporaryDirectory() as home:
        request = training_request(
            parted.dataset, BACKBONE, TrainingSettings(epochs=30), {"kind": parted.kind}
        )
        run = create_run(request, parted.dataset, kind="train", folder=Path(home) / "run")
        train_run(run, Control())
        result = read_result(run)
    metric = result["headline"]
    simple = {
        name: scores[metric] for name, scores in result["baselines"].items() if scores[metric] is not None
    }
    best = max(simple, key=simple.get)
    low, high = result["test_interval"][metric]
    print(f"{made.dataset.target_name}: {len(parted.dataset.table)} chains; {parted.sentence}")
    print(
        f"  {metric} {result['test'][metric]:.3f} ({low:.3f} to {high:.3f}); best simple method {simple[best]:.3f} "
        f"({best}); {', '.join(f'{name} {value:.3f}' for name, value in simple.items())}",
        flush=True,
    )


def alpha_chains(folder: Path) -> tuple[list[ProteinChain], list[str]]:
    """The chains of known alpha carbons with rebuilt backbones, up to 300 residues, and their clusters."""
    table = pd.read_parquet(folder / "pdb_chains_ca.parquet")
    table = table[table["sequence"].str.len() <= 300]
    chains = []
    for row in table.itertuples():
        backbone = rebuild_backbone(np.array(row.ca, dtype=float).reshape(-1, 3))
        atoms, nothing = as_atoms(row.sequence, backbone), np.full(len(backbone), np.nan)
        chains.append(ProteinChain(row.chain, row.sequence, backbone, nothing, "none", atoms, True))
    return chains, table["cluster"].tolist()


def write_shares(folder: Path) -> None:
    """How far residues so many steps apart lie, over the chains, for the engine that has only contacts."""
    shares = separation_bins(alpha_chains(folder)[0])
    np.save(SHARES, shares.astype(np.float32))
    print(f"{SHARES.name}: shape {shares.shape}")


def measure_contacts(folder: Path, n_train: int, passes: int, n_test: int) -> None:
    chains, clusters = alpha_chains(folder)
    names = np.random.default_rng(0).permutation(np.unique(clusters))
    order = sorted(range(len(chains)), key=lambda k: int(np.flatnonzero(names == clusters[k])[0]))
    test, rest = (
        order[:n_test],
        [k for k in order[n_test:] if clusters[k] not in {clusters[t] for t in order[:n_test]}],
    )
    train = [chains[k] for k in rest[:n_train]]
    judged = [chains[k] for k in test]
    print(f"Contacts: {len(train)} chains to learn from, {len(judged)} to judge, no cluster (30 %) in both")
    tell(
        "chance", [np.random.default_rng(k).random((len(c), len(c))) for k, c in enumerate(judged)], judged, 0
    )
    began = time.perf_counter()
    line = learn_attention_line(open_attention(BACKBONE), train, Control())
    scores = [line(chain.sequence) for chain in judged]
    tell("line through attention", scores, judged, time.perf_counter() - began)
    for backbone in (BACKBONE, ONE_HOT):
        began = time.perf_counter()
        features = open_features(backbone)
        head = train_head(features, train, passes, 0, Control())
        found = [
            contact_probability(predict_bins(features, head, chain.sequence)[1], EDGES) for chain in judged
        ]
        tell(f"distance head on {backbone}", found, judged, time.perf_counter() - began)


def tell(title: str, scores: list[np.ndarray], judged: list[ProteinChain], seconds: float) -> None:
    """One line of the table: precision of the best L and L/5 pairs at least 24 residues apart."""
    truth = [true_contacts(chain) for chain in judged]
    full, fifth = (
        np.nanmean([precision_at_l(s, t, share) for s, t in zip(scores, truth, strict=True)])
        for share in (1, 0.2)
    )
    print(f"  {title:<34} P@L {full:.3f}  P@L/5 {fifth:.3f}  {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
