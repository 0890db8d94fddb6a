"""Genes of a genome without annotation: called by Prodigal's algorithm, run as a separate program.

pyrodigal is under the GPL and therefore never imported: where its command line is installed, it is asked.
"""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from biotl_core.errors import UserError
from biotl_core.genomes.annotation import read_gff
from biotl_core.genomes.features import genes_from_features
from biotl_core.genomes.genome import Genome
from biotl_core.wording import say_count

_ENOUGH_TO_LEARN = 100_000
"""Letters from which the program learns a genome's own style; shorter ones are read with its general models."""
_SHORT_GENES = 230
"""A smaller mean length of the proteins (bacteria: about 310) makes another genetic code worth trying."""
ABSENT = (
    "Genes were not called, since the separate program pyrodigal is not installed (pip install pyrodigal); DNA is "
    "compared all the same. Or give an annotation (GenBank, GFF3)."
)


def find_program() -> str | None:
    """The path of pyrodigal's command line: beside this Python, or on the PATH."""
    beside = Path(sys.executable).parent / "pyrodigal"
    return str(beside) if beside.is_file() else shutil.which("pyrodigal")


def call_genes(genome: Genome) -> Genome:
    """The genome with genes called on it; without the program, the same genome with a note that says so."""
    program = find_program()
    if program is None:
        return genome.with_notes(ABSENT)
    called = _call(program, genome, genome.genetic_code)
    if genome.size >= _ENOUGH_TO_LEARN and _mean_length(called) < _SHORT_GENES and genome.genetic_code == 11:
        # Mycoplasmas read TGA as tryptophan; with the common code their genes fall to pieces.
        other = _call(program, genome, 4)
        if _mean_length(other) > 1.2 * _mean_length(called):
            called = other.with_notes(
                "Genes were called with genetic code 4, which fits better than the common one."
            )
    n = len(called.coding)
    return called.with_notes(
        f"{say_count(n, 'gene')} called by pyrodigal (Prodigal's algorithm), none annotated."
    )


def _mean_length(genome: Genome) -> float:
    return sum(map(len, genome.proteins)) / max(len(genome.proteins), 1)


def _call(program: str, genome: Genome, code: int) -> Genome:
    with tempfile.TemporaryDirectory() as folder:
        fasta, gff = Path(folder) / "genome.fna", Path(folder) / "genes.gff"
        names = {f"c{i}": name for i, name in enumerate(genome.contigs)}
        fasta.write_text("".join(f">c{i}\n{dna}\n" for i, dna in enumerate(genome.contigs.values())))
        mode = "single" if genome.size >= _ENOUGH_TO_LEARN else "meta"
        command = [program, "-i", str(fasta), "-o", str(gff), "-f", "gff", "-p", mode]
        command += ["-g", str(code)] if mode == "single" else []
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise UserError(
                f"pyrodigal could not call genes on '{genome.name}' ({last[:200]}). Give an annotation (GenBank, GFF3)."
            )
        features, _ = read_gff(gff.read_text(), "genes.gff")
    features = [
        replace(
            feature, contig=names[feature.contig], name=f"{names[feature.contig]}_{number + 1}", extras={}
        )
        for number, feature in enumerate(features)
    ]
    genes, code, _ = genes_from_features(features, genome.contigs, "the called genes", code)
    return replace(genome, genes=genes, gene_source="called", genetic_code=code)
