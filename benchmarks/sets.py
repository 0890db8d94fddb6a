"""The real sets that figures are made on, and how each is read: `load_set` gives a dataset with its parts."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from biotl_core.data.cleaning import clean
from biotl_core.data.dataset import Dataset
from biotl_core.data.parts import read_parts
from biotl_core.data.raw_table import RawTable, Reading
from biotl_core.data.reading import guess_reading, read_file
from biotl_core.data.splitting import propose_split, split_or_random

_SHARES = {"train": 1.0, "validation": 0.25, "test": 1.0}
"""Most rows and letters of each part, in units of those of the training part."""


class Yardstick(NamedTuple):
    """A published figure."""

    model: str
    metric: str
    frozen: float | None
    tuned: float | None
    caveat: str = ""
    """What is not the same there; "" where parts are the same."""


class RealSet(NamedTuple):
    """A file below the data folder, with what its guess leaves open."""

    path: str
    target: str | None = None
    part: str | None = None
    yardstick: Yardstick | None = None

    @property
    def options(self) -> list[str]:
        """The same for the verb `train`."""
        given = {"--target": self.target, "--part": self.part}
        return [word for option, column in given.items() if column for word in (option, column)]


def _dna(name: str, *, target: str | None = None, mcc: float | None = None) -> RealSet:
    yardstick = Yardstick("DNABERT-2 117M", "mcc", None, mcc) if mcc is not None else None
    return RealSet(f"sequences/{name}.csv.gz", target, yardstick=yardstick)


_REGRESSION, _CLASSES, _RESIDUE = (
    f"sequences/protein_{kind}" for kind in ("seq_regression", "seq_classification", "residue")
)
SETS: dict[str, RealSet] = {
    "secondary_structure_flip": RealSet(
        f"{_RESIDUE}/secondary_structure_flip.csv.gz",
        yardstick=Yardstick("ESM-2 8M", "accuracy", 0.753, 0.761),
    ),
    "disorder_chezod": RealSet(
        f"{_RESIDUE}/disorder_chezod.csv.gz", yardstick=Yardstick("ESM-2 8M", "spearman", 0.697, 0.715)
    ),
    "deeploc_subcellular": RealSet(
        f"{_CLASSES}/deeploc_subcellular.csv.gz",
        target="label",
        yardstick=Yardstick("ESM-2 8M", "accuracy", None, 0.559, "it learned from 9,503 proteins"),
    ),
    "meltome_human_flip2021": RealSet(
        f"{_REGRESSION}/meltome_human_flip2021.csv.gz",
        yardstick=Yardstick("ESM-2 8M", "spearman", 0.564, 0.584, "other, larger parts"),
    ),
    "gb1_flip": RealSet(
        f"{_REGRESSION}/gb1_flip.csv.gz",
        part="split_three_vs_rest",
        yardstick=Yardstick("ESM-2 8M", "spearman", 0.818, 0.883),
    ),
    "gfp_avgfp_sarkisyan": RealSet(
        f"{_REGRESSION}/gfp_avgfp_sarkisyan.csv.gz",
        target="target",
        yardstick=Yardstick("ESM-2 8M", "spearman", 0.639, 0.688, "parts nearly the same"),
    ),
    "amp_amplify_balanced": RealSet(f"{_CLASSES}/amp_amplify_balanced.csv.gz"),
    "esol_solubility": RealSet(f"{_REGRESSION}/esol_solubility.csv.gz"),
    "enzyme_topt": RealSet(f"{_REGRESSION}/enzyme_topt.csv.gz"),
    "enzyme_phopt": RealSet(f"{_REGRESSION}/enzyme_phopt.csv.gz", target="target"),
    "dms_blat_ecolx_stiffler": RealSet(f"{_REGRESSION}/dms_blat_ecolx_stiffler.csv.gz", target="target"),
    "dms_grb2_abundance": RealSet(f"{_REGRESSION}/dms_grb2_abundance.csv.gz", target="target"),
    "dms_grb2_binding": RealSet(f"{_REGRESSION}/dms_grb2_binding.csv.gz", target="target"),
    "dms_pab1_melamed": RealSet(f"{_REGRESSION}/dms_pab1_melamed.csv.gz", target="target"),
    "dms_tem_1": RealSet(f"{_REGRESSION}/dms_tem_1.csv.gz", target="target"),
    "binding_residues_flip": RealSet(
        f"{_RESIDUE}/binding_residues_flip.csv.gz", target="labels", part="split"
    ),
    "phosphotyrosine_musitedeep": RealSet(f"{_RESIDUE}/phosphotyrosine_musitedeep.csv.gz"),
    "promoter_ecoli_sigma70": _dna("dna_seq_classification/promoter_ecoli_sigma70"),
    "ecoli_promoter_lafleur": _dna("dna_seq_regression/ecoli_promoter_lafleur", target="target"),
    "mpsa_5ss_brca2": _dna("dna_seq_regression/mpsa_5ss_brca2"),
    "sortseq_lac_promoter": _dna("dna_seq_regression/sortseq_lac_promoter", target="target"),
    "gb_human_nontata_promoters": _dna("dna_seq_classification/gb_human_nontata_promoters"),
    "gue_emp_h3": _dna("dna_seq_classification/gue_emp_h3"),
    "gue_mouse_0": _dna("dna_seq_classification/gue_mouse_0", mcc=0.568),
    "gue_mouse_2": _dna("dna_seq_classification/gue_mouse_2", mcc=0.793),
    "gue_prom_prom_300_tata": _dna("dna_seq_classification/gue_prom_prom_300_tata", mcc=0.716),
    "gue_prom_prom_core_all": _dna("dna_seq_classification/gue_prom_prom_core_all", mcc=0.694),
    "gue_prom_prom_core_tata": _dna("dna_seq_classification/gue_prom_prom_core_tata", mcc=0.742),
    "gue_splice_reconstructed": _dna("dna_seq_classification/gue_splice_reconstructed"),
    "gue_tf_0": _dna("dna_seq_classification/gue_tf_0", mcc=0.720),
    "gue_tf_1": _dna("dna_seq_classification/gue_tf_1", mcc=0.761),
    "gue_tf_2": _dna("dna_seq_classification/gue_tf_2", mcc=0.665),
    "cds_windows_ecoli_k12": _dna("dna_residue/cds_windows_ecoli_k12", target="labels"),
    **{
        name: RealSet(f"molecule/{name}.csv.gz")
        for name in ("esol", "bbbp", "tox21", "bace", "clintox", "lipophilicity", "sider")
    },
}
"""Sets by name, the most telling of each kind first. The published figures of ESM-2 and DNABERT-2 are those of
`sequences/reference_scores.csv`."""


class Cap(NamedTuple):
    """Most that is taken of a training part; None for all. Of other parts a share of it (see `_SHARES`)."""

    rows: int | None = None
    letters: int | None = None


NO_CAP = Cap()


class Loaded(NamedTuple):
    """A set as it takes part."""

    dataset: Dataset
    is_whole: bool
    """Whether no rows were left out for the cap."""


def load_set(data: Path, one: RealSet, cap: Cap = NO_CAP) -> Loaded:
    """Read, mend and split a set as `train` does; of more rows than the cap as many are drawn, before anything else.

    The parts are those of the file, else what is proposed for such data.
    """
    raw = read_file(data / one.path)
    reading = guess_reading(raw, targets=[one.target] if one.target else None, part=one.part)
    drawn = _drawn_rows(raw.table[reading.sequence_column], _parts(raw, reading), cap)
    is_whole = len(drawn) == len(raw.table)
    raw = replace(raw, table=raw.table.loc[drawn].reset_index(drop=True))
    dataset = clean(raw, reading, None).dataset
    return Loaded(split_or_random(dataset, propose_split(dataset)).dataset, is_whole)


def _parts(raw: RawTable, reading: Reading) -> pd.Series:
    if reading.part_column is None:
        return pd.Series("", index=raw.table.index)
    return read_parts(raw.table[reading.part_column])


def _drawn_rows(sequences: pd.Series, parts: pd.Series, cap: Cap) -> np.ndarray:
    """Index of the rows that take part, in order; those without a part make up all parts together."""
    drawn = [
        _drawn(sequences[parts == part], _SHARES.get(part, sum(_SHARES.values())), cap)
        for part in parts.unique()
    ]
    return np.sort(np.concatenate(drawn))


def _drawn(sequences: pd.Series, share: float, cap: Cap) -> np.ndarray:
    """Index of some rows, drawn at random: as many as rows and letters allow."""
    order = np.random.default_rng(0).permutation(len(sequences))
    allowed = np.ones(len(order), dtype=bool)
    if cap.rows is not None:
        allowed[int(cap.rows * share) :] = False
    if cap.letters is not None:
        allowed &= np.cumsum(sequences.str.len().to_numpy()[order]) <= cap.letters * share
        allowed[:3] = True
    return sequences.index.to_numpy()[order[allowed]]
