"""Genomes from files of every format; each mistake is told in a sentence."""

import gzip
import re

import pytest

from biotl_core.errors import UserError
from biotl_core.genomes import calling, reading
from biotl_core.genomes.annotation import read_gff
from biotl_core.genomes.calling import call_genes, find_program
from biotl_core.genomes.genome import Genome, gene_table
from biotl_core.genomes.reading import read_genomes
from biotl_core.genomes.translation import guess_genetic_code, translate
from tests.simulated_genomes import as_fasta, as_gff, simulated_pair, write_genomes

FIRST, SECOND = (one.genome for one in simulated_pair(0.1))


def refused(files, **options) -> str:
    with pytest.raises(UserError) as caught:
        read_genomes(files, **options)
    return str(caught.value)


def genbank(genome: Genome, file_format: str = "genbank") -> str:
    from io import StringIO

    from Bio.Seq import Seq
    from Bio.SeqFeature import SeqFeature, SimpleLocation
    from Bio.SeqIO import write
    from Bio.SeqRecord import SeqRecord

    (_, dna), out = next(iter(genome.contigs.items())), StringIO()
    record = SeqRecord(
        Seq(dna), id="chr", name="chr", annotations={"molecule_type": "DNA", "topology": "circular"}
    )
    for row in genome.genes.itertuples():
        record.features.append(
            SeqFeature(
                SimpleLocation(row.start, row.end, row.strand),
                "CDS",
                qualifiers={"locus_tag": [row.gene], "gene": [row.symbol], "product": [row.product]},
            )
        )
    write(record, out, file_format)
    return out.getvalue()


def test_gff_and_fasta_are_joined_by_name_in_any_order(tmp_path):
    files = write_genomes(tmp_path, FIRST, SECOND)
    first, second = read_genomes(files[::-1])[::-1]
    assert (first.name, second.name) == ("first", "second")
    assert first.genes.equals(FIRST.genes)
    assert first.gene_source == "annotation"


def test_gff_finds_its_dna_by_the_contigs_it_names(tmp_path):
    (tmp_path / "a.fna").write_text(as_fasta(FIRST))
    (tmp_path / "b.fna").write_text(as_fasta(SECOND))
    (tmp_path / "annotation.gff").write_text(as_gff(SECOND))
    a, b = read_genomes([tmp_path / name for name in ("annotation.gff", "a.fna", "b.fna")])
    assert (len(a.coding), len(b.coding)) == (0, len(SECOND.coding))


@pytest.mark.parametrize("file_format", ["genbank", "embl"])
def test_records_with_features_are_read(tmp_path, file_format):
    (tmp_path / "a.txt").write_bytes(gzip.compress(genbank(FIRST, file_format).encode()))
    (tmp_path / "b.fna").write_text(as_fasta(SECOND))
    genome = read_genomes([tmp_path / "a.txt", tmp_path / "b.fna"])[0]
    assert genome.proteins == FIRST.proteins
    assert genome.coding["symbol"].tolist() == FIRST.coding["symbol"].tolist()


def test_gff_may_hold_its_fasta(tmp_path):
    (tmp_path / "a.gff").write_text(as_gff(FIRST) + "##FASTA\n" + as_fasta(FIRST))
    (tmp_path / "b.fna").write_text(as_fasta(SECOND))
    assert read_genomes([tmp_path / "a.gff", tmp_path / "b.fna"])[0].proteins == FIRST.proteins


def test_exons_are_spliced_and_the_longest_transcript_stays(tmp_path):
    coding = "ATGGCTGATAAACGTTGGGAA" + "CTG" * 12 + "TAA"
    dna = "CC" + coding[:20] + "GTAAGTTTTTCAG" + coding[20:] + "CC" * 30
    end = 2 + 20 + 13 + len(coding) - 20
    gff = (
        "##gff-version 3\n"
        f"c\t.\tgene\t3\t{end}\t.\t+\t.\tID=g1;Name=abcD\n"
        f"c\t.\tmRNA\t3\t{end}\t.\t+\t.\tID=t1;Parent=g1\n"
        "c\t.\tCDS\t3\t22\t.\t+\t0\tID=cds1;Parent=t1;product=kinase\n"
        f"c\t.\tCDS\t36\t{end}\t.\t+\t1\tID=cds1;Parent=t1;product=kinase\n"
        f"c\t.\tmRNA\t3\t{end}\t.\t+\t.\tID=t2;Parent=g1\n"
        "c\t.\tCDS\t3\t22\t.\t+\t0\tID=cds2;Parent=t2\n"
    )
    (tmp_path / "a.fa").write_text(f">c\n{dna}\n")
    (tmp_path / "a.gff3").write_text(gff)
    (tmp_path / "b.fa").write_text(">d\nACGTACGTTTGA\n")
    genes = read_genomes(sorted(tmp_path.iterdir()))[0].genes
    assert genes["protein"].tolist() == [translate(coding)[:-1]]
    assert genes[["symbol", "product", "exons"]].values.tolist() == [["abcD", "kinase", f"2-22,35-{end}"]]


def test_genes_without_strand_get_the_one_that_reads(tmp_path):
    files = write_genomes(tmp_path, FIRST, SECOND)
    text = re.sub(r"\t[+-]\t0\t", "\t.\t0\t", files[1].read_text())
    files[1].write_text(text)
    genome = read_genomes(files)[0]
    assert genome.proteins == FIRST.proteins
    assert any("without a strand" in note for note in genome.notes)


