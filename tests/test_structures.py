"""Structure files become residues: what is kept, what is told, and one sentence for whatever is broken."""

import gzip
import io

import numpy as np
import pytest
from structure_texts import (
    ALPHA_ONLY_TEXT,
    BACKBONE_TEXT,
    HELIX_TEXT,
    SEQUENCE,
    STRAND_TEXT,
    atom_line,
    chain_lines,
    pdb_text,
)

from biotl_core.errors import UserError
from biotl_core.structures import structure as structure_module
from biotl_core.structures.examples import EXAMPLE_STRUCTURES
from biotl_core.structures.structure import read_structure, text_with_values, with_confidence_kind


def read(text: str, **options):
    return read_structure(text.encode(), "test.pdb", **options)


def cif_text(pdb: str, chain: str | None = None) -> str:
    """The same atoms as mmCIF, in a chain of any name."""
    import biotite.structure.io.pdb as pdb_io
    import biotite.structure.io.pdbx as pdbx

    atoms = pdb_io.PDBFile.read(io.StringIO(pdb)).get_structure(
        model=1, extra_fields=["b_factor", "occupancy"]
    )
    if chain:
        atoms.chain_id = np.full(len(atoms), chain)
    file, stream = pdbx.CIFFile(), io.StringIO()
    pdbx.set_structure(file, atoms, data_block="test")
    file.write(stream)
    return stream.getvalue()


def test_a_helix_is_read_as_what_it_is():
    structure = read(HELIX_TEXT)
    assert structure.sequence("A") == SEQUENCE
    assert structure.chains == ("A",)
    assert structure.residues["number"].tolist() == list(range(1, 21))
    assert structure.residues["b_factor"].tolist() == pytest.approx([10.0 + i for i in range(20)])
    assert set(structure.residues["secondary_structure"][1:-1]) == {"helix"}
    assert structure.residues["has_backbone"].all()
    assert sum(structure.atom_counts) == structure.n_atoms == HELIX_TEXT.count("ATOM")
    assert structure.labels[4] == "A TYR 5"


def test_a_lone_strand_has_no_partner_and_is_coil():
    assert set(read(STRAND_TEXT).residues["secondary_structure"]) == {"coil"}


def test_the_hairpin_of_the_examples_is_two_strands():
    kinds = read_structure(EXAMPLE_STRUCTURES["hairpin"].file).residues["secondary_structure"]
    assert "".join(kind[0] for kind in kinds) == "csssssssccsssssssc"


def test_turning_a_structure_changes_nothing_but_its_orientation():
    from scipy.spatial.transform import Rotation

    turned = []
    for line in chain_lines(SEQUENCE):
        position = np.array([line[30:38], line[38:46], line[46:54]], dtype=float)
        x, y, z = Rotation.from_euler("xyz", [30, 50, 70], degrees=True).apply(position) + 5
        turned.append(f"{line[:30]}{x:8.3f}{y:8.3f}{z:8.3f}{line[54:]}")
    before, after = read(HELIX_TEXT), read(pdb_text(*turned))
    assert before.residues.equals(after.residues)
    assert np.linalg.norm(after.orientation) == pytest.approx(1)


def test_alpha_carbons_alone_are_a_helix_too_and_are_drawn_as_a_trace():
    structure = read(ALPHA_ONLY_TEXT)
    assert structure.traced_chains() == ("A",)
    assert (structure.residues["secondary_structure"] == "helix").mean() > 0.7
    assert read(BACKBONE_TEXT).traced_chains() == ()


