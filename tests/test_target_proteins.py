"""Target proteins from letters, FASTA, PDB and mmCIF."""

import gzip

import pytest

from biotl_core.errors import UserError
from biotl_core.runs.folder import create_run
from biotl_core.runs.target_proteins import (
    TargetProtein,
    describe_structure,
    keep_structure,
    kept_structure,
    pick_target,
    read_sequence,
    read_target_proteins,
)
from biotl_core.structures.chains import read_chains
from biotl_core.structures.examples import EXAMPLE_STRUCTURES

DIMER = EXAMPLE_STRUCTURES["dimer"].file
HAIRPIN = EXAMPLE_STRUCTURES["hairpin"].file


def test_a_chain_of_a_structure_is_a_target(tmp_path):
    found = read_target_proteins(DIMER)
    assert [one.chain for one in found] == ["A", "B"]
    assert [one.sequence for one in found] == [one.sequence for one in read_chains(DIMER)]
    second = pick_target(found, "B", "dimer.pdb")
    assert second.chain == "B" and second.structure == DIMER
    assert pick_target(found, None, "dimer.pdb").chain == "A"  # both chains are one sequence
    with pytest.raises(UserError, match="no chain 'Z'"):
        pick_target(found, "Z", "dimer.pdb")
    packed = tmp_path / "named.anything"
    packed.write_bytes(gzip.compress(DIMER.read_bytes()))
    assert [one.sequence for one in read_target_proteins(packed)] == [one.sequence for one in found]


def test_several_different_chains_have_to_be_chosen_from(tmp_path):
    other = tmp_path / "two.pdb"
    lines = [line for line in HAIRPIN.read_text().splitlines() if line.startswith("ATOM")]
    moved = [f"{line[:21]}C{line[22:]}" for line in lines]
    atoms = [line for line in DIMER.read_text().splitlines() if line.startswith("ATOM")]
    other.write_text("\n".join([*atoms, *moved, "END"]))
    with pytest.raises(UserError, match="several chains"):
        pick_target(read_target_proteins(other), None, "two.pdb")


def test_mmcif_is_read_by_its_content(tmp_path):
    from biotite.structure.io import pdb, pdbx

    atoms = pdb.PDBFile.read(HAIRPIN).get_structure(model=1)
    file = pdbx.CIFFile()
    pdbx.set_structure(file, atoms)
    path = tmp_path / "structure.txt"
    file.write(path)
    assert [one.sequence for one in read_target_proteins(path)] == [
        one.sequence for one in read_chains(HAIRPIN)
    ]


def test_fasta_and_pasted_letters(tmp_path):
    path = tmp_path / "two.fasta"
    path.write_text(">first\nMKTAYIA\nKQR\n>second\nMAAAA\n")
    found = read_target_proteins(path)
    assert [(one.name, one.sequence) for one in found] == [("first", "MKTAYIAKQR"), ("second", "MAAAA")]
    assert pick_target(found, "second", "two.fasta").sequence == "MAAAA"
    assert pick_target(found, None, "two.fasta").name == "first" and found[0].structure is None
    assert read_sequence(" mk t\n") == "MKT" and read_sequence("") == ""


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04zip", b">only a header\n", b"a,b\n1,2\n", b">x\nMK1T\n"]
)
def test_what_is_no_protein_is_one_sentence(tmp_path, content):
    path = tmp_path / "wrong.fasta"
    path.write_bytes(content)
    with pytest.raises(UserError):
        read_target_proteins(path)
    with pytest.raises(UserError, match="There is no file"):
        read_target_proteins(tmp_path / "nothing.pdb")
    with pytest.raises(UserError, match="'1' is no amino acid"):
        read_sequence("MK1")


def test_a_run_keeps_the_structure(biotl_home):
    target = pick_target(read_target_proteins(DIMER), "B", "dimer.pdb")
    assay = create_run({"structure": describe_structure(target)}, kind="assay")
    keep_structure(target, assay)
    file, chain = kept_structure(assay)
    assert file.read_bytes() == DIMER.read_bytes() and chain == "B" and file.parent == assay
    screen = create_run({"run": str(assay), "structure": {}}, kind="screen")
    assert kept_structure(screen) == (file, "B")  # that of the run it ranks with
    bare = TargetProtein("pasted", "MKT")
    other = create_run({"structure": describe_structure(bare)}, kind="assay")
    keep_structure(bare, other)
    assert kept_structure(other) is None
