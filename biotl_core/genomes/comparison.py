"""Two or more genomes, all against all: every pair once, kept by content, so that one more costs only its own pairs."""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from biotl_core.genomes.calling import call_genes
from biotl_core.genomes.functions import function_classes
from biotl_core.genomes.genome import Genome
from biotl_core.genomes.orthogroups import SHARES, find_copies, find_orthogroups, share_of_groups
from biotl_core.genomes.pair import Pair, PairSettings, compare_pair
from biotl_core.genomes.pair_files import cached_folder, load_pair, read_cached, save_pair
from biotl_core.home import home_subfolder
from biotl_core.progress import Control
from biotl_core.wording import say_count


@dataclass(frozen=True)
class Comparison:
    """Everything that a comparison of genomes found."""

    genomes: list[Genome]
    pairs: dict[tuple[int, int], Pair]
    """By the numbers of the two genomes, the lower first."""
    groups: pd.DataFrame
    """`genome, rank, group, share` of every coding gene; see `orthogroups.find_orthogroups`."""
    seconds: dict[str, float] = field(default_factory=dict)
    """CPU seconds by stage, of what this run computed itself."""
    n_cached: int = 0
    """Pairs taken from earlier runs."""


class Rescue(NamedTuple):
    """The search by embedding, as the worker hands it down: what it does, and a name for its weights."""

    find: Callable[[Genome, Genome, Pair, Control], Pair]
    version: str


def cpu_seconds() -> float:
    """CPU seconds of this process so far, and of programs that it ran to their end (gene calling)."""
    return sum(os.times()[:4])


def with_genes(genomes: Sequence[Genome], control: Control) -> list[Genome]:
    """The genomes with genes called on those that have none."""
    done = []
    for number, genome in enumerate(genomes):
        control.step("Calling genes", number, len(genomes))
        done.append(call_genes(genome) if genome.gene_source == "none" else genome)
    return done


def compare_pairs(
    genomes: Sequence[Genome], settings: PairSettings, control: Control
) -> tuple[dict[tuple[int, int], Pair], int]:
    """All pairs of genomes, from the cache where it has them, and how many it had."""
    every = list(combinations(range(len(genomes)), 2))
    pairs, n_cached = {}, 0
    for number, (a, b) in enumerate(every):
        control.step("Comparing pairs of genomes", number, len(every))
        folder = cached_folder(genomes[a], genomes[b], settings)
        pair = read_cached(folder)
        if pair is None:
            pair = compare_pair(genomes[a], genomes[b], settings, _within(control, len(every)))
            save_pair(pair, folder)
        else:
            n_cached += 1
        pairs[a, b] = pair
    return pairs, n_cached


def _within(control: Control, n_pairs: int) -> Control:
    """The control of one pair: all stages of an only one; of many only the stop, since the bar counts pairs."""
    return control if n_pairs == 1 else Control(should_stop=control.should_stop)


def rescue_pairs(
    genomes: Sequence[Genome],
    pairs: dict[tuple[int, int], Pair],
    settings: PairSettings,
    rescue: Rescue,
    control: Control,
) -> dict[tuple[int, int], Pair]:
    """The pairs with what the search by embedding adds, from the cache where it has them."""
    done = {}
    for number, ((a, b), pair) in enumerate(pairs.items()):
        control.step("Searching by embedding", number, len(pairs))
        folder = cached_folder(genomes[a], genomes[b], settings, rescue.version)
        found = read_cached(folder)
        if found is None:
            found = rescue.find(genomes[a], genomes[b], pair, _within(control, len(pairs)))
            save_pair(found, folder)
        done[a, b] = found
    return done


def copies_of(genome: Genome) -> pd.DataFrame:
    """Copies of genes within a genome, from the cache or computed and put there."""
    file = home_subfolder("genome-copies") / f"{genome.content_hash}.parquet"
    try:
        return pd.read_parquet(file)
    except (OSError, ValueError):
        copies = find_copies(genome)
        fresh = file.with_name(f".{file.name}.{time.monotonic_ns()}")
        copies.to_parquet(fresh, index=False)
        fresh.replace(file)
        return copies


def group_genes(
    genomes: Sequence[Genome], pairs: dict[tuple[int, int], Pair], control: Control
) -> pd.DataFrame:
    """The orthogroup and the share (core, accessory, unique) of every coding gene."""
    copies = []
    for number, genome in enumerate(genomes):
        control.step("Looking for copies within each genome", number, len(genomes))
        copies.append(copies_of(genome))
    control.step("Grouping genes", 0, 0)
    tables = {
        numbers: pair.orthologs[pair.orthologs["tier"] != "embedding only"] for numbers, pair in pairs.items()
    }
    groups = find_orthogroups(genomes, tables, copies)
    shares = share_of_groups(groups, len(genomes)).set_index("group")["share"]
    return groups.assign(share=groups["group"].map(shares))


def compare_genomes(
    genomes: Sequence[Genome],
    settings: PairSettings | None = None,
    control: Control | None = None,
    rescue: Rescue | None = None,
) -> Comparison:
    """Compare two or more genomes, all against all, by alignment and then, where asked, by embedding.

    Args:
        genomes: from `reading.read_genomes`; the first is the reference that the others are turned to.
        settings: thresholds.
        control: progress and stop.
        rescue: the search by embedding for genes that alignment leaves alone; None leaves it out.
    """
    settings, control = settings or PairSettings(), control or Control()
    started = cpu_seconds()
    genomes = with_genes(genomes, control)
    called = cpu_seconds()
    pairs, n_cached = compare_pairs(genomes, settings, control)
    paired = cpu_seconds()
    if rescue is not None:
        pairs = rescue_pairs(genomes, pairs, settings, rescue, control)
    rescued = cpu_seconds()
    groups = group_genes(genomes, pairs, control)
    seconds = {
        "gene calling": called - started,
        "pairs": paired - called,
        "search by embedding": rescued - paired,
        "orthogroups": cpu_seconds() - rescued,
    }
    return Comparison(list(genomes), pairs, groups, seconds, n_cached)


