"""How the embedded backbones are made: what is hidden, what is kept apart, and a lesson with labels beside."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_backbones import make_esm
from torch.nn import functional

from biotl_core.backbones.attention import explicit_attention, packed_attention
from biotl_core.backbones.encoder import load_encoder
from biotl_core.backbones.matmul import choose_matmul
from biotl_core.backbones.tokenizer import Tokenizer, Tokens
from biotl_core.data.mmseqs import find_mmseqs
from biotl_core.learning.adaptation import Crop, _cut, _hide, _is_letter, adapt
from biotl_core.learning.adaptation_settings import AdaptationSettings
from biotl_core.learning.blank_backbone import make_blank
from pretraining.corpora import (
    Corpus,
    coding_classes,
    find_relatives,
    other_strand,
    piece_of,
    read_corpus,
    without_protein_relatives,
    without_relatives,
)
from pretraining.descriptors import N_ATOM_VALUES, N_DESCRIPTORS, N_SUBSTRUCTURES, describe, describe_atoms
from pretraining.lessons import AtomChemistry, Chemistry, Families, Lessons, LetterClasses
from pretraining.relatives import AMINO_ACIDS, Letters, Relatives, each_pair_once, write_alignments

SETTINGS = AdaptationSettings(tokens=3000, batch_tokens=300, learning_rate=3e-3, crop_length=64)

NAMES = torch.nn.Identity()
"""Where the head that names hidden letters is not asked."""


def test_hidden_letters_have_their_shares_and_special_tokens_stay():
    generator = np.random.default_rng(0)
    sequences = [np.concatenate([[0], generator.integers(4, 24, 300), [2]]) for _ in range(100)]
    flat = np.concatenate(sequences)
    hidden, chosen, answers = _hide(Tokens(sequences, 1, 1), 30, np.random.default_rng(1))
    assert not np.isin(flat[chosen], [0, 2]).any()
    assert (answers == flat[chosen]).all()
    untouched = np.setdiff1d(np.arange(len(flat)), chosen)
    assert (hidden[untouched] == flat[untouched]).all()
    assert len(chosen) / 30_000 == pytest.approx(0.15, abs=0.01)
    assert (hidden[chosen] == 30).mean() == pytest.approx(0.8, abs=0.02)
    is_other = (hidden[chosen] != 30) & (hidden[chosen] != answers)
    assert is_other.mean() == pytest.approx(0.1 * 19 / 20, abs=0.02)
    assert np.isin(hidden[chosen[is_other]], np.arange(4, 24)).all()


def test_at_least_one_letter_is_hidden():
    _, chosen, answers = _hide(Tokens([np.array([0, 5, 2])], 1, 1), 30, np.random.default_rng(0))
    assert chosen.tolist() == [1] and answers.tolist() == [5]


@pytest.mark.parametrize(("length", "cut"), [(1, 1), (63, 63), (64, 64), (95, 64), (200, 192), (900, 256)])
def test_long_stretches_are_multiples_of_32(length, cut):
    assert _cut(length, 256) == cut


def test_attention_in_half_precision_is_that_of_the_kernel():
    torch.manual_seed(0)
    lengths = (40, 40, 7, 600)
    q, k, v = (torch.randn(1, 2, sum(lengths), 8) for _ in range(3))
    exact, _ = packed_attention(torch.nn.Identity(), q, k, v, None, sequence_lengths=lengths)
    for out in (
        packed_attention(
            torch.nn.Identity(), *(t.bfloat16() for t in (q, k, v)), None, sequence_lengths=lengths
        )[0],
        _autocast(q, k, v, lengths),
    ):
        assert out.shape == exact.shape
        cosine = functional.cosine_similarity(out.float().flatten(1), exact.flatten(1))
        assert cosine.item() > 0.9999


@pytest.mark.parametrize(
    "factor", [1.0, 40.0, -40.0]
)  # weights of every size, beyond any number, all but nothing
def test_half_precision_takes_off_the_largest_score_where_it_must(factor):
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 2, 30, 8).abs().bfloat16() for _ in range(3))
    scores = (q * factor) @ k.transpose(-1, -2)
    expected = scores.float().softmax(-1) @ v.float()
    with torch.inference_mode():
        found = explicit_attention(q, k, v, factor)
    assert float((found.float() - expected).norm() / expected.norm()) < 0.01


def test_a_backbone_reads_in_mixed_precision_as_without(tmp_path):
    choose_matmul()  # asked before, as by whatever read in this process already
    encoder = load_encoder(make_esm(tmp_path / "esm"), "protein")
    tokens = encoder.encode(["MKTAYIAKQR" * 3, "ACDEF"])
    with torch.no_grad():
        exact = encoder(tokens).states
        with torch.autocast("cpu", torch.bfloat16):
            mixed = encoder(tokens).states
    assert functional.cosine_similarity(mixed.float(), exact).min() > 0.999


def _autocast(q, k, v, lengths):
    with torch.autocast("cpu", torch.bfloat16):
        return packed_attention(torch.nn.Identity(), q, k, v, None, sequence_lengths=lengths)[0]


def test_a_corpus_comes_back_as_it_was_written(tmp_path):
    corpus = Corpus(["MKV", "AC"], ["WWW"], "from here", "CC BY 4.0")
    corpus.write(tmp_path, "protein")
    assert read_corpus(tmp_path, "protein") == corpus


def test_sequences_that_share_words_with_a_test_are_left_out():
    assert without_relatives(["ACGTACGT", "TTTTTTTT"], {"GTAC"}, 4, 0) == ["TTTTTTTT"]


@pytest.mark.skipif(find_mmseqs() is None, reason="needs MMseqs2")
def test_relatives_of_test_proteins_are_left_out():
    generator = np.random.default_rng(5)
    letters = np.array(list("ACDEFGHIKLMNPQRSTVWY"))
    target = generator.choice(letters, 150)
    near, far = target.copy(), generator.choice(letters, 150)
    changed = generator.choice(150, 45, replace=False)  # 70 % identity
    near[changed] = generator.choice(letters, 45)
    part = np.concatenate([generator.choice(letters, 60), target[30:100]])
    pool = ["".join(s) for s in (near, far, part)]
    assert without_protein_relatives(pool, ["".join(target)]) == [pool[1]]


def test_special_tokens_are_no_letters():
    tokens = Tokens([np.array([0, 5, 6, 2]), np.array([0, 7, 2])], 1, 1)
    assert _is_letter(tokens).tolist() == [False, True, True, False, False, True, False]


@pytest.fixture
def helices():
    """Twenty proteins in which every A, L and E is a helix, the last of them unlabelled."""
    generator = np.random.default_rng(2)
    sequences = ["".join(generator.choice(list("ALEGPV"), 70)) for _ in range(20)]
    labels = [".." + "".join("H" if c in "ALE" else "C" for c in s[2:]) for s in sequences[:-1]] + [""]
    return Corpus(sequences, sequences[:3], "", "", labels, "HEC", "made up")


def test_a_lesson_passes_over_what_is_not_known(helices):
    lesson = LetterClasses(helices, 4)
    states = torch.randn(140, 4, generator=torch.Generator().manual_seed(0))
    crops = [Crop(19, 0, helices.sequences[19]), Crop(3, 0, helices.sequences[3])]
    classes = torch.tensor(["HEC".index(c) for c in helices.labels[3][2:]])
    by_hand = functional.cross_entropy(lesson.head(states[72:]), classes)
    assert torch.allclose(lesson.loss(states, crops, NAMES), by_hand)
    assert float(lesson.loss(states[:70], crops[:1], NAMES)) == 0


def test_a_lesson_reads_the_classes_of_the_stretch(helices):
    lesson = LetterClasses(helices, 4)
    crop = Crop(0, 5, helices.sequences[0][5:25])
    assert lesson._numbers(crop).tolist() == ["HEC".index(c) for c in helices.labels[0][5:25]]


def test_a_lesson_is_learned_beside_the_hidden_letters(helices, tmp_path):
    blank = make_blank(tmp_path / "blank", "protein", 32, 1)
    torch.manual_seed(0)
    taught = Lessons([LetterClasses(helices, 32)])
    before = taught.head[0].weight.clone()
    losses, whole = [], taught.loss

    def noted(states, crops, name):
        losses.append(whole(states, crops, name))
        return losses[-1]

    taught.loss = noted
    adapt(
        blank, helices.sequences, helices.held_out, "protein", tmp_path / "new",
        replace(SETTINGS, tokens=30_000), from_scratch=True, side_task=taught,
    )  # fmt: skip
    assert float(losses[-1].detach()) < 0.5 * float(losses[0].detach())
    assert not torch.equal(before, taught.head[0].weight)
    checkpoint = torch.load(tmp_path / "new" / "checkpoint" / "last.pt", weights_only=True)
    assert torch.equal(
        checkpoint["model"]["1.0.weight"], taught.head[0].weight
    )  # a resumed one goes on with it


def test_losses_of_lessons_are_added(helices):
    one, other = LetterClasses(helices, 4), LetterClasses(helices, 4)
    states, crops = torch.randn(70, 4), [Crop(0, 0, helices.sequences[0])]
    added = one.loss(states, crops, NAMES) + other.loss(states, crops, NAMES)
    assert torch.allclose(Lessons([one, other]).loss(states, crops, NAMES), added)


@pytest.fixture
def alignment():
    """Sequence 0 with two relatives; the second lacks its letters 3 and 4 and has one more after letter 6."""
    sequences = ["ACDEFGHIK", "ACDEFGHIK", "WACDGHYIK"]
    hits = pd.DataFrame(
        [(0, 0, 1, 1, "9M"), (1, 0, 1, 1, "9M"), (0, 2, 1, 2, "3M2I2M1D2M"), (2, 0, 2, 1, "3M2D2M1I2M")],
        columns=["query", "target", "query_begin", "target_begin", "cigar"],
    )
    return sequences, each_pair_once(hits)


def test_each_pair_is_told_once(alignment):
    assert alignment[1].to_numpy().tolist() == [[0, 1, 1, 1, "9M"], [0, 2, 1, 2, "3M2I2M1D2M"]]
    turned = alignment[1]
    turned = turned.assign(
        query=turned["target"], target=turned["query"],
        query_begin=turned["target_begin"], target_begin=turned["query_begin"], cigar=["9M", "3M2D2M1I2M"],
    )  # fmt: skip
    pd.testing.assert_frame_equal(each_pair_once(turned), alignment[1])


def test_alignments_are_cut_at_their_gaps_and_told_from_both(alignment):
    blocks = Relatives.of(alignment[1]).blocks
    assert blocks[["query", "target", "query_begin", "target_begin", "length"]].to_numpy().tolist() == [
        [0, 1, 0, 0, 9], [0, 2, 0, 1, 3], [0, 2, 5, 4, 2], [0, 2, 7, 7, 2],
        [1, 0, 0, 0, 9], [2, 0, 1, 0, 3], [2, 0, 4, 5, 2], [2, 0, 7, 7, 2],
    ]  # fmt: skip


@pytest.mark.parametrize(("begin", "length"), [(0, 9), (2, 5), (6, 3)])
def test_letters_of_relatives_are_counted_place_by_place(alignment, begin, length):
    sequences, relatives = alignment[0], Relatives.of(alignment[1])
    seen = ["AA", "CC", "DD", "E", "F", "GG", "HH", "II", "KK"]
    counts = relatives.counts(0, begin, length, Letters(sequences))
    found = ["".join(acid * n for acid, n in zip(AMINO_ACIDS, row, strict=True)) for row in counts]
    assert found == seen[begin : begin + length]
    of_third = relatives.counts(2, 0, 9, Letters(sequences))
    assert of_third.sum(axis=1).tolist() == [0, 1, 1, 1, 1, 1, 0, 1, 1]


def test_alignments_are_kept(alignment, tmp_path):
    write_alignments(alignment[1], tmp_path)
    pd.testing.assert_frame_equal(Relatives.read(tmp_path).blocks, Relatives.of(alignment[1]).blocks)


def test_a_family_teaches_its_shares_of_letters(tmp_path):
    sequences = ["AAAA", "AAAC", "AAGC", "WWWW"]
    hits = pd.DataFrame(
        {"query": [0, 0], "target": [1, 2], "query_begin": 1, "target_begin": 1, "cigar": "4M"}
    )
    tokenizer = Tokenizer(make_blank(tmp_path, "protein", 32, 1), "protein")
    lesson = Families(sequences, Relatives.of(hits), tokenizer)
    name = torch.nn.Linear(4, 40)
    states = torch.randn(4, 4)
    known = [int(tokenizer.encode([c]).ids[0][1]) for c in AMINO_ACIDS]
    logs = torch.log_softmax(name(states)[:, known], dim=1)
    a, c, g = (AMINO_ACIDS.index(x) for x in "ACG")
    by_hand = -(logs[0, a] + logs[1, a] + (logs[2, a] + logs[2, g]) / 2 + logs[3, c]) / 4
    assert torch.allclose(lesson.loss(states, [Crop(0, 0, "AAAA")], name), by_hand)
    assert float(lesson.loss(states, [Crop(3, 0, "WWWW")], name)) == 0


@pytest.mark.skipif(find_mmseqs() is None, reason="MMseqs2 is not installed")
def test_relatives_are_found_at_the_places_where_they_agree():
    generator = np.random.default_rng(4)
    first, other = (generator.choice(list("ACDEFGHIKLMNPQRSTVWY"), n) for n in (120, 90))
    second = np.concatenate([generator.choice(list("ACDEFGHIKLMNPQRSTVWY"), 15), first[:50], first[57:]])
    pool = ["".join(s) for s in (first, second, other)]
    relatives = Relatives.of(find_relatives(pool))
    assert set(relatives.blocks["query"]) == {0, 1}
    for index in (0, 1):
        counts = relatives.counts(index, 0, len(pool[index]), Letters(pool))
        told = counts.sum(axis=1) > 0
        own = np.array([AMINO_ACIDS.index(c) for c in pool[index]])
        assert told.sum() > 90 and (counts.argmax(axis=1) == own)[told].mean() > 0.9


def test_bases_have_their_place_in_the_codon():
    genes = pd.DataFrame(
        [
            ("CDS", 1, 7, 1, 1, 0),
            ("CDS", 8, 14, -1, 1, 0),
            ("CDS", 15, 17, 1, 1, 0),
            ("tRNA", 17, 20, 1, 1, 0),
        ],
        columns=["type", "start0", "end", "strand", "parts", "pseudo"],
    )
    classes = coding_classes(20, genes)
    assert classes == "n123123n" + "cbacba" + "n??nnn"
    window, turned = other_strand("GATGAAATGGCCATAC", classes[:16])
    assert window == "GTATGGCCATTTCATC" and turned == classes[:16][::-1].translate(
        str.maketrans("123abc", "abc123")
    )
    assert turned[2:8] == "123123"  # what was the other strand is now the one that is read
    assert other_strand(window, turned) == ("GATGAAATGGCCATAC", classes[:16])
    assert coding_classes(3, None) == "???"


def test_a_piece_is_one_side_of_a_bond_of_synthesis():
    Chem = pytest.importorskip("rdkit.Chem")
    amide = Chem.MolFromSmiles("CC(C)CC(=O)NC1CCCCC1")
    found = {Chem.MolToSmiles(piece_of(amide, np.random.default_rng(i))) for i in range(30)}
    assert {"CC(C)CC=O", "NC1CCCCC1"} <= found
    assert Chem.MolToSmiles(piece_of(Chem.MolFromSmiles("c1ccccc1"), np.random.default_rng(0))) == "c1ccccc1"


def test_descriptions_do_not_depend_on_the_writing():
    one, other = describe("CC(=O)Oc1ccccc1C(=O)O"), describe("OC(=O)c1ccccc1OC(C)=O")
    assert one.descriptors.shape == (N_DESCRIPTORS,) and one.substructures.shape == (N_SUBSTRUCTURES,)
    assert (
        np.allclose(one.descriptors, other.descriptors) and (one.substructures == other.substructures).all()
    )
    assert one.descriptors[0] == pytest.approx(180.04, abs=0.01)  # exact mass
    assert describe("CC(=O") is None


def test_chemistry_is_learned_from_the_vectors_of_the_letters():
    smiles = ["CCO", "c1ccccc1", "CC(=O)N"]
    torch.manual_seed(0)
    lesson = Chemistry(smiles, 8)
    states = torch.randn(sum(map(len, smiles)) + 4, 8)
    crops = [Crop(i, 0, s) for i, s in enumerate([*smiles, "CC(="])]  # the last is none
    optimizer = torch.optim.Adam(lesson.head.parameters(), lr=0.05)
    first = float(lesson.loss(states, crops, NAMES).detach())
    for _ in range(100):
        optimizer.zero_grad()
        lesson.loss(states, crops, NAMES).backward()
        optimizer.step()
    assert float(lesson.loss(states, crops, NAMES).detach()) < 0.3 * first
    assert float(lesson.loss(states[:4], [Crop(0, 0, "CC(=")], NAMES)) == 0


def test_atoms_are_described_at_their_letters():
    pytest.importorskip("rdkit")
    found = describe_atoms("CC(=O)N[13CH2]Cl")
    assert found.places.tolist() == [0, 1, 4, 6, 7, 14]
    assert found.values.shape == (6, N_ATOM_VALUES)
    other = describe_atoms("Cl[13CH2]NC(C)=O")
    assert other.places.tolist() == [0, 2, 9, 10, 12, 15]
    assert np.allclose(found.values, other.values[[4, 3, 5, 2, 1, 0]])
    polar = describe(  # what the atoms add is what the molecule has
        "CC(=O)N[13CH2]Cl"
    ).descriptors
    assert np.isclose(polar, found.values[:, 2].sum()).any()  # topological polar surface
    assert describe_atoms("CC(=O") is None
    assert describe_atoms("[H]C") is None  # RDKit takes this hydrogen into its neighbour


def test_atoms_teach_at_their_own_letters_alone():
    pytest.importorskip("rdkit")
    smiles = ["CC(=O)N", "ClCCl"]
    torch.manual_seed(0)
    lesson = AtomChemistry(smiles, 8)
    states = torch.randn(7 + 4 + 5, 8, requires_grad=True)
    crops = [Crop(0, 0, smiles[0]), Crop(2, 0, "CC(="), Crop(1, 0, smiles[1])]
    lesson.loss(states, crops, NAMES).backward()
    taught = states.grad.abs().sum(dim=1).nonzero().flatten().tolist()
    assert taught == [0, 1, 4, 6, 11, 13, 14]
    assert float(lesson.loss(states[7:11], crops[1:2], NAMES)) == 0
