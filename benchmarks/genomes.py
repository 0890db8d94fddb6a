"""Genomes against known answers: `python -m benchmarks.genomes --data DATA [--only pairs,symbols,...]`.

Each part prints its figures beside its rivals:
pairs       identity, pairs of genes, blocks, CPU seconds and memory of real pairs
small       mitochondria and phages, all against all
symbols     recall and precision on gene symbols that are unique in both annotations
simulated   orthologs by divergence, against a known history
many        N simulated genomes all against all, and then one more
remote      remote homology: head, frozen backbone, random weights, composition, Smith-Waterman, MMseqs2
orthobench  nearest neighbours among curated orthogroups
calibration what the transfer tier calls 90 % certain, on folds that its head never saw
"""

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from biotl_core.genomes.comparison import compare_genomes
from biotl_core.genomes.genome import Genome
from biotl_core.genomes.pair import TIERS, Pair, compare_pair
from biotl_core.genomes.reading import read_genomes
from biotl_core.genomes.simulation import Evolution, evolve, simulate_ancestor, true_pairs

K12 = "ecoli_k12_mg1655_NC_000913"
PAIRS = (
    (K12, "ecoli_o157_sakai_NC_002695"),
    (K12, "shigella_flexneri_301"),
    (K12, "yersinia_pestis_kim"),
    ("chlamydia_trachomatis_NC_000117", "chlamydia_trachomatis_GCF_000026905"),
    ("neisseria_meningitidis_mc58", "neisseria_meningitidis_z2491"),
    ("mycoplasma_gallisepticum_NC_004829", K12),
)
_SYMBOL = re.compile(r"\b([A-Z][a-z]{2}[A-Z]{1,2})\b")


def read(data: Path, names: tuple[str, ...], annotated: bool = True) -> list[Genome]:
    endings = ("fasta.gz", "gff3.gz") if annotated else ("fasta.gz",)
    return read_genomes([data / "genomes" / f"{name}.{ending}" for name in names for ending in endings])


def print_row(*cells: object) -> None:
    print(
        "| " + " | ".join(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells) + " |",
        flush=True,
    )


def run_pairs(data: Path) -> None:
    """Each pair in a process of its own, so that time and memory are its own."""
    print_row(
        "pair",
        "genes",
        "ANI",
        "AAI",
        "pairs",
        "best both ways",
        "in blocks",
        "blocks",
        "turned",
        "CPU s",
        "GB",
    )
    for pair in PAIRS:
        for kind in ("annotated", "bare"):
            if kind == "annotated" or pair == PAIRS[0]:
                command = [
                    sys.executable,
                    "-m",
                    "benchmarks.genomes",
                    "--data",
                    str(data),
                    "--pair",
                    ",".join(pair),
                    kind,
                ]
                subprocess.run(command, check=True)


def run_small(data: Path) -> None:
    for name in ("mitochondria_human_orangutan", "phages_acinetobacter_4", "phages_enterobacteria_6"):
        started = children_and_own_seconds()
        files = sorted((data / "genomes").glob(f"{name}.*[ta3].gz"))
        with home_of_its_own():
            done = compare_genomes(read_genomes(files, each_sequence=True))
        identities = [pair.ani.identity for pair in done.pairs.values() if pair.ani.identity]
        n = sum(len(pair.orthologs) for pair in done.pairs.values())
        seconds = children_and_own_seconds() - started
        print(
            f"{name}: {len(done.genomes)} genomes, {len(identities)} ANI, {n:,} pairs of genes, {seconds:.1f} CPU s"
        )


def run_one_pair(data: Path, names: tuple[str, str], kind: str) -> None:
    started = time.process_time()
    genomes = read(data, names, kind == "annotated")
    with home_of_its_own():
        done = compare_genomes(genomes)
    pair, seconds = done.pairs[0, 1], children_and_own_seconds() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    best = int((pair.orthologs["tier"] == "best both ways").sum())
    inside = float((pair.orthologs["block"] >= 0).mean())
    counts = pair.rearrangements
    ani = pair.ani.identity if pair.ani.identity is not None else "none"
    name = " x ".join(name.split("_NC_")[0] for name in names)
    print_row(
        name,
        kind,
        ani,
        pair.aai,
        len(pair.orthologs),
        best,
        inside,
        counts.n_blocks,
        counts.n_inverted,
        seconds,
        memory,
    )


def children_and_own_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class home_of_its_own:
    """No pair may come from an earlier comparison."""

    def __enter__(self) -> None:
        import os

        self.folder = tempfile.TemporaryDirectory()
        self.before = os.environ.get("BIOTL_HOME")
        os.environ["BIOTL_HOME"] = self.folder.name

    def __exit__(self, *_: object) -> None:
        import os

        os.environ.pop("BIOTL_HOME")
        if self.before is not None:
            os.environ["BIOTL_HOME"] = self.before
        self.folder.cleanup()


def symbols_of(genome: Genome) -> list[str]:
    """The symbol of each coding gene; of an annotation without any, the only one its product names ("protein FtsE")."""
    if (genome.coding["symbol"] != "").any():
        return genome.coding["symbol"].str.lower().tolist()
    symbols = []
    for product in genome.coding["product"]:
        named = set(_SYMBOL.findall(product))
        symbols.append(named.pop().lower() if len(named) == 1 else "")
    return symbols


def true_by_symbol(first: Genome, second: Genome) -> set[tuple[int, int]]:
    """Ranks of genes with a symbol that is unique in both genomes."""
    ranks = []
    for genome in (first, second):
        symbols = pd.Series(symbols_of(genome))
        once = symbols[(symbols != "") & ~symbols.duplicated(keep=False)]
        ranks.append({symbol: rank for rank, symbol in once.items()})
    return {(ranks[0][symbol], ranks[1][symbol]) for symbol in ranks[0].keys() & ranks[1].keys()}