def count_shares(groups: pd.DataFrame) -> dict[str, int]:
    """How many orthogroups are core, accessory and unique."""
    counts = groups.drop_duplicates("group")["share"].value_counts()
    return {share: int(counts.get(share, 0)) for share in SHARES}


def describe_genomes(genomes: Sequence[Genome]) -> pd.DataFrame:
    """One row a genome: name, contigs, letters, GC, genes, how they were found."""
    return pd.DataFrame(
        {
            "genome": [genome.name for genome in genomes],
            "contigs": [len(genome.contigs) for genome in genomes],
            "letters": [genome.size for genome in genomes],
            "gc": [genome.gc_share for genome in genomes],
            "genes": [len(genome.genes) for genome in genomes],
            "coding": [len(genome.coding) for genome in genomes],
            "gene_source": [genome.gene_source for genome in genomes],
            "genetic_code": [genome.genetic_code for genome in genomes],
        }
    )


def functions_by_share(genomes: Sequence[Genome], groups: pd.DataFrame) -> pd.DataFrame:
    """How many coding genes of each function class are core, accessory and unique: `genome, class, share, n`."""
    parts = []
    for number, genome in enumerate(genomes):
        mine = groups[groups["genome"] == number].sort_values("rank")
        classes = function_classes(genome.coding["product"])
        parts.append(
            pd.DataFrame({"genome": genome.name, "class": classes, "share": mine["share"].to_numpy()})
        )
    table = (
        pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["genome", "class", "share"])
    )
    return table.value_counts(["genome", "class", "share"]).rename("n").reset_index()


def save_comparison(comparison: Comparison, folder: Path) -> None:
    """Write a comparison into a run folder: `genomes/<i>/`, `pairs/<i>-<j>/`, `groups.parquet`, `comparison.json`."""
    for number, genome in enumerate(comparison.genomes):
        genome.save(folder / "genomes" / str(number))
    for (a, b), pair in comparison.pairs.items():
        save_pair(pair, folder / "pairs" / f"{a}-{b}")
    comparison.groups.to_parquet(folder / "groups.parquet", index=False)
    about = {
        "n_genomes": len(comparison.genomes),
        "seconds": comparison.seconds,
        "n_cached": comparison.n_cached,
    }
    (folder / "comparison.json").write_text(json.dumps(about, indent=1), encoding="utf-8")


def load_comparison(folder: Path) -> Comparison:
    """A saved comparison."""
    about = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    numbers = range(about["n_genomes"])
    genomes = [Genome.load(folder / "genomes" / str(i)) for i in numbers]
    pairs = {(a, b): load_pair(folder / "pairs" / f"{a}-{b}") for a, b in combinations(numbers, 2)}
    groups = pd.read_parquet(folder / "groups.parquet")
    return Comparison(genomes, pairs, groups, about["seconds"], about["n_cached"])


def gene_names(genome: Genome) -> np.ndarray:
    """What a coding gene is called: its symbol, else its name; text `(n,)`."""
    coding = genome.coding
    return np.where(coding["symbol"] != "", coding["symbol"], coding["gene"])


def say_comparison(comparison: Comparison) -> str:
    """What was found, in one sentence."""
    genomes, pairs = comparison.genomes, comparison.pairs
    if len(genomes) == 2:
        return _say_pair(genomes, pairs[0, 1])
    counts = count_shares(comparison.groups)
    return (
        f"{len(genomes):,} genomes share {say_count(counts['core'], 'group')} of genes; "
        f"{counts['accessory']:,} are in some of them and {counts['unique']:,} in one only."
    )


def _say_pair(genomes: Sequence[Genome], pair: Pair) -> str:
    if not all(len(genome.coding) for genome in genomes):
        if pair.ani.identity is None:
            return "Too little of the DNA aligns to measure an identity, and there are no genes to compare."
        return f"{pair.ani.identity:.1%} identical where the DNA aligns; there are no genes to compare."
    alike = (
        f"{pair.ani.identity:.1%} identical DNA" if pair.ani.identity is not None
        else f"{pair.aai:.0%} identical proteins" if pair.aai is not None
        else "too distant to measure an identity"
    )  # fmt: skip
    shared = pair.orthologs[pair.orthologs["tier"] != "embedding only"]
    alone = " and ".join(
        f"{len(genome.coding) - shared[ranks].nunique():,} only in {genome.name}"
        for genome, ranks in zip(genomes, ("rank_a", "rank_b"), strict=True)
    )
    n_blocks = pair.rearrangements.n_blocks
    order = f", in {say_count(n_blocks, 'block')} of gene order" if n_blocks else ""
    return f"{alike[0].upper()}{alike[1:]}: {len(shared):,} genes in common{order}; {alone}."


def summarise(comparison: Comparison, settings: PairSettings) -> dict[str, Any]:
    """The numbers of a comparison as plain values, for `result.json` and the shell."""
    table = describe_genomes(comparison.genomes)
    return {
        "sentence": say_comparison(comparison),
        "genomes": table.to_dict("records"),
        "notes": {genome.name: list(genome.notes) for genome in comparison.genomes},
        "pairs": [
            {"a": comparison.genomes[a].name, "b": comparison.genomes[b].name} | pair.summary
            for (a, b), pair in comparison.pairs.items()
        ],
        "groups": count_shares(comparison.groups),
        "seconds": comparison.seconds,
        "n_cached": comparison.n_cached,
        "settings": asdict(settings),
    }
