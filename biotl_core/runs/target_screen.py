"""A finished run of pairs and one target protein, ready to rank a library."""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from biotl_core.errors import UserError
from biotl_core.learning.two_towers import (
    TowerGroup,
    encode,
    product,
)
from biotl_core.runs.pair_features import PairReader
from biotl_core.screening.fingerprints import Bits, fingerprints, tanimoto
from biotl_core.screening.models import Predicted
from biotl_core.screening.pair_baselines import (
    Neighbours,
    PairData,
)
from biotl_core.screening.proteins import similarity
from biotl_core.screening.ranking import LibraryTower, ScoreBlock, Scorer, Training


class TargetScreen(NamedTuple):
    """A pair run and one target protein."""

    folder: Path
    sequence: str
    result: dict[str, Any]
    table: pd.DataFrame
    """The measured pairs."""
    smiles: list[str]
    """The molecules of the pairs."""
    proteins: pd.DataFrame
    """`sequence, name`."""
    group: TowerGroup
    reader: PairReader

    @property
    def own_protein(self) -> int | None:
        """The place of the target protein among those of the pairs; None for a new one."""
        same = np.flatnonzero((self.proteins["sequence"] == self.sequence).to_numpy())
        return int(same[0]) if len(same) else None

    @property
    def caution(self) -> str:
        """What to know before the ranges are believed, plain text; "" where there is nothing."""
        if self.own_protein is not None or self.result["split"] in ("cold_target", "cold_both"):
            return ""
        return (
            "This target protein is none of those that were learned from, and the run was judged on target proteins "
            "that it knew: its numbers and ranges do not speak of this one. Learn again with new target proteins held "
            "out to know how well this works."
        )

    def scorer(self) -> Scorer:
        """The chosen method as a library meets it."""
        key = hashlib.sha256((self.folder / "model" / "towers.safetensors").read_bytes()).hexdigest()[:16]
        target = hashlib.sha256(f"{self.sequence} {self.result['chosen']}".encode()).hexdigest()[:8]
        vector = self._target_vector()
        tower = LibraryTower(
            key, vector.shape[1], self._encode, lambda vectors: product(self.group, vectors, vector)[:, 0],
            self.reader.needs_smiles,
        )  # fmt: skip
        score = self._score(tower)

        def predict(smiles: list[str]) -> Predicted:
            return Predicted(score(fingerprints(smiles), smiles).astype(np.float64), np.ones(len(smiles)))

        only_towers = self.result["chosen"] == "towers"
        return Scorer(
            f"{key}-{target}",
            score,
            self.reader.needs_smiles,
            predict,
            float(self.result["half_width"]),
            tower if only_towers else None,
        )

    def _target_vector(self) -> np.ndarray:
        """The target protein through its tower, with its own vector where training has seen it: `(1, width + 1)`."""
        own, side = self.own_protein, self.reader.proteins([self.sequence])
        return encode(self.group, "protein", side, None if own is None else np.array([own]))

    def _encode(self, bits: Bits, smiles: list[str]) -> np.ndarray:
        return encode(self.group, "molecule", self.reader.molecules(bits, smiles))

    def _score(self, tower: LibraryTower) -> ScoreBlock:
        """Fingerprints to predictions by the chosen method."""
        chosen = self.result["chosen"]
        if chosen == "towers":
            return lambda bits, smiles: tower.product(tower.encode(bits, smiles))
        training = fingerprints(self.smiles).matrix()
        to_proteins = similarity([self.sequence], self.proteins["sequence"].tolist())
        neighbours = self._neighbours(to_proteins)

        def score(bits: Bits, smiles: list[str]) -> np.ndarray:
            likeness = tanimoto(bits.matrix(), training)
            voted = neighbours.against(likeness, to_proteins)[:, 0]
            if chosen == "neighbours":
                return voted
            return (voted + tower.product(tower.encode(bits, smiles))) / 2

        return score

    def against_targets(self, smiles: str) -> pd.DataFrame:
        """One molecule against every target protein of the pairs, the highest prediction first.

        Columns `rank, target, prediction, low, high, measured` (nan where this pair was not measured).
        """
        bits, known = fingerprints([smiles]), self.smiles.index(smiles) if smiles in self.smiles else None
        sequences = self.proteins["sequence"].tolist()
        own = None if known is None else np.array([known])
        molecule = encode(self.group, "molecule", self.reader.molecules(bits, [smiles]), own)
        proteins = encode(self.group, "protein", self.reader.proteins(sequences), np.arange(len(sequences)))
        predicted = product(self.group, molecule, proteins)[0].astype(np.float64)
        chosen = self.result["chosen"]
        if chosen != "towers":
            voted = self._neighbours(similarity(sequences, sequences))
            likeness = tanimoto(bits.matrix(), fingerprints(self.smiles).matrix())
            voted = voted.against(likeness, voted.protein_similarity)[0]
            predicted = voted if chosen == "neighbours" else (voted + predicted) / 2
        margin = float(self.result["half_width"])
        names = np.where(self.proteins["name"] == "", "target", self.proteins["name"])
        rows = self.table[self.table["molecule"] == (-1 if known is None else known)]
        measured = (
            rows.groupby("protein")["value"].median().reindex(range(len(sequences))).to_numpy(np.float64)
        )
        table = pd.DataFrame({"target": names, "prediction": predicted, "measured": measured})
        table = table.assign(low=predicted - margin, high=predicted + margin)
        table = table.sort_values("prediction", ascending=False, kind="stable").reset_index(drop=True)
        table.insert(0, "rank", range(1, len(table) + 1))
        return table[["rank", "target", "prediction", "low", "high", "measured"]]

    def _neighbours(self, to_proteins: np.ndarray) -> Neighbours:
        """Similar pairs over all that was measured but the test part."""
        known = PairData(*(self.table[c].to_numpy() for c in ("molecule", "protein", "value")))
        known = known.take(np.flatnonzero((self.table["side"] == 0) & (self.table["part"] != "test")))
        nothing = np.zeros((0, len(self.smiles)), np.float32)
        return Neighbours(known, nothing, to_proteins, tuple(self.result["powers"]))

    def training(self) -> Training:
        """Molecules measured on this target protein; those measured on any, where it is new."""
        own = self.own_protein
        rows = self.table if own is None else self.table[self.table["protein"] == own]
        values = rows.groupby("molecule")["value"].mean()
        smiles = [self.smiles[i] for i in values.index]
        names = [f"molecule {i + 1}" for i in values.index]
        return Training(names, smiles, values.to_numpy(np.float64), fingerprints(smiles).matrix())


def load_pairs(folder: Path, sequence: str) -> TargetScreen:
    """A finished pair run, ready to rank molecules against one target protein.

    Args:
        folder: of the run.
        sequence: of the target protein, seen in training or not.

    Raises:
        UserError: the folder lacks the files.
    """
    try:
        result = json.loads((folder / "result.json").read_text())
        table, molecules, proteins = (
            pd.read_parquet(folder / f"{name}.parquet") for name in ("pairs", "molecules", "proteins")
        )
    except (OSError, ValueError) as error:
        raise UserError(f"The run '{folder.name}' has learned no pairs. Choose a finished run.") from error
    group, reader = TowerGroup.load(folder / "model"), PairReader.load(folder / "model")
    return TargetScreen(
        folder, sequence, result, table, molecules["smiles"].tolist(), proteins, group, reader
    )
