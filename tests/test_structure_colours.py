"""Colours mean what the legend says, and the viewer is told nothing but plain values."""

import hashlib
import json
import re

import numpy as np
import pytest
from structure_texts import HELIX_TEXT, SEQUENCE, chain_lines, pdb_text

from biotl_core.plots.structures import plot_along_chain
from biotl_core.structures.colours import (
    CIVIDIS,
    HYDROPATHY,
    NO_VALUE,
    OKABE_ITO,
    RED_BLUE,
    SCHEMES,
    by_values,
    gradient,
)
from biotl_core.structures.examples import EXAMPLE_STRUCTURES
from biotl_core.structures.scene import LIBRARY, STYLES, scene, stand_alone_page
from biotl_core.structures.structure import read_structure
from biotl_core.structures.values import values_on_structure


def structure_with(b=None, chains: str = "A"):
    lines = [
        line
        for i, c in enumerate(chains)
        for line in chain_lines(SEQUENCE, chain=c, b=b, offset=(0, 15 * i, 0))
    ]
    return read_structure(pdb_text(*lines).encode(), "test.pdb")


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_gives_each_residue_a_colour_and_has_a_legend(name):
    structure = structure_with(chains="AB")
    colouring = SCHEMES[name].colour(structure)
    assert len(colouring.colours) == len(structure.residues)
    assert all(re.fullmatch("#[0-9A-F]{6}", colour) for colour in colouring.colours)
    assert colouring.legend
    assert colouring.title
    assert SCHEMES[name].explanation.endswith(".")
    if not colouring.is_gradient:
        assert set(colouring.colours) <= {entry.colour for entry in colouring.legend}


def test_confidence_has_the_official_bands():
    structure = structure_with(b=[95.0, 90.0, 70.1, 70.0, 50.1, 50.0, 0.0] + [95.0] * 13)
    assert structure.confidence_kind == "pLDDT"
    assert list(structure.residues["b_factor"][:2]) == [95.0, 90.0]
    colours = SCHEMES["confidence"].colour(structure).colours
    dark, light, yellow, orange = "#0053D6", "#65CBF3", "#FFDB13", "#FF7D45"
    assert colours[:7] == (dark, light, light, yellow, yellow, orange, orange)


def test_confidence_and_b_factor_are_offered_only_where_they_are():
    flat = structure_with(b=[0.0] * 20)
    assert not SCHEMES["confidence"].fits(flat)
    assert not SCHEMES["b_factor"].fits(flat)
    sure = structure_with(b=[90.0 + i / 4 for i in range(20)])
    assert SCHEMES["confidence"].fits(sure)
    assert not SCHEMES["b_factor"].fits(sure)


def test_a_gradient_runs_through_its_stops():
    values = np.linspace(-1, 1, len(RED_BLUE))
    assert gradient(values, -1, 1, RED_BLUE) == RED_BLUE
    assert gradient(np.array([-9.0, 9.0]), -1, 1, RED_BLUE) == (RED_BLUE[0], RED_BLUE[-1])
    assert gradient(np.array([5.0]), 5, 5) == (CIVIDIS[0],)


def test_chains_beyond_the_eighth_are_grey():
    colouring = SCHEMES["chain"].colour(structure_with(chains="ABCDEFGHIJ"))
    assert colouring.colours[0] == OKABE_ITO[0]
    assert colouring.colours[-1] == NO_VALUE
    assert colouring.legend[-1].text == "2 more chains"