@pytest.mark.parametrize("pack", [lambda text: text, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("to_format", [lambda text: text, cif_text], ids=["pdb", "mmcif"])
def test_format_and_packing_are_told_by_the_content(pack, to_format):
    structure = read_structure(pack(to_format(HELIX_TEXT).encode()), "no-ending")
    assert structure.sequence("A") == SEQUENCE
    assert structure.residues["b_factor"].iloc[3] == pytest.approx(13.0)


def test_a_chain_of_several_letters_is_kept_and_drawn_as_mmcif():
    structure = read(cif_text(HELIX_TEXT, chain="Heavy"))
    assert structure.chains == ("Heavy",)
    assert structure.format == "cif"
    assert read_structure(structure.text.encode(), "again").residues["letter"].tolist() == list(SEQUENCE)


def test_what_is_drawn_reads_back_as_the_same_residues():
    structure = read(HELIX_TEXT)
    again = read(structure.text)
    assert again.residues.equals(structure.residues)
    assert again.text == structure.text


def test_of_alternate_locations_the_fuller_one_stays():
    lines = chain_lines("AAAAA")
    first = [line[:16] + "A" + line[17:54] + "  0.30" + line[60:] for line in lines[10:15]]
    second = [
        line[:16] + "B" + line[17:17] + "SER" + line[20:54] + "  0.70" + line[60:] for line in lines[10:15]
    ]
    structure = read(pdb_text(*lines[:10], *first, *second, *lines[15:]))
    assert structure.sequence("A") == "AASAA"
    assert any("alternate" in note for note in structure.notes)


def test_one_of_several_models_is_shown():
    low, high = chain_lines(SEQUENCE, b=[1.0] * 20), chain_lines(SEQUENCE, b=[2.0] * 19 + [3.0])
    text = "\n".join(["MODEL        1", *low, "ENDMDL", "MODEL        2", *high, "ENDMDL", "END"])
    assert read(text).n_models == 2
    assert read(text, model=2).residues["b_factor"].iloc[0] == 2.0
    with pytest.raises(UserError, match="model 3 is not there"):
        read(text, model=3)


def test_insertion_codes_and_negative_numbers_keep_their_places():
    lines = chain_lines("AGS", first=-1)
    inserted = [line[:22] + "   1A" + line[27:] for line in chain_lines("V", offset=(10.5, 0, 0))]
    structure = read(pdb_text(*lines, *inserted))
    numbers = structure.residues["number"].astype(str) + structure.residues["insertion"]
    assert numbers.tolist() == ["-1", "0", "1", "1A"]
    assert structure.sequence("A") == "AGSV"


def test_modified_and_simulated_residues_read_as_their_parents():
    text = (
        HELIX_TEXT.replace("ATOM  ", "HETATM")
        .replace("MET", "MSE")
        .replace("TYR", "PTR")
        .replace("HIS", "HIE")
    )
    structure = read(text)
    assert structure.sequence("A") == SEQUENCE
    assert "HETATM" not in structure.text
    assert any("MSE as M" in note for note in structure.notes)


def test_hydrogens_water_and_ligands_are_not_residues():
    extra = [
        atom_line(900, "H", "MET", "A", 1, (0, 1, 0)),
        atom_line(901, "O", "HOH", "A", 201, (9, 9, 9), record="HETATM"),
        atom_line(902, "CA", " CA", "A", 202, (8, 9, 9), record="HETATM", element="CA"),
        atom_line(903, "C1", "GOL", "A", 203, (7, 9, 9), record="HETATM"),
    ]
    lines = chain_lines(SEQUENCE)
    structure = read(pdb_text(*lines[:5], extra[0], *lines[5:], *extra[1:]))
    assert len(structure.residues) == 20
    assert structure.ligands["name"].tolist() == ["CA", "GOL"]
    assert "HOH" not in structure.text
    assert structure.text.count("HETATM") == 2
    assert structure.n_atoms == len(lines) + 4


def test_a_chain_without_a_name_gets_a_free_letter():
    nameless = [line[:21] + " " + line[22:] for line in chain_lines("AGSV", offset=(30, 0, 0))]
    assert read(pdb_text(*chain_lines(SEQUENCE), *nameless)).chains == ("A", "B")


def test_missing_occupancy_and_b_columns_are_filled():
    short = pdb_text(*(line[:54] for line in chain_lines(SEQUENCE)))
    structure = read(short)
    assert structure.sequence("A") == SEQUENCE
    assert structure.confidence_kind == "none"


def test_dna_is_a_chain_as_well():
    atoms = [("P", (0, 0, 0)), ("C4'", (1.5, 0, 0)), ("N1", (3, 0, 0))]
    lines = [
        atom_line(i * 3 + k, name, base, "B", i + 1, np.array(at) + np.array([0, 0, 6.5 * i]))
        for i, base in enumerate((" DA", " DC", " DG", " DT"))
        for k, (name, at) in enumerate(atoms)
    ]
    structure = read(pdb_text(*lines))
    assert structure.sequence("B") == "ACGT"
    assert set(structure.residues["kind"]) == {"nucleic"}
    assert set(structure.residues["secondary_structure"]) == {""}


LIGAND_ONLY = pdb_text(atom_line(1, "C1", "HEM", "A", 1, (0, 0, 0), record="HETATM"))
WATER_ONLY = pdb_text(atom_line(1, "O", "HOH", "A", 1, (0, 0, 0), record="HETATM"))
CUT = HELIX_TEXT[: HELIX_TEXT.index("ATOM     50") + 40]
BROKEN = {
    "empty": (b"", "is empty"),
    "blanks": (b"\n \n", "is empty"),
    "binary": (bytes(range(256)) * 20, "binary"),
    "zip": (b"PK\x03\x04" + b"x" * 50, "zip archive"),
    "half a gzip": (gzip.compress(HELIX_TEXT.encode())[:300], "damaged gzip"),
    "fasta": (b">a protein\nMKTAYIAK\n", "no 3D coordinates"),
    "web page": (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
    "prose": (b"Dear all, please find attached the structure.\n", "no ATOM lines"),
    "header alone": (b"HEADER    OXYGEN TRANSPORT\nTITLE     GLOBIN\n", "no ATOM lines"),
    "cut in a line": (CUT.encode(), "line 50"),
    "letters for numbers": (HELIX_TEXT.replace("  0.000", "  O.OOO", 1).encode(), "should be a number"),
    "nan": (HELIX_TEXT.replace("   0.000", "     nan", 1).encode(), "x"),
    "one point": (
        pdb_text(*(line[:30] + "   0.000" * 3 + line[54:] for line in chain_lines("AGS"))).encode(),
        "one",
    ),
    "ligand alone": (LIGAND_ONLY.encode(), "only small molecules (HEM)"),
    "water alone": (WATER_ONLY.encode(), "only water"),
    "mmCIF without atoms": (b"data_x\n_entry.id x\n", "without atoms"),
    "mmCIF cut off": (cif_text(HELIX_TEXT)[:2500].encode(), "mmCIF"),
    "mmCIF with a text coordinate": (cif_text(HELIX_TEXT).replace(" 1.458 ", " abc ", 1).encode(), "mmCIF"),
    "random ATOM": (b"ATOM\nATOM  \nATOM   hello\n", "should be a number"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_gives_one_sentence(kind):
    content, expected = BROKEN[kind]
    with pytest.raises(UserError) as caught:
        read_structure(content, "mine.pdb")
    sentence = str(caught.value)
    assert sentence.startswith("mine.pdb")
    assert expected in sentence
    assert "\n" not in sentence
    assert len(sentence) < 300
    assert "Error" not in sentence


def test_a_file_that_is_gone_is_said(tmp_path):
    with pytest.raises(UserError, match="not there any more"):
        read_structure(tmp_path / "gone.pdb")


def test_more_than_a_browser_draws_is_thinned_and_said(monkeypatch):
    whole = read(HELIX_TEXT)
    monkeypatch.setattr(structure_module, "MAX_DRAWN_ATOMS", 85)
    backbone = read(HELIX_TEXT)
    assert backbone.detail == "backbone"
    assert sum(backbone.atom_counts) == 80
    monkeypatch.setattr(structure_module, "MAX_DRAWN_ATOMS", 40)
    trace = read(HELIX_TEXT)
    assert (trace.detail, trace.atom_counts) == ("trace", (1,) * 20)
    assert trace.traced_chains() == ("A",)
    assert trace.residues.equals(whole.residues)
    assert any("more than a browser draws" in note for note in trace.notes)


def many_helices(n: int, spacing: float) -> str:
    """A file of n helices of twenty residues, side by side or (spacing 0) on top of one another."""
    names = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    lines = []
    for copy in range(n):
        shift = spacing * (copy % 45 - 22), spacing * (copy // 45 - 22)
        for line in HELIX_LINES:
            x, y = (
                f"{float(line[a:b]) + s:8.3f}" for (a, b), s in zip(((30, 38), (38, 46)), shift, strict=True)
            )
            lines.append(
                f"{line[:21]}{names[copy % 52]}{int(line[22:26]) + 30 * (copy // 52):4}{line[26:30]}{x}{y}{line[46:]}"
            )
    return pdb_text(*lines)


HELIX_LINES = chain_lines("AVLKAVLKAVLKAVLKAVLK")


def test_two_hundred_thousand_atoms_open():
    structure = read(many_helices(2000, spacing=15.0))
    assert structure.n_atoms == 200_000
    assert len(structure.residues) == 40_000
    assert structure.detail == "trace"
    assert (structure.residues["secondary_structure"] == "helix").mean() > 0.8


def test_models_on_top_of_one_another_are_told_by_their_alpha_carbons_alone():
    # Every helix would bond with every other: for many of them, that search once took all memory.
    structure = read(many_helices(120, spacing=0.0))
    assert (structure.residues["secondary_structure"] == "helix").mean() > 0.7


# --- what the B column holds


def with_b(values, **options) -> str:
    return pdb_text(*chain_lines(SEQUENCE, b=values), **options)


CONFIDENT = [90.0 + i / 4 for i in range(20)]


def test_b_factors_of_an_experiment_are_never_called_confidence():
    grouped = with_b(CONFIDENT, header="EXPDTA    X-RAY DIFFRACTION")
    assert read(grouped).confidence_kind == "B-factor"
    assert (
        read(with_b(CONFIDENT, header="CRYST1   52.000   58.600   61.900  90.00")).confidence_kind
        == "B-factor"
    )
    solved = "EXPDTA    X-RAY DIFFRACTION\nTITLE     SOLVED WITH AN ALPHAFOLD MODEL"
    assert read(with_b(CONFIDENT, header=solved)).confidence_kind == "B-factor"
    per_atom = [f"{line[:60]}{40 + i % 7:6.2f}{line[66:]}" for i, line in enumerate(chain_lines(SEQUENCE))]
    assert read(pdb_text(*per_atom)).confidence_kind == "B-factor"


def test_a_named_predictor_makes_it_confidence_scaled_once():
    hundred = read(with_b(CONFIDENT, header="TITLE     ALPHAFOLD MONOMER V2.0 PREDICTION FOR X"))
    assert hundred.confidence_kind == "pLDDT"
    assert hundred.residues["b_factor"].tolist() == pytest.approx(CONFIDENT, abs=0.01)
    shares = [round(value / 100, 2) for value in CONFIDENT]
    one = read(with_b(shares, header="PARENT N/A"))
    assert one.confidence_kind == "pLDDT"
    assert one.residues["b_factor"].tolist() == pytest.approx([100 * share for share in shares])
    assert read(one.text.replace("ATOM", "PARENT N/A\nATOM", 1)).residues["b_factor"].max() <= 100


def test_values_alike_within_residues_are_taken_for_confidence_and_called_a_guess():
    guessed = read(with_b(CONFIDENT))
    assert guessed.confidence_kind == "pLDDT"
    assert guessed.confidence_reason.startswith("A guess")
    assert read(with_b([value / 100 for value in CONFIDENT])).confidence_kind == "B-factor"
    assert read(pdb_text(*chain_lines(SEQUENCE, atoms=("CA",), b=CONFIDENT))).confidence_kind == "B-factor"


def test_the_user_may_say_what_the_column_holds():
    structure = read(with_b([value / 100 for value in CONFIDENT]))
    told = with_confidence_kind(structure, "pLDDT")
    assert told.residues["b_factor"].max() == pytest.approx(95, abs=1)
    assert structure.residues["b_factor"].max() < 1
    with pytest.raises(UserError, match="between 0 and 100"):
        with_confidence_kind(read(with_b([150.0 + i for i in range(20)])), "pLDDT")


def test_mmcif_says_that_it_was_predicted():
    text = cif_text(with_b(CONFIDENT)) + "loop_\n_ma_qa_metric.id\n_ma_qa_metric.name\n1 pLDDT\n2 PAE\n#\n"
    structure = read(text)
    assert structure.confidence_kind == "pLDDT"
    assert "quality measures" in structure.confidence_reason


def test_values_go_into_the_b_column():
    structure = read(HELIX_TEXT)
    again = read(text_with_values(structure, {0: 1.5, 19: -2.25}))
    assert again.residues["b_factor"].iloc[[0, 1, 19]].tolist() == [1.5, 0.0, -2.25]
    with pytest.raises(UserError, match="up to 999"):
        text_with_values(structure, {0: 1e6})


# --- real files


@pytest.mark.data
def test_real_globins_are_helical_and_antibodies_are_not(shared_data):
    folder = shared_data / "structures"
    globin = read_structure(folder / "globins" / "d1ecaa_.pdb.gz")
    assert (globin.residues["secondary_structure"] == "helix").mean() == pytest.approx(0.79, abs=0.02)
    antibody = read_structure(folder / "antibodies" / "1DQJ_r_b_A.pdb.gz")
    assert (antibody.residues["secondary_structure"] == "strand").mean() > 0.4
    assert {globin.confidence_kind, antibody.confidence_kind} == {"B-factor"}


@pytest.mark.data
def test_every_real_file_opens(shared_data):
    for file in sorted((shared_data / "structures").glob("*/*.pdb.gz"))[::4]:
        structure = read_structure(file)
        assert len(structure.residues) > 30
        assert sum(structure.atom_counts) <= structure.n_atoms
