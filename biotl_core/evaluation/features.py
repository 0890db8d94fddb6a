"""What simple methods see of a sequence: which letter stands where, which short words or atom groups occur.

All are sparse matrices with one row a sequence (or residue) and float32 entries.
"""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from biotl_core.data.dataset import Modality

WORD_SIZES: dict[Modality, tuple[int, ...]] = {"protein": (1, 2, 3), "dna": (1, 2, 3, 4, 5, 6)}
"""Letters of the words that are counted."""
WINDOW = 7
"""Neighbours on each side that a residue's window holds."""
FINGERPRINT_BITS = 2048
FINGERPRINT_RADIUS = 2
_CHUNK = 2000


class Letters:
    """The letters of some sequences, numbered 0..n-1 in alphabetical order; all others are -1."""

    def __init__(self, sequences: Sequence[str]) -> None:
        self.letters = "".join(sorted(set().union(*map(set, sequences))))
        self._table = np.full(256, -1, dtype=np.int64)
        self._table[_as_bytes(self.letters)] = np.arange(len(self.letters))

    def __len__(self) -> int:
        return len(self.letters)

    def codes(self, sequences: Sequence[str]) -> np.ndarray:
        """The number of each letter of all sequences, one after the other: int64 `(total_length,)`."""
        return self._table[_as_bytes("".join(sequences))]


def _as_bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("latin-1", "replace"), dtype=np.uint8)


def lengths_of(sequences: Sequence[str]) -> np.ndarray:
    """Number of letters of each sequence, int64 `(n,)`."""
    return np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))


def one_hot(sequences: Sequence[str]) -> sparse.csr_array:
    """Which letter stands where: `(n, n_places * n_letters)` of 0 and 1, for sequences of equal length.

    Places with the same letter in all sequences are left out.
    """
    letters = Letters(sequences)
    codes = letters.codes(sequences).reshape(len(sequences), -1)
    codes = codes[:, (codes != codes[:1]).any(axis=0)]
    n, n_places = codes.shape
    columns = codes + np.arange(n_places) * len(letters)
    ones = np.ones(columns.size, dtype=np.float32)
    starts = np.arange(n + 1) * n_places
    return sparse.csr_array((ones, columns.ravel(), starts), shape=(n, n_places * len(letters)))


def kmers(sequences: Sequence[str], sizes: Sequence[int], letters: Letters | None = None) -> sparse.csr_array:
    """How often each word of each size occurs, scaled to length 1 within a size: `(n, sum of n_letters ** size)`.

    Scaling each size by itself makes long and short sequences, and short and long words, count alike. Words with other
    letters than those given (without any: those of the sequences) are left out.
    """
    letters = letters or Letters(sequences)
    chunks = [sequences[start : start + _CHUNK] for start in range(0, len(sequences), _CHUNK)]
    rows = [
        sparse.hstack([_unit_rows(_kmer_counts(chunk, size, letters)) for size in sizes], format="csr")
        for chunk in chunks
    ]
    return sparse.vstack(rows, format="csr")


def _kmer_counts(sequences: Sequence[str], size: int, letters: Letters) -> sparse.csr_array:
    codes, lengths = letters.codes(sequences), lengths_of(sequences)
    n_words = max(len(codes) - size + 1, 0)  # also those that reach into the next sequence
    word = np.zeros(n_words, dtype=np.int64)
    is_known = np.ones(n_words, dtype=bool)
    for i in range(size):
        word = word * len(letters) + codes[i : i + n_words]
        is_known &= codes[i : i + n_words] >= 0
    row = np.repeat(np.arange(len(sequences)), lengths)
    is_counted = is_known & (row[:n_words] == row[size - 1 : size - 1 + n_words])
    row, word = row[:n_words][is_counted], word[is_counted]
    counts = sparse.coo_array(
        (np.ones(len(row), dtype=np.float32), (row, word)), shape=(len(sequences), len(letters) ** size)
    )
    return counts.tocsr()


def _unit_rows(counts: sparse.csr_array) -> sparse.csr_array:
    norms = np.sqrt(counts.multiply(counts).sum(axis=1))
    return sparse.csr_array(sparse.diags_array(1 / np.maximum(norms, 1e-12), dtype=np.float32) @ counts)