def test_numbers_around_zero_are_centred_and_missing_ones_grey():
    structure = structure_with()
    values = values_on_structure(structure, "A", SEQUENCE, [-1.0, 0.0, 4.0, np.nan] + [1.0] * 16, "effect")
    centred = by_values(values, centre=0.0)
    assert centred.colours[1] == RED_BLUE[len(RED_BLUE) // 2]
    assert centred.colours[2] == RED_BLUE[-1]
    assert centred.colours[3] == NO_VALUE
    assert centred.legend[0].text == "-4"
    assert by_values(values).colours[0] == CIVIDIS[0]


def test_a_class_keeps_its_colour_whatever_is_commonest():
    structure = structure_with()
    few = by_values(values_on_structure(structure, "A", SEQUENCE, list("E" * 2 + "H" * 18), "class"))
    many = by_values(values_on_structure(structure, "A", SEQUENCE, list("E" * 18 + "H" * 2), "class"))
    assert few.colours[0] == many.colours[0] == OKABE_ITO[0]
    assert few.colours[-1] == many.colours[-1] == OKABE_ITO[1]
    assert [entry.text for entry in few.legend] == ["E (2)", "H (18)"]


def test_hydropathy_is_known_for_the_twenty():
    assert sorted(HYDROPATHY) == sorted("ACDEFGHIKLMNPQRSTVWY")
    assert sum(HYDROPATHY.values()) == pytest.approx(-9.8)  # the table of Kyte and Doolittle added up


@pytest.mark.parametrize("style", STYLES)
def test_the_scene_is_plain_values_for_every_residue(style):
    structure = structure_with(chains="AB")
    drawn = scene(structure, SCHEMES["chain"].colour(structure), style, chain="A", selected=3)
    assert json.loads(json.dumps(drawn)) == drawn
    for name in ("atom_counts", "shapes", "chains", "letters", "names", "numbers", "b", "values", "colours"):
        assert len(drawn[name]) == 40, name
    assert sum(drawn["atom_counts"]) == drawn["text"].count("ATOM")


def test_the_stand_alone_page_asks_nobody_and_cannot_be_broken_out_of():
    structure = read_structure(HELIX_TEXT.encode(), "</script><script>alert(1)</script>.pdb")
    page = stand_alone_page(scene(structure, SCHEMES["chain"].colour(structure)), "by <b>me</b>")
    assert page.count("</script>") == 2
    assert "<b>me" not in page
    assert not re.search(r"""<(script|link|img)[^>]+(src|href)=""", page.split("<script>", 1)[0])


def test_the_vendored_script_is_the_one_that_is_noted():
    note = (LIBRARY.parent / "3Dmol-VERSION.txt").read_text()
    assert hashlib.sha256(LIBRARY.read_bytes()).hexdigest() in note
    assert "2.5.5" in note
    assert "BSD-3-Clause" in (LIBRARY.parent / "3Dmol-LICENSE.txt").read_text()
    assert b"</script" not in LIBRARY.read_bytes()


@pytest.mark.parametrize("name", EXAMPLE_STRUCTURES)
def test_the_examples_are_what_their_script_makes(name):
    example = EXAMPLE_STRUCTURES[name]
    structure = read_structure(example.file)
    assert structure.confidence_kind == "none"
    assert structure.notes == ()
    assert "NOT MEASURED" in example.file.read_text()
    step = np.diff(alpha_carbons(example.file), axis=0)
    lengths = np.linalg.norm(step, axis=1)
    assert np.median(lengths) == pytest.approx(3.80, abs=0.02)


def alpha_carbons(file) -> np.ndarray:
    lines = [line for line in file.read_text().splitlines() if line[12:16].strip() == "CA"]
    return np.array([[line[30:38], line[38:46], line[46:54]] for line in lines], dtype=float)


def test_the_line_breaks_where_residues_are_missing():
    lines = [line for line in chain_lines(SEQUENCE) if not 6 <= int(line[22:26]) <= 9]
    structure = read_structure(pdb_text(*lines).encode(), "gap.pdb")
    figure = plot_along_chain(structure, "A", structure.residues["b_factor"], "B <b>factor</b>", selected=2)
    line = figure.data[0]
    assert np.isnan(line.y[5])
    assert len(line.y) == 17
    assert "<b>" not in line.hovertemplate
    assert figure.data[1].text[0] == "A THR 3"