def judge(pair: Pair, truth: set[tuple[int, int]], tiers: tuple[str, ...]) -> tuple[float, float, int]:
    """Recall, precision among pairs that touch a gene of the truth, and how many those are."""
    chosen = pair.orthologs[pair.orthologs["tier"].isin(tiers)]
    found = set(zip(chosen["rank_a"], chosen["rank_b"], strict=True))
    first, second = {a for a, _ in truth}, {b for _, b in truth}
    touched = [one for one in found if one[0] in first or one[1] in second]
    right = len(found & truth)
    return right / max(len(truth), 1), right / max(len(touched), 1), len(touched)


def run_symbols(data: Path) -> None:
    from biotl_core.genomes.transfer import load_searcher, rescue_pair

    print_row("pair", "symbols", "tiers", "recall", "precision", "judged", "CPU s")
    tiers = tuple(TIERS)
    searcher = load_searcher()
    for names in ((K12, "yersinia_pestis_kim"), ("mycoplasma_gallisepticum_NC_004829", K12)):
        first, second = read(data, names)
        truth = true_by_symbol(first, second)
        started = time.process_time()
        pair = compare_pair(first, second)
        classical = time.process_time() - started
        after = rescue_pair(searcher, first, second, pair)
        total = time.process_time() - started
        name = " x ".join(name.split("_NC_")[0] for name in names)
        for title, chosen in (("best both ways", tiers[:1]), ("by alignment", tiers[:3])):
            print_row(name, len(truth), title, *judge(pair, truth, chosen), classical)
        for title, chosen in (
            ("embedding, confirmed", tiers[3:4]),
            ("embedding only", tiers[4:]),
            ("all", tiers),
        ):
            print_row(name, len(truth), title, *judge(after, truth, chosen), total)


def run_simulated(data: Path) -> None:
    print_row(
        "divergence", "identity", "true pairs", "recall", "precision", "inversions made", "found", "CPU s"
    )
    ancestor = simulate_ancestor(600, seed=1)
    for divergence in (0.1, 0.4, 0.8, 1.2, 1.6):
        first = evolve(ancestor, Evolution(divergence / 2), "first", seed=2)
        changes = Evolution(
            divergence / 2, n_duplications=30, n_losses=40, n_gains=40, n_inversions=3, n_translocations=2
        )
        second = evolve(ancestor, changes, "second", seed=3)
        started, truth = time.process_time(), true_pairs(first, second)
        pair = compare_pair(first.genome, second.genome)
        found = set(zip(pair.orthologs["rank_a"], pair.orthologs["rank_b"], strict=True))
        right, identity = len(found & truth), float(pair.orthologs["identity"].mean())
        print_row(
            divergence, identity, len(truth), right / len(truth), right / len(found), 3, pair.rearrangements.n_inverted,
            time.process_time() - started,
        )  # fmt: skip


def run_many(data: Path, n_genomes: int = 20, n_genes: int = 4000) -> None:
    ancestor = simulate_ancestor(n_genes, seed=1)
    genomes = [
        evolve(
            ancestor, Evolution(0.15, n_losses=100, n_gains=150, n_inversions=2), f"genome-{i}", seed=i
        ).genome
        for i in range(n_genomes + 1)
    ]
    megabases = np.mean([genome.size for genome in genomes]) / 1e6
    print(f"{n_genomes} simulated genomes of {megabases:.1f} million letters, {n_genes:,} genes")
    with home_of_its_own():
        for title, some in (("all against all", genomes[:-1]), ("one more", genomes)):
            started, began = time.process_time(), time.monotonic()
            done = compare_genomes(some)
            n_new = len(done.pairs) - done.n_cached
            seconds = time.process_time() - started
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            print(
                f"{title}: {len(done.pairs)} pairs, {n_new} of them new, {seconds:.0f} CPU s ({seconds / n_new:.2f} a "
                f"new pair), {time.monotonic() - began:.0f} s by the clock, {memory:.2f} GB, "
                f"{done.groups['group'].nunique():,} groups",
                flush=True,
            )


def run_remote(data: Path, clans: Path | None = None) -> None:
    from benchmarks.remote_homology import print_remote

    print_remote(data, clans)


def run_orthobench(data: Path) -> None:
    from benchmarks.remote_homology import print_orthobench

    print_orthobench(data)


def run_calibration(data: Path) -> None:
    from benchmarks.remote_homology import print_calibration

    print_calibration(data)


PARTS: dict[str, Callable[[Path], None]] = {
    "pairs": run_pairs,
    "small": run_small,
    "symbols": run_symbols,
    "simulated": run_simulated,
    "many": run_many,
    "remote": run_remote,
    "orthobench": run_orthobench,
    "calibration": run_calibration,
}


def main() -> None:
    """Print the figures that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--only", default="pairs,small,symbols,simulated,remote,calibration", help="parts, with commas"
    )
    parser.add_argument(
        "--clans", type=Path, help="DCTdomain's pfam_max50.pair, which tells pairs of one clan"
    )
    parser.add_argument("--genomes", type=int, default=20, help="of the part many")
    parser.add_argument(
        "--genes", type=int, default=4000, help="of each of them; a small bacterium has 1,000"
    )
    parser.add_argument("--pair", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pair:
        run_one_pair(options.data, tuple(options.pair[0].split(",")), options.pair[1])
        return
    for name in options.only.split(","):
        print(f"\n## {name}", flush=True)
        if name == "remote":
            run_remote(options.data, options.clans)
        elif name == "many":
            run_many(options.data, options.genomes, options.genes)
        else:
            PARTS[name](options.data)


if __name__ == "__main__":
    main()
