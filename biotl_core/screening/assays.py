"""What an assay run leaves in its folder, and the way back from the folder to a model."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biotl_core.errors import UserError
from biotl_core.screening.choosing import final_model
from biotl_core.screening.fingerprints import Bits, fingerprints
from biotl_core.screening.models import MODELS, Features, Model, Predicted
from biotl_core.screening.ranking import Scorer, Training
from biotl_core.screening.scores import SCORES
from biotl_core.wording import say_interval, say_number

Embed = Callable[[Sequence[str]], np.ndarray]
"""From SMILES to the vectors of the frozen backbone `(n, width)`."""


@dataclass(frozen=True)
class LearnedAssay:
    """A finished assay run, ready to predict."""

    molecules: pd.DataFrame
    """`molecules.parquet`: what was learned from."""
    result: dict[str, Any]
    """`result.json`."""
    model: Model
    embed: Embed | None
    """The frozen backbone, where the model needs one."""

    def features(self, smiles: Sequence[str]) -> Features:
        """What the model sees of molecules."""
        vectors = None if self.embed is None else self.embed(smiles)
        return Features(fingerprints(smiles).matrix(), vectors)

    def predict(self, smiles: Sequence[str]) -> Predicted:
        """Mean and spread of molecules by their standard SMILES."""
        return self.model.predict(self.features(smiles))

    def scorer(self) -> Scorer:
        """The model as a library meets it."""
        return Scorer(
            self.key, self._score, self.embed is not None, self.predict, float(self.result["half_width"])
        )

    def _score(self, bits: Bits, smiles: list[str]) -> np.ndarray:
        vectors = None if self.embed is None else self.embed(smiles)
        return self.model.mean(Features(bits.matrix(), vectors))

    @property
    def key(self) -> str:
        """A hash of all that the predictions depend on: molecules, values, model and seed."""
        table = self.molecules[["smiles", "value", "side"]].to_csv(index=False)
        asked = json.dumps([self.result["chosen"], self.result["seed"], self.result.get("backbone")])
        return hashlib.sha256((table + asked).encode()).hexdigest()[:16]

    def training(self) -> Training:
        """The measured molecules."""
        smiles = self.molecules["smiles"].tolist()
        values = self.molecules["value"].to_numpy(np.float64)
        return Training(self.molecules["name"].tolist(), smiles, values, fingerprints(smiles).matrix())


def load_assay(folder: Path, open_backbone: Callable[[str], Embed]) -> LearnedAssay:
    """Learn the chosen model again from what the run kept; takes seconds, and gives the same numbers.

    Args:
        folder: of a finished assay run.
        open_backbone: from the name of a backbone to what embeds with it; called where the model needs one.

    Raises:
        UserError: the folder lacks the files.
    """
    try:
        result = json.loads((folder / "result.json").read_text())
        molecules = pd.read_parquet(folder / "molecules.parquet")
    except (OSError, ValueError) as error:
        raise UserError(
            f"The run '{folder.name}' has no learned assay in it. Choose a finished assay run."
        ) from error
    name = result["chosen"]
    embed = open_backbone(result["backbone"]) if MODELS[name].needs_vectors else None
    smiles = molecules["smiles"].tolist()
    features = Features(fingerprints(smiles).matrix(), None if embed is None else embed(smiles))
    values, sides = molecules["value"].to_numpy(np.float64), molecules["side"].to_numpy()
    return LearnedAssay(molecules, result, final_model(name, features, values, sides, result["seed"]), embed)


_HELD_OUT = {
    "scaffold": "new kinds of molecule",
    "random": "molecules of the same kind",
    "time": "molecules measured later",
}


def say_assay_answer(result: dict[str, Any]) -> str:
    """How good the chosen model is and what it beats, in a sentence of plain text."""
    headline, chosen = result["headline"], result["chosen"]
    scores = {name: judged["test"].get(headline) for name, judged in result["models"].items()}
    own, title = scores[chosen], SCORES[headline].title
    if own is None:
        return "Learned, but the test part says nothing: it holds too few exact values."
    interval = result["models"][chosen]["test_interval"].get(headline)
    said = f"{title} {say_number(own)}" + (
        f" {say_interval(*interval)}" if interval and None not in interval else ""
    )
    kinds = _HELD_OUT[result["split"]]
    n = result["counts"]["test"]
    return f"{MODELS[chosen].title} reaches {said} on {n:,} held-out {kinds}."


PAIR_TITLES = {
    "towers": "Two towers",
    "unadjusted": "Two towers, pretrained models as they were",
    "neighbours": "Similar pairs (no training)",
    "both": "Two towers and similar pairs, mean",
    "mean": "Always the mean",
    "biases": "What the molecule and the target usually add",
    "boosting": "Boosted trees",
}
"""Every method; towers, similar pairs and their mean may be chosen, the others are for comparison."""


def say_pair_answer(result: dict[str, Any]) -> str:
    """How good the chosen method is, and whether the towers were worth it, in plain text."""
    headline = "auroc" if result["kind"] == "active" else "pearson"
    chosen = result["models"][result["chosen"]]
    said = f"{SCORES[headline].title} {say_number(chosen['test'][headline])}"
    interval = chosen["test_interval"].get(headline)
    if interval and None not in interval:
        said += f" {say_interval(*interval)}"
    best = {"neighbours": "Similar pairs do best here, without any training, and are used"}
    start = best.get(result["chosen"], f"{PAIR_TITLES[result['chosen']]} do best on the validation part")
    within = say_number(chosen["test"]["per_target"])
    return f"{start}: {said} on {result['counts']['test']:,} held-out pairs (within single targets {within})."
