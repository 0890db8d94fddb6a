"""Functions from a reference of her own: reading it, matching genes with it, and what its transfers are worth."""

from dataclasses import replace

import pandas as pd
import pytest

from biotl_core.errors import UserError
from biotl_core.genomes.function_reference import match, read_reference, transfer_from_reference
from biotl_core.genomes.function_transfer import count_reliability, pool_counts
from tests.simulated_genomes import simulated_pair, write_genomes


@pytest.fixture
def reference_file(tmp_path):
    """The first genome's proteins as FASTA, as UniProt writes them."""
    coding = simulated_pair(0.3)[0].genome.coding
    file = tmp_path / "reference.faa"
    file.write_text(
        "".join(
            f">{gene} {product} OS=Ancestor GN={gene} PE=1\n{protein}*\n"
            for gene, product, protein in zip(
                coding["gene"], coding["product"], coding["protein"], strict=True
            )
        )
    )
    return file


def test_a_fasta_keeps_names_and_functions(reference_file):
    coding = simulated_pair(0.3)[0].genome.coding
    read = read_reference(reference_file).coding
    assert read["gene"].tolist() == coding["gene"].tolist()
    assert read["product"].tolist() == coding["product"].tolist()
    assert read["protein"].tolist() == coding["protein"].tolist()
    assert read["symbol"].tolist() == coding["gene"].tolist()


def test_silent_genes_get_the_function_of_their_origin(reference_file):
    second = simulated_pair(0.3)[1].genome
    silent = replace(second, genes=second.genes.assign(product=""))
    table = transfer_from_reference([silent], read_reference(reference_file))
    truth = dict(zip(second.coding["gene"], second.coding["product"], strict=True))
    assert len(table) > 0.9 * sum(product != "hypothetical protein" for product in truth.values())
    right = sum(truth[gene] == said for gene, said in zip(table["gene"], table["suggested"], strict=True))
    assert right >= 0.98 * len(table)
    assert (table["genome"] == 0).all()


def test_what_is_known_on_both_sides_says_how_reliable_it_is(reference_file):
    second = simulated_pair(0.3)[1].genome
    reference = read_reference(reference_file)
    counted = count_reliability(second, reference, match(second, reference))
    assert counted["n_same"].sum() == counted["n_known"].sum() > 20
    within = match(reference, reference, but_itself=True)
    assert (within["rank_a"] != within["rank_b"]).all()


def test_counts_are_pooled():
    one = pd.DataFrame({"evidence": ["x", "y"], "n_known": [30, 5], "n_same": [27, 5]})
    pooled = pool_counts([one, one]).set_index("evidence")
    assert pooled.loc["x", "reliability"] == pytest.approx(0.9)
    assert pooled.loc["y", "n_known"] == 10
    assert pd.isna(pooled.loc["y", "reliability"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (">a\nMKTAYIAKQ\n", "says of none of its 1 proteins"),
        (">a lyase\nACGTACGT\n", "DNA without annotation"),
        ("hello", "is no genome that can be read"),
    ],
)
def test_what_says_nothing_is_refused_with_a_sentence(tmp_path, text, words):
    file = tmp_path / "reference.fa"
    file.write_text(text)
    with pytest.raises(UserError, match=words):
        read_reference(file)


def test_an_annotated_genome_is_a_reference_too(tmp_path):
    genome = simulated_pair(0.3)[0].genome
    fasta, gff = write_genomes(tmp_path, genome)
    both = tmp_path / "both.gff3"
    both.write_text(gff.read_text() + "##FASTA\n" + fasta.read_text())
    assert len(read_reference(both).coding) == len(genome.coding)
    with pytest.raises(UserError, match="an annotation without DNA"):
        read_reference(gff)
