"""Chains: what is missing stays a gap, alternate locations and modified residues are read as one expects."""

import numpy as np
import pytest
from structure_texts import ALPHA_ONLY_TEXT, HELIX_TEXT, SEQUENCE, atom_line, chain_lines, pdb_text
from test_structures import BROKEN

from biotl_core.errors import UserError
from biotl_core.structures.chains import place_in_sequence, read_chains, read_files, read_folder
from examples.make_structures import THREE_LETTERS


def seqres(sequence: str, chain: str = "A") -> str:
    names = [THREE_LETTERS[letter] for letter in sequence]
    lines = [names[i : i + 13] for i in range(0, len(names), 13)]
    return "\n".join(
        f"SEQRES {k:>3} {chain} {len(names):>4}  {' '.join(row)}" for k, row in enumerate(lines, 1)
    )


def one(text: str):
    return read_chains(text.encode(), "x.pdb")[0]


def test_a_chain_holds_its_backbone_in_order():
    chain = one(HELIX_TEXT)
    assert chain.sequence == SEQUENCE and chain.is_resolved.all()
    assert chain.backbone.shape == (20, 5, 3)
    assert np.linalg.norm(np.diff(chain.ca, axis=0), axis=1) == pytest.approx(3.8, abs=0.05)
    assert not chain.has_whole_sequence


def test_what_seqres_names_without_a_position_is_a_gap():
    lines = [line for line in chain_lines(SEQUENCE) if int(line[22:26]) not in (1, 2, 9, 10, 11)]
    chain = one(pdb_text(*lines, header=seqres(SEQUENCE)))
    assert chain.sequence == SEQUENCE and chain.has_whole_sequence
    assert np.flatnonzero(~chain.is_resolved).tolist() == [0, 1, 8, 9, 10]
    assert chain.atoms.res_id.min() == 3


def test_gaps_are_found_whatever_the_file_counts_from():
    lines = [line for line in chain_lines(SEQUENCE, first=-5) if int(line[22:26]) not in (3, 4)]
    chain = one(pdb_text(*lines, header=seqres(SEQUENCE)))
    assert np.flatnonzero(~chain.is_resolved).tolist() == [8, 9]


def test_without_numbers_that_fit_the_alignment_places_the_residues():
    # Insertion codes repeat a number, so the numbers do not count the sequence through.
    assert place_in_sequence("MKTAYIAKQR", "MKTIAKQR", np.array([1, 2, 3, 3, 4, 5, 6, 7])).tolist() == [
        0,
        1,
        2,
        5,
        6,
        7,
        8,
        9,
    ]
    assert place_in_sequence("MKTAY", "WWWWW", np.arange(5)) is None


def test_selenomethionine_is_methionine_and_the_fuller_alternate_stays():
    lines = [line.replace("MET", "MSE") for line in chain_lines(SEQUENCE)]
    place = next(k for k, line in enumerate(lines) if int(line[22:26]) == 5 and line[12:16] == " CA ")
    first = atom_line(900, "CA", "ILE", "A", 5, (1, 2, 3), altloc="A", occupancy=0.8)
    second = atom_line(901, "CA", "ILE", "A", 5, (50, 50, 50), altloc="B", occupancy=0.2)
    lines[place : place + 1] = [first, second]
    chain = one(pdb_text(*lines))
    assert chain.sequence == SEQUENCE
    assert chain.ca[4].tolist() == [1, 2, 3]


def test_cutting_keeps_places_and_atoms_together():
    cut = one(HELIX_TEXT).cut(5, 12)
    assert cut.sequence == SEQUENCE[5:12] and cut.atoms.res_id.min() == 1 and cut.atoms.res_id.max() == 7


def test_alpha_carbons_alone_are_a_chain():
    chain = one(ALPHA_ONLY_TEXT)
    assert chain.is_resolved.all() and np.isnan(chain.backbone[:, 0]).all()


def test_files_that_cannot_be_read_are_told_and_the_others_stay(tmp_path):
    (tmp_path / "good.pdb").write_text(HELIX_TEXT)
    (tmp_path / "same.pdb").write_text(HELIX_TEXT)
    (tmp_path / "bad.pdb").write_text("HEADER\nEND\n")
    chains, problems = read_folder(tmp_path)
    assert [chain.name for chain in chains] == ["good_A"]
    assert len(problems) == 1 and "bad.pdb" in problems[0]
    with pytest.raises(UserError, match=r"bad\.pdb"):
        read_files([tmp_path / "bad.pdb"])
    with pytest.raises(UserError, match="no folder"):
        read_folder(tmp_path / "nowhere")


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_gives_one_sentence(kind):
    with pytest.raises(UserError) as caught:
        read_chains(BROKEN[kind][0], "mine.pdb")
    sentence = str(caught.value)
    assert sentence.startswith("mine.pdb") and "\n" not in sentence and "Error" not in sentence


@pytest.mark.parametrize(
    "text",
    [pdb_text(*chain_lines(SEQUENCE, atoms=("N", "C"))), pdb_text(*chain_lines("MKTAY"))],
    ids=["no alpha carbons", "a peptide"],
)
def test_what_is_no_chain_to_work_with_is_said(text):
    with pytest.raises(UserError, match="no protein chain of at least 10 residues"):
        read_chains(text.encode(), "mine.pdb")


def test_of_two_models_the_first_is_read_and_negative_numbers_are_fine():
    lines = chain_lines(SEQUENCE, first=-10)
    moved = chain_lines(SEQUENCE, first=-10, offset=(50, 0, 0))
    text = "\n".join(["MODEL        1", *lines, "ENDMDL", "MODEL        2", *moved, "ENDMDL", "END", ""])
    first, second = (read_chains(text.encode(), "x.pdb", model=k)[0] for k in (1, 2))
    assert second.ca - first.ca == pytest.approx(np.tile([50, 0, 0], (20, 1)), abs=0.01)
    assert first.sequence == SEQUENCE
