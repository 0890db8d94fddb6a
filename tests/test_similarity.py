import time

import numpy as np
import pytest

from biotl_core.data.kmers import word_codes, word_table
from biotl_core.data.similarity import nearest_identity, pair_identity
from biotl_core.data.variants import find_variants
from biotl_core.progress import Control, Stopped

PROTEIN_LETTERS, DNA_LETTERS = "ACDEFGHIKLMNPQRSTVWY", "ACGT"


def _random(rng, length: int, letters: str = PROTEIN_LETTERS) -> str:
    return "".join(rng.choice(list(letters), length))


def _substitute(rng, sequence: str, n: int, letters: str = PROTEIN_LETTERS) -> str:
    changed = list(sequence)
    for position in rng.choice(len(sequence), n, replace=False):
        changed[position] = rng.choice([letter for letter in letters if letter != sequence[position]])
    return "".join(changed)


def test_the_words_of_a_sequence():
    assert word_codes("ACA", 2, "dna").tolist() == [1, 4]
    # A word with an ambiguous letter has no code, and no word spans two sequences.
    assert word_codes("ACNA", 2, "dna").tolist() == [1, -1, -1]
    assert word_table(["ACA", "CAC", "A", "ACAC"], 2, "dna").toarray()[:, [1, 4]].tolist() == [
        [1, 1],
        [1, 1],
        [0, 0],
        [1, 1],
    ]


def test_identity_of_mutants_is_the_share_of_equal_positions():
    references = ["MKVLAAGIVQ", "MKVLAAGIVR"]
    nearest = nearest_identity(["MKVLAAGIVK", "MKVLAAGIVR", "MKCCAAGIVR"], references, "protein")
    np.testing.assert_allclose(nearest.identity, [0.9, 1.0, 0.8])
    assert nearest.index.tolist() == [0, 1, 1]


@pytest.mark.parametrize("n_mutations", [2, 12])
def test_mutants_agree_with_comparing_all_pairs(n_mutations):
    rng = np.random.default_rng(0)
    founder = _random(rng, 60)
    queries, references = ([_substitute(rng, founder, n_mutations) for _ in range(40)] for _ in range(2))
    nearest = nearest_identity(queries, references, "protein")
    letters = [np.array([list(s) for s in rows]) for rows in (queries, references)]
    identity = (letters[0][:, None, :] == letters[1][None, :, :]).mean(axis=2)
    np.testing.assert_allclose(nearest.identity, identity.max(axis=1), atol=1e-6)
    np.testing.assert_allclose(identity[np.arange(40), nearest.index], identity.max(axis=1), atol=1e-6)


def test_short_sequences_of_one_length_are_compared_by_position():
    nearest = nearest_identity(["ACGTACGTA"], ["TTTTTTTTT", "ACGAACGTT"], "dna")
    assert nearest.index.tolist() == [1]
    np.testing.assert_allclose(nearest.identity, [7 / 9])


@pytest.mark.parametrize(("modality", "letters"), [("protein", PROTEIN_LETTERS), ("dna", DNA_LETTERS)])
def test_relatives_are_found_with_substitutions_insertions_and_cuts(modality, letters):
    rng = np.random.default_rng(0)
    references = [_random(rng, int(rng.integers(150, 250)), letters) for _ in range(80)]
    queries, least = [], []
    for i, reference in enumerate(references):
        n = len(reference) // 10
        relative = _substitute(rng, reference, n, letters)
        middle = len(relative) // 2
        relative = relative[3:middle] + _random(rng, i % 4, letters) + relative[middle:]
        queries.append(relative)
        least.append((len(reference) - n - 3) / len(relative))
    nearest = nearest_identity(queries, references, modality)
    assert nearest.index.tolist() == list(range(80))
    # A local alignment may leave a few letters at the ends or beside the gap unpaired.
    assert (nearest.identity > np.array(least) - 0.05).all()
    assert (nearest.identity < 1.0).all()


def test_unrelated_proteins_are_not_alike():
    rng = np.random.default_rng(1)
    queries, references = ([_random(rng, 100 + i % 50) for i in range(100)] for _ in range(2))
    assert nearest_identity(queries, references, "protein").identity.max() < 0.3


def test_a_fragment_counts_by_half_of_the_longer_sequence():
    rng = np.random.default_rng(2)
    whole = _random(rng, 200)
    assert pair_identity(whole[50:150], whole, "protein", 4) == pytest.approx(1.0)
    assert pair_identity(whole[50:90], whole, "protein", 4) == pytest.approx(0.4)
    assert pair_identity(whole, whole[50:90], "protein", 4) == pytest.approx(0.4)


