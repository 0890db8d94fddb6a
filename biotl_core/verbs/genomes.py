"""The verb `compare-genomes`."""

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from biotl_core.genomes.comparison import load_comparison
from biotl_core.genomes.controls import control_table, say_trust
from biotl_core.genomes.exports import block_table, contig_table, genome_gff, group_table, ortholog_table
from biotl_core.genomes.orthologs import SEARCHES
from biotl_core.genomes.pair import PairSettings
from biotl_core.home import safe_name
from biotl_core.runs.folder import launch, read_result
from biotl_core.runs.genome_requests import BACKBONE, REFERENCE_FUNCTIONS, create_genome_run
from biotl_core.runs.homology import head_folder
from biotl_core.runs.status import read_status
from biotl_core.verbs.answering import add_json, follow, print_json, tell
from biotl_core.wording import say_count


def add_compare_genomes(all_verbs: Any) -> None:
    """Add the verb to the parser."""
    verb = all_verbs.add_parser(
        "compare-genomes", help="shared genes, their order, and what is unique", allow_abbrev=False
    )
    verb.add_argument(
        "files", metavar="FILE", nargs="+", help="FASTA, GenBank, EMBL, GFF3 with its FASTA; gzipped or not"
    )
    verb.add_argument(
        "-o", "--output", metavar="FOLDER", help="a new or empty folder (default: one in BioTL's home)"
    )
    verb.add_argument(
        "--each-sequence", action="store_true", help="every sequence of a file is a genome of its own"
    )
    verb.add_argument(
        "--genetic-code", type=int, metavar="N", help="NCBI's table (default: what the file says, or a guess)"
    )
    defaults = PairSettings()
    verb.add_argument(
        "--search",
        choices=tuple(SEARCHES),
        default=defaults.search,
        help="how hard partners are searched for: " + "; ".join(f"{k}: {v}" for k, v in SEARCHES.items()),
    )
    verb.add_argument(
        "--max-evalue",
        type=float,
        default=defaults.max_evalue,
        help="as many matches as good as a pair's may be expected by chance in the whole genome; pairs above 0.001 are "
        "marked as weak",
    )
    verb.add_argument(
        "--min-coverage",
        type=float,
        default=defaults.min_coverage,
        help="share of each of the two proteins that is aligned; higher keeps out pairs that share only a domain",
    )
    verb.add_argument(
        "--max-gap",
        type=int,
        default=defaults.max_gap,
        help="genes that may lie between two neighbouring pairs of one block of gene order",
    )
    verb.add_argument(
        "--min-pairs",
        type=int,
        default=defaults.min_pairs,
        help="pairs of genes in a block at least; fewer are taken as genes that moved, or chance",
    )
    verb.add_argument("--no-embedding", action="store_true", help="leave out the search by the protein model")
    verb.add_argument(
        "--head",
        metavar="RUN",
        help="a finished run of train-homology whose head judges relatives (default: embedded)",
    )
    verb.add_argument(
        "--functions", metavar="FILE", help="take functions from these: protein FASTA, or GenBank or EMBL"
    )
    verb.add_argument("--no-controls", action="store_true", help="leave out the controls of that search")
    verb.add_argument("--no-map", action="store_true", help="leave out the map of proteins")
    add_json(verb)
    verb.set_defaults(do=do_compare_genomes)


def do_compare_genomes(options: argparse.Namespace) -> int:
    """Compare genomes in a run of its own worker, write the tables, and print the answer."""
    settings = PairSettings(
        options.search, options.max_evalue, options.min_coverage, options.max_gap, options.min_pairs
    )
    folder = create_genome_run(
        [Path(file) for file in options.files],
        settings,
        folder=Path(options.output) if options.output else None,
        each_sequence=options.each_sequence,
        genetic_code=options.genetic_code,
        backbone=None if options.no_embedding else BACKBONE,
        head=head_folder(options.head) if options.head else None,
        reference=Path(options.functions) if options.functions else None,
        controls=not options.no_controls,
        map_of_proteins=not options.no_map,
    )
    launch(folder)
    tell(options, f"Run folder: {folder}")
    if (status := follow(folder, options)) != 0:
        return status
    result = read_result(folder) or {}
    write_tables(folder, result)
    if options.json:
        print_json(result | {"folder": str(folder)})
        return 0
    print(read_status(folder).message)
    for genome in result["genomes"]:
        print(
            f"  {genome['genome']}: {genome['letters']:,} letters, {say_count(genome['coding'], 'coding gene')}"
        )
        for note in result["notes"][genome["genome"]]:
            print(f"    {note}")
    if result.get("head", "embedded") != "embedded":
        print(f"  Relatives are judged by the head of the run {result['head']}.")
    for sentence in say_trust(result):
        print(f"  {sentence}")
    print(f"Tables are in {folder / 'tables'}")
    return 0


def write_tables(folder: Path, result: dict[str, Any]) -> None:
    """Write every table of a finished comparison as TSV and GFF3 into `tables/`."""
    comparison = load_comparison(folder)
    tables = folder / "tables"
    tables.mkdir(exist_ok=True)
    names = [safe_name(genome.name, str(i)) for i, genome in enumerate(comparison.genomes)]
    for a, b in comparison.pairs:
        orthologs = ortholog_table(comparison, a, b)
        orthologs.to_csv(tables / f"orthologs-{names[a]}-{names[b]}.tsv", sep="\t", index=False)
        blocks = block_table(comparison, a, b)
        blocks.to_csv(tables / f"blocks-{names[a]}-{names[b]}.tsv", sep="\t", index=False)
        contigs = contig_table(comparison, a, b)
        contigs.to_csv(tables / f"contigs-{names[a]}-{names[b]}.tsv", sep="\t", index=False)
        segments = comparison.pairs[a, b].segments
        segments.to_csv(tables / f"dna-{names[a]}-{names[b]}.tsv", sep="\t", index=False)
    if (folder / REFERENCE_FUNCTIONS).is_file():
        functions = pd.read_parquet(folder / REFERENCE_FUNCTIONS)
        functions["genome"] = [comparison.genomes[number].name for number in functions["genome"]]
        functions.to_csv(tables / "functions-from-reference.tsv", sep="\t", index=False)
    if result.get("controls"):
        table = control_table(result["controls"]["scores"])
        table.to_csv(tables / "controls.tsv", sep="\t", index=False)
    group_table(comparison).to_csv(tables / "orthogroups.tsv", sep="\t", index=False)
    for number, name in enumerate(names):
        (tables / f"{name}.gff3").write_text(genome_gff(comparison, number), encoding="utf-8")
