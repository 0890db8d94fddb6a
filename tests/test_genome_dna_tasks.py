"""DNA training tables from an annotated genome."""

import numpy as np
import pandas as pd
import pytest

from biotl_core.data.alphabets import reverse_complement
from biotl_core.errors import UserError
from biotl_core.genomes.dna_tasks import DNA_TASKS, make_table, possible_tasks
from biotl_core.genomes.genome import CODING, Exon, Genome, gene_table, write_exons
from tests.simulated_genomes import simulated_pair

GENOME = simulated_pair(0.1)[0].genome


def genome_with_room(n_genes: int = 60) -> Genome:
    """Genes of one letter, on both strands, with 300 letters of another between them."""
    rows, pieces, at = [], ["T" * 300], 300
    for number in range(n_genes):
        strand = 1 if number % 2 else -1
        gene = "ATG" + "A" * 597
        pieces += [gene if strand > 0 else reverse_complement(gene), "T" * 300]
        exons = write_exons([Exon(at, at + 600)])
        rows.append((f"g{number}", "c", at, at + 600, strand, CODING, "", "", exons, "M" + "K" * 199))
        at += 900
    columns = ["gene", "contig", "start", "end", "strand", "kind", "symbol", "product", "exons", "protein"]
    return Genome(
        "roomy", {"c": "".join(pieces)}, gene_table(pd.DataFrame(rows, columns=columns).to_dict("records"))
    )


def test_upstream_windows_end_just_behind_the_start():
    table = make_table(genome_with_room(), "promoter")
    upstream = table.loc[table["class"] == "upstream", "sequence"]
    assert {sequence[80:83] for sequence in upstream} == {"ATG"}
    assert table["class"].value_counts().nunique() == 1
    assert set(table["sequence"].str.len()) == {100}


def test_coding_windows_lie_inside_genes_and_the_others_outside():
    genome = genome_with_room()
    table = make_table(genome, "coding")
    shares = table.assign(a=table["sequence"].str.count("A"), t=table["sequence"].str.count("T"))
    for row in shares.itertuples():
        assert max(row.a, row.t) >= 196
    assert set(table["class"]) == {"coding", "intergenic"}


def test_parts_share_no_stretch_of_the_genome():
    table = make_table(genome_with_room(200), "coding")
    places = table["name"].str.extract(r":(\d+)-(\d+)").astype(int).mean(axis=1) // 20_000
    assert table["part"].groupby(places).nunique().max() == 1
    assert set(table["part"]) == {"train", "validation", "test"}


def test_splice_sites_need_introns():
    assert possible_tasks(GENOME) == ["coding", "promoter"]
    rng = np.random.default_rng(0)
    pieces, rows, at = [], [], 0
    for number in range(40):
        dna = "".join(rng.choice(list("ACGT"), 400))
        dna = dna[:150] + "GTAAGT" + dna[156:]
        strand = 1 if number % 2 else -1
        pieces.append(dna if strand > 0 else reverse_complement(dna))
        exons = [(0, 150), (250, 400)]  # the same from either end
        text = write_exons([Exon(at + a, at + b) for a, b in exons])
        rows.append((f"g{number}", "c", at, at + 400, strand, CODING, "", "", text, "M" * 100))
        at += 400
    columns = ["gene", "contig", "start", "end", "strand", "kind", "symbol", "product", "exons", "protein"]
    genome = Genome(
        "euk", {"c": "".join(pieces)}, gene_table(pd.DataFrame(rows, columns=columns).to_dict("records"))
    )
    assert "splice" in possible_tasks(genome)
    table = make_table(genome, "splice")
    forward = table[(table["class"] == "donor site") & table["name"].str.endswith("+")]
    assert {sequence[40:46] for sequence in forward["sequence"]} == {"GTAAGT"}
    assert {sequence[40:42] for sequence in table.loc[table["class"] == "other GT", "sequence"]} == {"GT"}


def test_too_few_places_are_told():
    with pytest.raises(UserError, match="has too few places"):
        make_table(genome_with_room(5), "promoter")


@pytest.mark.parametrize("task", DNA_TASKS)
def test_every_task_says_what_it_asks(task):
    assert DNA_TASKS[task].title and DNA_TASKS[task].help.endswith(".")