def test_identity_agrees_with_a_full_alignment():
    """The band around the best diagonal finds what a full local alignment (Biopython) finds."""
    from Bio.Align import PairwiseAligner, substitution_matrices

    aligner = PairwiseAligner(mode="local", open_gap_score=-11, extend_gap_score=-1)
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
    rng = np.random.default_rng(3)
    for _ in range(15):
        first = _random(rng, 180)
        second = _substitute(rng, first, 60)
        second = second[:70] + second[76:130] + _random(rng, 5) + second[130:]
        full = aligner.align(first, second)[0].counts().identities / min(len(first), len(second))
        assert pair_identity(first, second, "protein", 4) == pytest.approx(full, abs=0.03)


def test_molecules_by_tanimoto():
    from rdkit import Chem, DataStructs
    from rdkit.Chem import rdFingerprintGenerator

    references = ["CCO", "c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O", "CCN"]
    queries = ["OCC", "c1ccccc1N", "CC(=O)Nc1ccc(O)cc1"]
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    prints = [
        [generator.GetFingerprint(Chem.MolFromSmiles(s)) for s in group] for group in (queries, references)
    ]
    expected = [max(DataStructs.BulkTanimotoSimilarity(query, prints[1])) for query in prints[0]]
    nearest = nearest_identity(queries, references, "molecule")
    np.testing.assert_allclose(nearest.identity, expected, atol=1e-6)
    assert (nearest.identity[0], nearest.index[0]) == (1.0, 0)


def test_the_same_sequence_is_identical_also_when_it_is_odd():
    rng = np.random.default_rng(4)
    odd = ["M", "XXXX", "AAAAAAAAAAAA", "MKUOJBZ", _random(rng, 300)]
    nearest = nearest_identity(odd, odd[::-1], "protein")
    np.testing.assert_allclose(nearest.identity, 1.0)
    assert nearest.index.tolist() == [4, 3, 2, 1, 0]


def test_large_families_are_searched_too():
    """Words that nearly all references have are left out first; the nearest is found all the same."""
    rng = np.random.default_rng(5)
    founder = _random(rng, 120)
    references = [_substitute(rng, founder, 6)[: 118 + i % 3] for i in range(1500)]
    queries = [_substitute(rng, reference, 1) for reference in references[::100]]
    nearest = nearest_identity(queries, references, "protein")
    assert nearest.identity.min() > 0.95
    founders = nearest_identity([founder], references, "protein")
    assert founders.identity[0] > 0.9


def test_nothing_to_compare():
    assert nearest_identity([], ["MKV"], "protein").identity.shape == (0,)
    assert nearest_identity(["MKV"], [], "protein").identity.tolist() == [0.0]
    nothing = nearest_identity(["WWWWWWWWWWWWWWWWWWWW"], ["AAAAAAAAAAAAAAAAAAAAA"], "protein")
    assert (nothing.identity.tolist(), nothing.index.tolist()) == ([0.0], [0])


def test_stop_is_heard():
    rng = np.random.default_rng(6)
    sequences = [_random(rng, 60 + i % 7) for i in range(60)]
    with pytest.raises(Stopped):
        nearest_identity(sequences, sequences, "protein", Control(should_stop=lambda: True))


def test_a_thousand_queries_against_ten_thousand_proteins():
    rng = np.random.default_rng(7)
    references = [_random(rng, int(length)) for length in rng.integers(100, 400, 10_000)]
    queries = [_substitute(rng, references[i * 10], len(references[i * 10]) // 3) for i in range(1000)]
    started = time.process_time()
    nearest = nearest_identity(queries, references, "protein")
    assert time.process_time() - started < 40
    assert (nearest.index == np.arange(0, 10_000, 10)).mean() > 0.99


def test_variants_need_equal_lengths_and_a_common_sequence():
    rng = np.random.default_rng(8)
    founder = _random(rng, 50)
    assert (
        find_variants([_substitute(rng, founder, 5) for _ in range(30)]).consensus.tobytes().decode()
        == founder
    )
    assert find_variants([_random(rng, 50) for _ in range(30)]) is None
    assert find_variants([founder, founder[:-1]]) is None
    assert find_variants([]) is None


def test_a_mutant_with_none_but_common_words_finds_its_family():
    parent = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
    swaps = [(i, letter) for i in range(len(parent)) for letter in "ADEFGHIKLM" if letter != parent[i]]
    mutants = [parent[:i] + letter + parent[i + 1 :] for i, letter in swaps]
    # The second query has another length, so that positions are not compared one by one.
    nearest = nearest_identity([parent, "ACDEFGHIKL" * 9], mutants, "protein")
    assert nearest.identity[0] == pytest.approx(75 / 76)
    assert nearest.identity[1] < 0.3