def fingerprints(smiles: Sequence[str]) -> sparse.csr_array:
    """Which atom groups a molecule has, log(1 + count): `(n, FINGERPRINT_BITS)`.

    Morgan fingerprints (Rogers and Hahn 2010, J. Chem. Inf. Model. 50:742); all 0 for what RDKit cannot read.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator

    generator = GetMorganGenerator(radius=FINGERPRINT_RADIUS, fpSize=FINGERPRINT_BITS)
    rows = []
    with rdBase.BlockLogs():
        for text in smiles:
            molecule = Chem.MolFromSmiles(text)
            empty = np.zeros(FINGERPRINT_BITS, dtype=np.float32)
            counts = empty if molecule is None else generator.GetCountFingerprintAsNumPy(molecule)
            rows.append(sparse.csr_array(np.log1p(counts, dtype=np.float32)[None]))
    return sparse.vstack(rows, format="csr")


def residue_windows(
    sequences: Sequence[str], letters: Letters, residues: np.ndarray | None = None
) -> sparse.csr_array:
    """The letters around each residue and where it stands in its sequence.

    Args:
        sequences: n sequences.
        letters: the letters that have columns; those of all parts.
        residues: which residues to take, counted over all sequences one after the other; all when None.

    Returns:
        `(n_residues, (2 * WINDOW + 1) * (n_letters + 1) + 3)`: one-hot letters of the window, one of them
        "beyond the end", then closeness to the first and to the last residue (1 falling to 0 with a scale of
        10) and log length / 10.
    """
    lengths = lengths_of(sequences)
    if residues is None:
        residues = np.arange(lengths.sum())
    sequence_of = np.repeat(np.arange(len(sequences)), lengths)[residues]
    # Each sequence gets WINDOW letters "beyond" on each side, so that no window reaches into the next sequence.
    padded = np.full(lengths.sum() + 2 * WINDOW * len(sequences), len(letters))
    everywhere = np.arange(lengths.sum()) + WINDOW * (2 * np.repeat(np.arange(len(sequences)), lengths) + 1)
    padded[everywhere] = letters.codes(sequences)
    offsets = np.arange(-WINDOW, WINDOW + 1)
    codes = padded[everywhere[residues][:, None] + offsets]
    width = len(letters) + 1
    n_letter_columns = width * len(offsets)
    n = len(residues)
    place = residues - np.concatenate([[0], np.cumsum(lengths)])[sequence_of]
    length = lengths[sequence_of]
    extra = np.stack([np.exp(-place / 10), np.exp(-(length - 1 - place) / 10), np.log(length) / 10], axis=1)
    columns = np.hstack(
        [codes + width * np.arange(len(offsets)), np.tile(n_letter_columns + np.arange(3), (n, 1))]
    )
    values = np.hstack([np.ones(codes.shape), extra]).astype(np.float32)
    starts = np.arange(n + 1) * columns.shape[1]
    return sparse.csr_array((values.ravel(), columns.ravel(), starts), shape=(n, n_letter_columns + 3))


def scaled(features: sparse.csr_array, train: np.ndarray, evenly: bool) -> sparse.csr_array:
    """Features ready for a penalised straight line (see `useful_columns`): `(n, kept columns)`.

    Args:
        features: `(n, d)`.
        train: indices of the training rows, which alone decide.
        evenly: lift rare columns.
    """
    kept, weights = useful_columns(features[train], evenly)
    return (features[:, kept] @ sparse.diags_array(weights)).tocsr()


def useful_columns(rows: sparse.csr_array, evenly: bool) -> tuple[np.ndarray, np.ndarray]:
    """Which columns tell rows apart, and what to multiply each with so that rows have a mean squared length of 1.

    Columns that are 0 in all but one row, or the same in all, are dropped.

    Args:
        rows: of the training part, `(n, d)`.
        evenly: lift rare columns, dividing each by the square root of its standard deviation (Pareto scaling): a
            penalty would else forbid rare words a say.

    Returns:
        Indices `(n_kept,)` and weights `(n_kept,)`.
    """
    present = np.bincount(rows.indices, minlength=rows.shape[1])
    mean, squares = rows.mean(axis=0), rows.multiply(rows).mean(axis=0)
    variance = squares - mean**2
    kept = np.flatnonzero((present >= 2) & (variance > 1e-6 * squares))
    weights = variance[kept] ** -0.25 if evenly else np.ones(len(kept))
    return kept, weights / np.sqrt((squares[kept] * weights**2).sum() or 1.0)
