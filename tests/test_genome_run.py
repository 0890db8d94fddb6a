"""Comparisons as runs: all pairs, kept by content, groups over several genomes, the worker, the verb, the tables."""

import json

import numpy as np
import pandas as pd
import pytest

from biotl_core.cli import main
from biotl_core.errors import UserError
from biotl_core.genomes import comparison as comparing
from biotl_core.genomes.comparison import compare_genomes, count_shares, load_comparison, save_comparison
from biotl_core.genomes.exports import block_table, contig_table, genome_gff, group_table, ortholog_table
from biotl_core.genomes.functions import FUNCTION_CLASSES, function_class
from biotl_core.genomes.orthogroups import markov_clusters, relation_of_pairs, share_of_groups
from biotl_core.genomes.pair import TIERS, PairSettings
from biotl_core.genomes.simulation import Evolution, evolve, simulate_ancestor
from biotl_core.progress import Control, Stopped
from biotl_core.runs.folder import read_config, read_result
from biotl_core.runs.genome_requests import create_genome_run, input_files
from biotl_core.runs.genome_run import genome_run
from biotl_core.shell import shell_command
from biotl_core.verbs.genomes import write_tables
from tests.simulated_genomes import simulated_pair, write_genomes


@pytest.fixture(scope="module")
def three():
    ancestor = simulate_ancestor(60, seed=4, mean_length=130)
    events = Evolution(0.2, n_duplications=3, n_losses=4, n_gains=4, n_inversions=1, segment_genes=10)
    return [evolve(ancestor, events, name, seed) for seed, name in enumerate("abc", 10)]


def test_groups_follow_descent(three):
    comparison = compare_genomes([one.genome for one in three])
    origins = [gene.origin for one in three for gene in one.genes]
    groups = comparison.groups.assign(origin=origins)
    assert groups.groupby("group")["origin"].nunique().max() == 1
    in_all = set.intersection(*({gene.origin for gene in one.genes} for one in three))
    core = groups[groups["share"] == "core"]
    assert set(core["origin"]) <= in_all
    assert len(set(core["origin"])) >= 0.95 * len(in_all)
    gained = groups[groups["origin"] < 0]
    assert (gained["share"] == "unique").all()
    assert len(gained) == 12


def test_one_more_genome_costs_only_its_pairs(three, monkeypatch):
    compared = []
    compute = comparing.compare_pair

    def spy(first, second, *rest):
        compared.append((first.name, second.name))
        return compute(first, second, *rest)

    monkeypatch.setattr(comparing, "compare_pair", spy)
    genomes = [one.genome for one in three]
    compare_genomes(genomes[:2])
    assert compared == [("a", "b")]
    done = compare_genomes(genomes)
    assert compared == [("a", "b"), ("a", "c"), ("b", "c")]
    assert done.n_cached == 1
    compare_genomes(genomes, PairSettings(min_pairs=2))
    assert len(compared) == 6  # other thresholds are another question


def test_a_comparison_survives_its_folder(three, tmp_path):
    comparison = compare_genomes([one.genome for one in three[:2]])
    save_comparison(comparison, tmp_path)
    loaded = load_comparison(tmp_path)
    pd.testing.assert_frame_equal(loaded.groups, comparison.groups)
    pd.testing.assert_frame_equal(loaded.pairs[0, 1].orthologs, comparison.pairs[0, 1].orthologs)
    assert loaded.pairs[0, 1].rearrangements == comparison.pairs[0, 1].rearrangements
    assert loaded.pairs[0, 1].arrangement == comparison.pairs[0, 1].arrangement


def test_tables_say_where_and_why(three):
    comparison = compare_genomes([one.genome for one in three[:2]])
    table = ortholog_table(comparison, 0, 1)
    assert set(table["tier"]) <= set(TIERS)
    assert set(table["relation"]) <= {"1:1", "1:m", "m:1", "m:m"}
    assert table["start_a"].min() >= 1
    groups = group_table(comparison)
    assert groups["n_genes"].sum() == sum(len(one.genome.coding) for one in three[:2])
    assert (
        count_shares(comparison.groups)
        == groups["share"].value_counts().reindex(["core", "accessory", "unique"], fill_value=0).to_dict()
    )
    assert {"same", "inverted"} >= set(block_table(comparison, 0, 1)["direction"])
    contigs = contig_table(comparison, 0, 1)
    assert sorted(contigs["contig"]) == sorted(three[1].genome.contigs)
    assert contigs["letters"].sum() == three[1].genome.size
    gff = genome_gff(comparison, 0)
    assert gff.startswith("##gff-version 3\n##sequence-region a_chromosome 1 ")
    assert gff.count("\tCDS\t") == len(three[0].genome.coding)
    assert "ortholog=b:b_" in gff


def test_relations_count_the_group(three):
    groups = pd.DataFrame({"genome": [0, 1, 1, 0, 1], "rank": [0, 0, 1, 1, 2], "group": [0, 0, 0, 1, 1]})
    pairs = pd.DataFrame({"rank_a": [0, 1], "rank_b": [0, 2]})
    assert relation_of_pairs(groups, 0, 1, pairs).tolist() == ["1:m", "1:1"]
    assert share_of_groups(groups, 2)["share"].tolist() == ["core", "core"]


