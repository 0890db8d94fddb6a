"""What simple methods see: counts and places worked by hand."""

import numpy as np
import pytest

from biotl_core.evaluation.features import (
    FINGERPRINT_BITS,
    WINDOW,
    Letters,
    fingerprints,
    kmers,
    one_hot,
    residue_windows,
    scaled,
)


def test_one_hot_marks_each_letter_and_leaves_out_places_that_never_change():
    # Letters A, C, G; place 1 is always C.
    features = one_hot(["ACG", "GCA"]).toarray()
    assert features.tolist() == [[1, 0, 0, 0, 0, 1], [0, 0, 1, 1, 0, 0]]
    assert one_hot(["AC", "AC"]).shape == (2, 0)


def test_similarity_of_one_hot_rows_is_the_number_of_equal_places():
    sequences = ["ACGT", "ACGA", "TTTT"]
    features = one_hot(sequences)
    equal = [[sum(a == b for a, b in zip(x, y, strict=True)) for y in sequences] for x in sequences]
    assert (features @ features.T).toarray().tolist() == equal


def test_kmers_count_words_within_a_sequence_only():
    # Letters A, C. Words of 2: AA, AC, CA, CC. "AAC" has AA and AC, "CA" has CA, "C" has none.
    features = kmers(["AAC", "CA", "C"], (2,)).toarray()
    half = np.sqrt(0.5)
    np.testing.assert_allclose(features, [[half, half, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]], rtol=1e-6)


def test_each_size_of_kmers_has_length_one_whatever_the_sequence_length():
    short, long = "ACGT", "ACGT" * 50
    features = kmers([short, long], (1, 3))
    np.testing.assert_allclose(np.sqrt((features.toarray() ** 2).sum(axis=1)), np.sqrt(2), rtol=1e-6)
    # 4 letters alike, then ACG and CGT against these with GTA and TAC.
    similarity = (features @ features.T).toarray()[0, 1]
    assert similarity == pytest.approx(1 + np.sqrt(0.5), rel=1e-2)


def test_kmers_do_not_depend_on_how_rows_are_chunked(monkeypatch):
    sequences = ["ACGTAC", "GG", "TTTAC", "CAGT"]
    whole = kmers(sequences, (1, 2, 3)).toarray()
    monkeypatch.setattr("biotl_core.evaluation.features._CHUNK", 1)
    np.testing.assert_array_equal(kmers(sequences, (1, 2, 3)).toarray(), whole)


def test_fingerprint_is_the_same_for_two_spellings_of_a_molecule_and_empty_for_none():
    features = fingerprints(["OCC", "CCO", "c1ccccc1", "not a molecule"])
    assert features.shape == (4, FINGERPRINT_BITS)
    rows = features.toarray()
    np.testing.assert_array_equal(rows[0], rows[1])
    assert (rows[0] != rows[2]).any() and not rows[3].any()
    assert rows[2].max() == pytest.approx(np.log1p(6))  # six equal carbons


def test_residue_window_sees_its_neighbours_and_where_the_sequence_ends():
    sequences = ["ACD", "DDDDDDDDDDDDDDDDDDDD"]
    letters = Letters(sequences)
    windows = residue_windows(sequences, letters).toarray()
    assert windows.shape == (23, (2 * WINDOW + 1) * 4 + 3)
    first = windows[0, :-3].reshape(2 * WINDOW + 1, 4).argmax(axis=1)
    beyond = 3
    # Seven places beyond the start, then A, C, D, then beyond the end: never the next sequence.
    assert first.tolist() == [beyond] * WINDOW + [0, 1, 2] + [beyond] * (WINDOW - 2)
    assert windows[0, -3] == 1 and windows[2, -2] == 1
    np.testing.assert_array_equal(
        residue_windows(sequences, letters, np.array([4, 22])).toarray(), windows[[4, 22]]
    )


def test_scaling_drops_columns_that_tell_training_rows_nothing():
    rows = ["AAAC", "AACA", "ACAA", "AAAT", "GGGG"]
    features = one_hot(rows)
    train = np.arange(4)
    ready = scaled(features, train, evenly=False)
    # C at the last three places occurs once each; A there three times; A at the first place always; G never.
    assert ready.shape == (5, 3)
    assert (ready[train].multiply(ready[train])).sum(axis=1).mean() == pytest.approx(1)
    assert scaled(one_hot(["AC", "AC"]), np.arange(2), evenly=True).shape == (2, 0)
