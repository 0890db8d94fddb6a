"""Similarity splits of real sets, checked by an alignment that has nothing to do with ours."""

from pathlib import Path

import numpy as np
import pytest

from biotl_core.data.cleaning import clean
from biotl_core.data.dataset import Dataset
from biotl_core.data.reading import guess_reading, read_file
from biotl_core.data.splitting import SplitSettings, split
from biotl_core.data.variants import find_variants

pytestmark = pytest.mark.data
N_ROWS, N_ASKED, N_CANDIDATES = 500, 10, 12


def load(file: Path) -> Dataset:
    """Every k-th row of a set."""
    raw = read_file(file)
    dataset = clean(raw, guess_reading(raw), None).dataset
    step = max(1, len(dataset.table) // N_ROWS)
    table = dataset.table.iloc[::step].reset_index(drop=True)
    return Dataset(table, dataset.modality, dataset.task_name, dataset.classes, dataset.source)


def likeliest_relatives(query: str, references: list[str]) -> list[str]:
    """Those that share most words of three letters, for their length."""
    words = {query[i : i + 3] for i in range(len(query) - 2)}
    shared = [
        len(words & {one[i : i + 3] for i in range(len(one) - 2)}) / len(one) ** 0.5 for one in references
    ]
    return [references[i] for i in np.argsort(shared)[-N_CANDIDATES:]]


def smith_waterman_identity(first: str, second: str) -> float:
    """Identical pairs of Biopython's full local alignment over the shorter sequence, or half the longer if more."""
    from Bio.Align import PairwiseAligner, substitution_matrices

    aligner = PairwiseAligner(mode="local", open_gap_score=-12, extend_gap_score=-1)
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
    known = str.maketrans("UOJ", "CKL")
    first, second = first.translate(known), second.translate(known)
    best = next(iter(aligner.align(first, second)), None)
    if best is None:
        return 0.0
    blocks = zip(*best.aligned, strict=True)
    same = sum(a == b for (i, j), (k, m) in blocks for a, b in zip(first[i:j], second[k:m], strict=True))
    return same / max(min(len(first), len(second)), max(len(first), len(second)) / 2)


@pytest.mark.parametrize(
    "path",
    [
        "sequences/protein_seq_classification/deeploc_subcellular.csv.gz",
        "sequences/protein_seq_regression/esol_solubility.csv.gz",
        "sequences/protein_seq_regression/meltome_human_flip2021.csv.gz",
    ],
)
def test_no_test_protein_is_above_the_chosen_identity_to_training(path, shared_data):
    dataset = load(shared_data / path)
    table = split(dataset, SplitSettings("similarity", identity=0.3)).dataset.table
    train = table.loc[table["part"] == "train", "sequence"].tolist()
    test = table.loc[table["part"] == "test", "sequence"]
    assert len(test) > 0.05 * len(table)
    for query in test.iloc[:: max(1, len(test) // N_ASKED)]:
        found = [smith_waterman_identity(query, one) for one in likeliest_relatives(query, train)]
        assert max(found) < 0.3


def test_no_test_molecule_is_above_the_chosen_similarity_to_training(shared_data):
    from rdkit import Chem, DataStructs
    from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator

    table = split(
        load(shared_data / "molecule/bace.csv.gz"), SplitSettings("similarity", identity=0.6)
    ).dataset.table
    make = GetMorganGenerator(radius=2, fpSize=2048).GetFingerprint
    prints = [make(Chem.MolFromSmiles(one)) for one in table["sequence"]]
    train = [prints[i] for i in np.flatnonzero(table["part"] == "train")]
    for i in np.flatnonzero(table["part"] == "test"):
        assert max(DataStructs.BulkTanimotoSimilarity(prints[i], train)) < 0.6


def test_no_test_position_of_a_scan_is_mutated_in_training(shared_data):
    dataset = load(shared_data / "sequences/protein_seq_regression/dms_blat_ecolx_stiffler.csv.gz")
    parts = split(dataset, SplitSettings("position")).dataset.table["part"].to_numpy()
    is_mutated = find_variants(dataset.table["sequence"].tolist()).is_mutated
    in_train, in_test = is_mutated[parts == "train"].any(axis=0), is_mutated[parts == "test"].any(axis=0)
    assert in_test.any()
    # A mutant of a training and a test position is a test mutant, so the test may hold training positions; here each
    # has one mutation.
    assert not (in_train & in_test).any()