def test_a_file_of_several_genomes_is_split(tmp_path):
    (tmp_path / "both.fa").write_text(">x\nACGTACGT\n>y\nACGTTTTT\n")
    assert [genome.name for genome in read_genomes([tmp_path / "both.fa"])] == ["x", "y"]


@pytest.mark.parametrize(
    "text, sentence",
    [
        (">p\nMKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ\n", "'bad.fa' holds proteins, not a genome"),
        (">a\n\n>b\n\n", "holds no DNA: 2 sequences without a letter"),
        (">a\nACGT\n>a\nACGT\n", "two sequences called 'a'"),
        ("", "'bad.fa' is empty"),
        ("name,sequence\na,ACGT\n", "is no genome that can be read"),
        ("LOCUS       x  10 bp\nFEATURES\nORIGIN\n//\n", "'bad.fa'"),
        ("%PDF-1.4 something", "'bad.fa' is a PDF"),
    ],
)
def test_bad_files_are_told_in_a_sentence(tmp_path, text, sentence):
    (tmp_path / "bad.fa").write_text(text)
    (tmp_path / "good.fa").write_text(as_fasta(SECOND))
    assert sentence in refused([tmp_path / "bad.fa", tmp_path / "good.fa"])


def test_empty_contigs_are_left_out_and_told(tmp_path):
    (tmp_path / "a.fa").write_text(">full\nACGTACGTAAA\n>hollow\n")
    (tmp_path / "b.fa").write_text(">b\nACGT\n")
    genome = read_genomes([tmp_path / "a.fa", tmp_path / "b.fa"])[0]
    assert list(genome.contigs) == ["full"]
    assert "1 contig of 'a.fa' without a letter (hollow) left out" in genome.notes[0]


def test_duplicate_locus_tags_are_numbered_and_told(tmp_path):
    files = write_genomes(tmp_path, FIRST, SECOND)
    files[1].write_text(files[1].read_text().replace("locus_tag=first_0002", "locus_tag=first_0001"))
    genome = read_genomes(files)[0]
    assert genome.genes["gene"].tolist()[:2] == ["first_0001", "first_0001_2"]
    assert genome.genes["gene"].is_unique
    assert any("locus tag" in note and "first_0001" in note for note in genome.notes)


def test_an_annotation_of_other_contigs_is_refused(tmp_path):
    files = write_genomes(tmp_path, FIRST, SECOND)
    files[1].write_text(files[1].read_text().replace("first_chromosome", "chr7"))
    assert "does not match 'first.fna': it speaks of chr7" in refused(files)


def test_an_annotation_behind_the_end_is_refused(tmp_path):
    files = write_genomes(tmp_path, FIRST, SECOND)
    files[0].write_text(as_fasta(FIRST)[:5000])
    assert "but contig 'first_chromosome' has 4," in refused(files)


def test_an_annotation_of_another_sequence_is_refused(tmp_path):
    files = write_genomes(tmp_path, FIRST, SECOND)
    name, dna = next(iter(FIRST.contigs.items()))
    files[0].write_text(f">{name}\n{dna[::-1]}\n")
    assert "have a stop inside" in refused(files)


def test_a_broken_gff_row_is_named(tmp_path):
    with pytest.raises(UserError, match="has 3 columns"):
        read_gff("##gff-version 3\na\tb\tc\n", "x.gff")
    with pytest.raises(UserError, match="says 'ten' to '20'"):
        read_gff("c\t.\tCDS\tten\t20\t.\t+\t0\tID=a\n", "x.gff")


def test_a_bare_annotation_asks_for_its_dna(tmp_path):
    (tmp_path / "a.gff").write_text(as_gff(FIRST))
    assert "has no DNA" in refused([tmp_path / "a.gff"])


def test_one_genome_is_not_enough(tmp_path):
    (tmp_path / "a.fa").write_text(as_fasta(FIRST))
    assert "two or more genomes; one was given" in refused([tmp_path / "a.fa"])


def test_a_file_too_large_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_BYTES", 100)
    (tmp_path / "a.fa").write_text(as_fasta(FIRST))
    assert "at most 100 B a file are read" in refused([tmp_path / "a.fa"])


def test_the_genetic_code_is_told_by_its_stops():
    genes = ["ATGTGAAAATGAGCTTAA"] * 30
    assert (guess_genetic_code(genes), guess_genetic_code(["ATGAAATGA"] * 30)) == (4, 11)


def test_without_the_program_genes_stay_uncalled_and_it_is_said(monkeypatch):
    monkeypatch.setattr(calling, "find_program", lambda: None)
    genome = call_genes(Genome("x", {"c": "ACGT" * 100}, gene_table([]), "none"))
    assert len(genome.genes) == 0
    assert "pip install pyrodigal" in genome.notes[0]


@pytest.mark.skipif(find_program() is None, reason="the separate program pyrodigal is not installed")
def test_called_genes_are_those_that_are_there():
    bare = Genome("first", FIRST.contigs, gene_table([]), "none")
    called = call_genes(bare)
    truth = {
        end if strand > 0 else start
        for start, end, strand in FIRST.genes[["start", "end", "strand"]].to_numpy()
    }
    found = called.genes[["start", "end", "strand"]].to_numpy()
    hits = [(end if strand > 0 else start) in truth for start, end, strand in found]
    assert called.gene_source == "called"
    assert sum(hits) > 0.8 * len(truth)


def test_a_genome_survives_its_folder(tmp_path):
    FIRST.save(tmp_path / "g")
    loaded = Genome.load(tmp_path / "g")
    assert loaded.content_hash == FIRST.content_hash
    assert loaded.genes.equals(FIRST.genes)
