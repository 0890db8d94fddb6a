"""What a comparison hands over: tables of pairs, groups and unique genes, and GFF3 with the links in it."""

from urllib.parse import quote

import numpy as np
import pandas as pd

from biotl_core.genomes.comparison import Comparison
from biotl_core.genomes.functions import function_classes
from biotl_core.genomes.orthogroups import relation_of_pairs

_GENE_FIELDS = ("gene", "symbol", "product", "contig", "start", "end", "strand")
_GFF_SAFE = " ()[]:,/'+-.|"


def ortholog_table(comparison: Comparison, a: int, b: int) -> pd.DataFrame:
    """Every pair of genes of two genomes with its evidence and both genes' annotation, places 1-based."""
    pair = comparison.pairs[a, b]
    orthologs = pair.orthologs
    table = orthologs.drop(columns=["rank_a", "rank_b"])
    table.insert(0, "relation", relation_of_pairs(comparison.groups, a, b, orthologs))
    for side, number in (("b", b), ("a", a)):
        coding = comparison.genomes[number].coding
        genes = coding.loc[orthologs[f"rank_{side}"], list(_GENE_FIELDS)].reset_index(drop=True)
        genes["start"] += 1
        genes["strand"] = np.where(genes["strand"] > 0, "+", "-")
        for field in reversed(_GENE_FIELDS):
            table.insert(0, f"{field}_{side}", genes[field].to_numpy())
    table["function"] = function_classes(table["product_a"]).to_numpy()
    return table


def group_table(comparison: Comparison) -> pd.DataFrame:
    """One row an orthogroup: share, number of genes, and the genes of each genome in a column of its name."""
    groups = comparison.groups
    names = [genome.coding["gene"].to_numpy() for genome in comparison.genomes]
    products = [genome.coding["product"].to_numpy() for genome in comparison.genomes]
    pairs = list(zip(groups["genome"], groups["rank"], strict=True))
    long = groups.assign(gene=[names[g][r] for g, r in pairs], product=[products[g][r] for g, r in pairs])
    wide = long.pivot_table(index="group", columns="genome", values="gene", aggfunc=", ".join, fill_value="")
    wide = wide.reindex(columns=range(len(names)), fill_value="")
    wide.columns = [genome.name for genome in comparison.genomes]
    by_group = long.groupby("group")
    head = pd.DataFrame(
        {
            "share": by_group["share"].first(),
            "n_genes": by_group.size(),
            "n_genomes": by_group["genome"].nunique(),
        }
    )
    head["product"] = by_group["product"].agg(lambda texts: max(texts, key=len))
    return head.join(wide).reset_index()


def block_table(comparison: Comparison, a: int, b: int) -> pd.DataFrame:
    """One row a block of gene order, with its places on both genomes, 1-based."""
    blocks = comparison.pairs[a, b].blocks
    table = pd.DataFrame(
        {
            "block": blocks["block"] + 1,
            "genes": blocks["n_pairs"],
            "direction": np.where(blocks["direction"] > 0, "same", "inverted"),
        }
    )
    for side, number in (("a", a), ("b", b)):
        coding = comparison.genomes[number].coding
        table[f"contig_{side}"] = coding["contig"].to_numpy()[blocks[f"first_{side}"]]
        table[f"start_{side}"] = coding["start"].to_numpy()[blocks[f"first_{side}"]] + 1
        table[f"end_{side}"] = coding["end"].to_numpy()[blocks[f"last_{side}"]]
    return table


def contig_table(comparison: Comparison, a: int, b: int) -> pd.DataFrame:
    """The contigs of the second genome as they are laid along the first: `place, contig, letters, turned`."""
    contigs, arrangement = comparison.genomes[b].contigs, comparison.pairs[a, b].arrangement
    names = list(contigs)
    return pd.DataFrame(
        {
            "place": range(1, len(names) + 1),
            "contig": [names[number] for number in arrangement.order],
            "letters": [len(contigs[names[number]]) for number in arrangement.order],
            "turned": [arrangement.flipped[number] for number in arrangement.order],
        }
    )


def genome_gff(comparison: Comparison, number: int) -> str:
    """GFF3 of a genome with, for each coding gene, its orthogroup, share and partners in the other genomes."""
    genome = comparison.genomes[number]
    groups = comparison.groups[comparison.groups["genome"] == number].sort_values("rank")
    partners = _partners(comparison, number)
    rank_of = {gene: rank for rank, gene in enumerate(genome.coding["gene"])}
    shares, group_numbers = groups["share"].to_numpy(), groups["group"].to_numpy()
    lines = ["##gff-version 3"]
    lines += [
        f"##sequence-region {quote(name, safe=_GFF_SAFE)} 1 {len(dna)}"
        for name, dna in genome.contigs.items()
    ]
    for row in genome.genes.itertuples():
        fields = {"ID": row.gene, "locus_tag": row.gene, "gene": row.symbol, "product": row.product}
        rank = rank_of.get(row.gene)
        if rank is not None:
            fields |= {"orthogroup": str(group_numbers[rank] + 1), "share": shares[rank]}
            fields["ortholog"] = "|".join(partners.get(rank, []))
        text = ";".join(
            f"{key}={quote(str(value), safe=_GFF_SAFE)}" for key, value in fields.items() if value
        )
        contig, sign = quote(row.contig, safe=_GFF_SAFE), "+" if row.strand > 0 else "-"
        for part in row.exons.split(","):
            start, end = part.split("-")
            phase = "0" if row.kind == "CDS" else "."
            lines.append(f"{contig}\tBioTL\t{row.kind}\t{int(start) + 1}\t{end}\t.\t{sign}\t{phase}\t{text}")
    return "\n".join(lines) + "\n"


def _partners(comparison: Comparison, number: int) -> dict[int, list[str]]:
    """For each rank the partners as `genome:gene`."""
    found: dict[int, list[str]] = {}
    for (a, b), pair in comparison.pairs.items():
        if number not in (a, b):
            continue
        mine, theirs, other = ("rank_a", "rank_b", b) if number == a else ("rank_b", "rank_a", a)
        names = comparison.genomes[other].coding["gene"].to_numpy()
        for rank, partner in zip(pair.orthologs[mine], pair.orthologs[theirs], strict=True):
            found.setdefault(int(rank), []).append(f"{comparison.genomes[other].name}:{names[partner]}")
    return found