def test_markov_clustering_cuts_a_bridge():
    weights = np.zeros((6, 6))
    for one, other, weight in ((0, 1, 9), (0, 2, 9), (1, 2, 9), (3, 4, 9), (3, 5, 9), (4, 5, 9), (2, 3, 1)):
        weights[one, other] = weights[other, one] = weight
    clusters = markov_clusters(weights)
    assert len(set(clusters[:3])) == len(set(clusters[3:])) == 1
    assert clusters[0] != clusters[3]


def test_without_genes_the_dna_is_compared_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("biotl_core.genomes.calling.find_program", lambda: None)
    first, second = (one.genome for one in simulated_pair(0.05))
    files = [tmp_path / "a.fa", tmp_path / "b.fa"]
    for file, genome in zip(files, (first, second), strict=True):
        file.write_text(f">x\n{next(iter(genome.contigs.values()))}\n")
    folder = create_genome_run(files, PairSettings())
    assert "there are no genes to compare" in genome_run(folder, Control())
    pair = load_comparison(folder).pairs[0, 1]
    assert pair.ani.identity > 0.9
    assert len(pair.segments) >= 1


def test_the_worker_writes_its_answer(tmp_path):
    files = write_genomes(tmp_path, *(one.genome for one in simulated_pair(0.1, n_inversions=1)))
    folder = create_genome_run(
        files, PairSettings(), source="two of mine", controls=False, map_of_proteins=False
    )
    assert [file.name for file in input_files(folder)] == [file.name for file in files]
    assert read_config(folder)["source"] == "two of mine"
    sentence = genome_run(folder, Control())
    result = read_result(folder)
    assert result["sentence"] == sentence
    assert "genes in common" in sentence
    assert result["pairs"][0]["rearrangements"]["n_inverted"] == 1
    assert result["cpu_seconds"] > 0
    assert not {"controls", "map", "reference"} & set(result)


def test_stop_is_heard_between_steps(tmp_path):
    files = write_genomes(tmp_path, *(one.genome for one in simulated_pair(0.1)))
    folder = create_genome_run(files, PairSettings())
    with pytest.raises(Stopped):
        genome_run(folder, Control(should_stop=lambda: True))


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UserError, match="There is no file"):
        create_genome_run([tmp_path / "nothing.fa"], PairSettings())


def test_the_verb_answers_in_json(tmp_path, capsys):
    files = write_genomes(tmp_path, *(one.genome for one in simulated_pair(0.1)))
    out = tmp_path / "out"
    short = ["--quiet", "--no-map", "--no-controls"]
    assert main(["compare-genomes", *map(str, files), "-o", str(out), "--json", *short]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["pairs"][0]["n_orthologs"] == 120
    assert sorted(file.name for file in (out / "tables").iterdir()) == [
        "blocks-first-second.tsv", "contigs-first-second.tsv", "dna-first-second.tsv", "first.gff3", "orthogroups.tsv",
        "orthologs-first-second.tsv", "second.gff3",
    ]  # fmt: skip


def test_controls_are_a_table_too(three, tmp_path):
    save_comparison(compare_genomes([one.genome for one in three[:2]]), tmp_path)
    score = {"view": "composition", "recall": 0.5, "low": 0.4, "high": 0.6, "precision": 0.9}
    write_tables(tmp_path, {"controls": {"scores": [score]}})
    table = pd.read_csv(tmp_path / "tables" / "controls.tsv", sep="\t")
    assert table[list(score)].to_dict("records") == [score]


def test_the_verb_tells_a_mistake_in_a_sentence(tmp_path, capsys):
    (tmp_path / "a.fa").write_text(">a\nACGT\n")
    assert main(["compare-genomes", str(tmp_path / "a.fa"), "--quiet"]) == 1
    assert "needs two or more genomes" in capsys.readouterr().err


def test_the_shell_command_lists_its_files():
    command = shell_command("compare-genomes", {"files": ["a b.fa", "c.gb"], "output": "out"})
    assert command == "python -m biotl_core compare-genomes 'a b.fa' c.gb -o out"


@pytest.mark.parametrize("name", FUNCTION_CLASSES)
def test_every_class_of_function_can_be_met(name):
    examples = (
        "transposase", "ribosomal protein", "DNA polymerase III", "transcriptional regulator", "sensor kinase",
        "murein hydrolase", "ABC transporter", "NADH dehydrogenase", "chaperonin", "citrate lyase",
    )  # fmt: skip
    assert name in {function_class(example) for example in examples}


@pytest.mark.data
def test_two_phages_of_one_family_share_their_order(shared_data):
    from biotl_core.genomes.reading import read_genomes

    folder = shared_data / "genomes"
    genomes = read_genomes(
        [folder / f"phages_acinetobacter_4.{ending}" for ending in ("fasta.gz", "gff3.gz")],
        each_sequence=True,
    )
    pair = compare_genomes(genomes[:2]).pairs[0, 1]
    assert len(pair.orthologs) > 100
    assert (pair.orthologs["block"] >= 0).mean() > 0.8
