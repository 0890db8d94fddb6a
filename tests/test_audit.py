"""Audits find planted leaks, are silent on clean tables, and find the real ones."""

import numpy as np
import pandas as pd
import pytest

from biotl_core.data.raw_table import RawTable
from biotl_core.data.reading import read_file
from biotl_core.screening.audit import AUDITS, audit_assay, audit_pairs
from biotl_core.screening.intake import Assay, guess_assay_reading, read_assay
from tests.test_choosing import SMILES


def assay_of(smiles: list[str], values: list[str], column: str) -> Assay:
    raw = RawTable(pd.DataFrame({"smiles": smiles, column: values}, dtype="str"), "mine.csv", "CSV")
    return read_assay(raw, guess_assay_reading(raw))


def found(assay: Assay) -> dict[str, str]:
    return {one.name: one.severity for one in audit_assay(assay)}


def test_a_clean_table_has_nothing_to_tell():
    values = [f"{5 + (i % 37) / 10:.2f}" for i in range(len(SMILES))]
    told = found(assay_of(SMILES, values, "pIC50"))
    assert list(told) == list(AUDITS)
    assert set(told.values()) == {"fine"}


def test_a_planted_notation_leak_is_found():
    """Actives in Kekulé form with the ring first, inactives in aromatic form: the atoms say nothing, the text all."""
    from rdkit import Chem

    rng = np.random.default_rng(0)
    is_active = rng.random(len(SMILES)) < 0.5
    written = [
        Chem.MolToSmiles(Chem.MolFromSmiles(s), kekuleSmiles=True, canonical=False, rootedAtAtom=3)
        if a
        else s
        for s, a in zip(SMILES, is_active, strict=True)
    ]
    written = [
        Chem.MolToSmiles(_kekule(w), kekuleSmiles=True) if a else w
        for w, a in zip(written, is_active, strict=True)
    ]
    assay = assay_of(written, ["1" if a else "0" for a in is_active], "active")
    audited = {one.name: one for one in audit_assay(assay)}
    assert audited["notation"].severity == "leak"
    assert audited["notation"].numbers[0][1] > audited["notation"].numbers[1][1] + 0.1


def _kekule(smiles: str):
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles)
    Chem.Kekulize(molecule, clearAromaticFlags=True)
    return molecule


def test_planted_repeats_contradictions_caps_and_broken_rows_are_found():
    values = [f"{5 + (i % 37) / 10:.2f}" for i in range(len(SMILES))]
    smiles = [*SMILES, "c1ccccc1C", "C1CC", *SMILES[30:60]]
    told = found(assay_of(smiles, [*values, "9.5", "5", *["5.0"] * 30], "pIC50"))
    assert {told[name] for name in ("left_out", "duplicates", "contradictions")} == {"look"}
    capped = ["5.0"] * 60 + values[60:]
    assert found(assay_of(SMILES, capped, "pIC50"))["cap"] == "look"
    limits = ["< 5.0"] * 60 + values[60:]
    assert found(assay_of(SMILES, limits, "pIC50"))["cap"] == "fine"


def test_pairs_tell_shared_sequences_and_one_sided_answers():
    rng = np.random.default_rng(0)
    smiles = list(np.repeat(SMILES[:40], 10))
    proteins = [f"MKT{'A' * (i % 10)}" for i in range(400)]
    names = [f"kinase {i % 10}" for i in range(400)]
    names[3] = "kinase 3 mutant"
    effect = dict(zip(SMILES[:40], rng.normal(size=40), strict=True))
    values = np.array([effect[s] for s in smiles]) + 0.1 * rng.normal(size=400)
    told = {one.name: one.severity for one in audit_pairs(smiles, proteins, names, values)}
    assert told == {"shared": "leak", "cap": "fine", "smiles_only": "leak", "protein_only": "fine"}


@pytest.mark.data
@pytest.mark.parametrize(("file", "value"), [("bbbp", None), ("clintox", "CT_TOX")])
def test_the_published_sets_leak_through_their_notation(shared_data, file, value):
    raw = read_file(shared_data / "molecule" / f"{file}.csv.gz")
    assay = read_assay(raw, guess_assay_reading(raw, value=value))
    assert found(assay)["notation"] == "leak"


@pytest.mark.data
def test_davis_targets_share_sequences(shared_data):
    folder = shared_data / "interactions" / "davis"
    pairs, drugs, targets = (pd.read_csv(folder / f"{name}.csv.gz") for name in ("pairs", "drugs", "targets"))
    table = pairs.merge(drugs, on="drug").merge(targets, on="target")
    told = audit_pairs(
        table["smiles"].tolist(), table["sequence"].tolist(), table["name"].tolist(), table["pKd"].to_numpy()
    )
    assert told[0].severity == "leak" and told[0].sentence.startswith("81 target proteins share 18 sequences")
    assert told[1].numbers[0][1] == pytest.approx(0.696, abs=0.001)
