"""The work of a pair run: molecules and target proteins learned together, beside simple methods, and what to
rely on.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from safetensors.numpy import load_file, save_file
from scipy import sparse

from biotl_core.data.reading import read_file
from biotl_core.errors import UserError
from biotl_core.learning.two_towers import (
    Measured,
    Seen,
    Side,
    TowerSettings,
    TwoTowers,
    encode,
    predict_pairs,
    product,
    seen_in,
    train_towers,
)
from biotl_core.progress import Control
from biotl_core.runs.folder import append_history, read_config
from biotl_core.runs.json_files import write_json_atomically
from biotl_core.runs.screening_requests import TABLE
from biotl_core.screening.assays import PAIR_TITLES, say_pair_answer
from biotl_core.screening.audit import audit_pairs
from biotl_core.screening.fingerprints import N_BITS, Bits, fingerprints, tanimoto
from biotl_core.screening.intake import AssayReading
from biotl_core.screening.models import Predicted
from biotl_core.screening.pair_baselines import (
    Neighbours,
    PairData,
    predict_biases,
    predict_boosting,
    predict_mean,
    short_description,
)
from biotl_core.screening.pair_splits import split_pairs
from biotl_core.screening.pairs import PairReading, Pairs, read_pairs
from biotl_core.screening.proteins import ProteinDescription, similarity
from biotl_core.screening.ranking import LibraryTower, ScoreBlock, Scorer, Training
from biotl_core.screening.scores import SCORES, per_target, score_interval, scores_of

_MOST_NEIGHBOURS = 12_000
"""Molecules up to which all similarities fit the memory."""
_COVERAGE = 0.9


def pair_run(folder: Path, control: Control) -> str:
    """Do a run of kind "pairs" from its folder; the closing sentence."""
    config, began = read_config(folder), time.monotonic()
    torch.set_num_threads(1)  # the products are small: threads would spend their time waiting for each other
    reading = PairReading(AssayReading(**config["reading"]), *config["columns"])
    control.step("Reading the table", 0, 0)
    pairs = read_pairs(read_file(folder / TABLE, config["source"]), reading, control)
    pairs.refused.to_csv(folder / "refused.csv", index=False)
    table = pairs.table
    smiles = [pairs.molecules[i] for i in table["molecule"]]
    proteins, names = ([one[i] for i in table["protein"]] for one in (pairs.proteins, pairs.protein_names))
    audited = audit_pairs(smiles, proteins, names, table["value"].to_numpy(), pairs.kind)
    write_json_atomically(folder / "audit.json", [_as_json(one) for one in audited])
    parts = split_pairs(pairs, config["split"], int(config["seed"]), control=control)
    settings = TowerSettings(**{**(config.get("towers") or {}), "seed": int(config["seed"])})
    learned = learn_pairs(
        pairs,
        parts.parts,
        settings,
        control,
        lambda **epoch: append_history(folder, epoch),
        config.get("own_vectors"),
    )
    learned.model.save(folder / "model")
    save_description(learned.description, folder / "model")
    _save_pairs(pairs, parts.parts, folder)
    result = learned.result | {
        "kind": pairs.kind,
        "value_name": reading.assay.value_name,
        "split": config["split"],
        "split_sentence": parts.sentence,
        "sentence": pairs.sentence,
        "titles": PAIR_TITLES,
        "seed": int(config["seed"]),
        "settings": asdict(learned.model.settings),
        "seconds": round(time.monotonic() - began, 2),
    }
    _write_predictions(pairs, learned, folder)
    result["reload_difference"] = _check_reload(pairs, learned, folder)
    write_json_atomically(folder / "result.json", result)
    return say_pair_answer(result)


class LearnedPairs(NamedTuple):
    """What a pair run has learned and how it did."""

    model: TwoTowers
    description: ProteinDescription
    molecules: Side
    proteins: Side
    seen: Seen
    test: np.ndarray
    """Rows of the test part."""
    predicted: dict[str, np.ndarray]
    """Of every method on the test part."""
    result: dict[str, Any]


def learn_pairs(
    pairs: Pairs,
    parts: np.ndarray,
    settings: TowerSettings,
    control: Control,
    tell: Any = None,
    own_vectors: bool | None = None,
) -> LearnedPairs:
    """Learn the towers and the simple methods, choose on the validation part, judge all on the test part.

    Args:
        pairs: the table.
        parts: train, validation or test of each pair.
        settings: of the towers.
        control: progress and stop.
        tell: called with `epoch, epochs, train_loss, validation_loss, metrics` after each look.
        own_vectors: whether molecules and proteins get vectors of their own; None tries both where it can help, and
            the validation part decides.
    """
    table = pairs.table
    rows = {part: np.flatnonzero(parts == part) for part in ("train", "validation", "test")}
    measured = {part: _measured(table, where) for part, where in rows.items()}
    train, test = measured["train"], measured["test"]
    exact = {part: _exact(one) for part, one in measured.items()}
    bits = fingerprints(pairs.molecules)
    description = ProteinDescription.learn([pairs.proteins[i] for i in np.unique(train.protein)])
    proteins = protein_side(description, pairs.proteins)
    molecules = molecule_side(bits)
    model, n_steps = _best_towers(molecules, proteins, measured, settings, own_vectors, control, tell)
    seen = seen_in(train)
    predicted, validated = {}, {}
    one = exact["validation"]
    validated["towers"] = predict_pairs(model, molecules, proteins, seen)[one.molecule, one.protein].astype(
        np.float64
    )
    matrix = bits.matrix()
    likeness = None
    if len(pairs.molecules) <= _MOST_NEIGHBOURS:
        likeness = tanimoto(matrix, matrix), similarity(pairs.proteins, pairs.proteins)
        neighbours = Neighbours.learn(exact["train"], exact["validation"], *likeness, control)
        validated["neighbours"] = neighbours.predict(exact["validation"])
        validated["both"] = (validated["towers"] + validated["neighbours"]) / 2
    errors = {n: float(((v - exact["validation"].value) ** 2).mean()) for n, v in validated.items()}
    chosen = min(errors, key=errors.get)
    # The validation part has chosen; what is kept learns from it as well.
    known = _measured(table, np.r_[rows["train"], rows["validation"]])
    model = train_towers(
        molecules, proteins, (N_BITS, 0), known, known, model.settings, control, stop_after=n_steps
    )
    seen, known = seen_in(known), _exact(known)
    everything = predict_pairs(model, molecules, proteins, seen)
    predicted["towers"] = everything[exact["test"].molecule, exact["test"].protein].astype(np.float64)
    if likeness is not None:
        neighbours = neighbours._replace(train=known)
        predicted["neighbours"] = neighbours.predict(exact["test"])
        predicted["both"] = (predicted["towers"] + predicted["neighbours"]) / 2
    control.step("Simple methods: boosted trees", 0, 0)
    predicted["mean"] = predict_mean(known, exact["test"])
    predicted["biases"] = predict_biases(known, exact["test"])
    predicted["boosting"] = predict_boosting(
        known, exact["test"], *_short_descriptions(matrix, proteins, known), settings.seed
    )
    control.step("Judging", 0, 0)
    misses = np.sort(np.abs(validated[chosen] - exact["validation"].value))
    place = min(len(misses) - 1, int(np.ceil(_COVERAGE * (len(misses) + 1))) - 1)
    result = {
        "chosen": chosen,
        "models": {name: _judged(pairs.kind, exact["test"], value) for name, value in predicted.items()},
        "validation_mse": errors,
        "powers": neighbours.powers if likeness is not None else None,
        "half_width": float(misses[place]),
        "counts": {part: len(where) for part, where in rows.items()},
        "controls": _controls(exact["test"], everything, settings.seed),
    }
    where = rows["test"][test.side == 0]
    return LearnedPairs(model, description, molecules, proteins, seen, where, predicted, result)


def _best_towers(
    molecules: Side, proteins: Side, measured: dict[str, Measured], settings: TowerSettings, own: bool | None,
    control: Control, tell: Any,
) -> tuple[TwoTowers, int]:  # fmt: skip
    """The best towers, and after how many steps they were best.

    Tried without own vectors, and with them where the validation part has the molecules and targets of training.
    """
    train, validation = measured["train"], measured["validation"]
    is_known = np.isin(validation.molecule, train.molecule).mean() > 0.5
    is_known &= np.isin(validation.protein, train.protein).mean() > 0.5
    tries = (own,) if own is not None else (False, True) if is_known else (False,)
    best, kept, n_steps = np.inf, None, 0
    for number, has_own in enumerate(tries):
        errors: list[float] = []

        def look(step: int, loss: float, error: float, number: int = number, errors: list = errors) -> None:
            errors.append(error)
            if tell is not None:
                total = len(tries) * settings.steps
                tell(
                    epoch=number * settings.steps + step, epochs=total, train_loss=loss, validation_loss=error,
                    metrics={"rmse": float(np.sqrt(error))}, elapsed_seconds=0.0, learning_rate=settings.learning_rate,
                )  # fmt: skip

        chosen = TowerSettings(**{**asdict(settings), "own_vectors": has_own})
        model = train_towers(molecules, proteins, (N_BITS, 0), train, validation, chosen, control, look)
        if min(errors) < best:
            best, kept = min(errors), model
            n_steps = min((1 + int(np.argmin(errors))) * settings.check_every, settings.steps)
    return kept, n_steps


def _short_descriptions(
    bits: sparse.csr_array, proteins: Side, known: PairData
) -> tuple[np.ndarray, np.ndarray]:
    """What boosted trees see of each side: main directions of its description, and the mean of its known pairs."""
    first, second = short_description(bits), short_description(sparse.csr_array(proteins.dense))
    overall = known.value.mean()
    described = []
    for table, index in ((first, known.molecule), (second, known.protein)):
        counts = np.bincount(index, minlength=len(table))
        means = (np.bincount(index, known.value, len(table)) + overall) / (counts + 1)
        described.append(np.hstack([table, means[:, None]]))
    return described[0], described[1]


def molecule_side(bits: Bits) -> Side:
    """Fingerprints as the tower reads them."""
    return Side(
        np.asarray(bits.indices).astype(np.int64), np.asarray(bits.counts).astype(np.int64),
        np.zeros((len(bits.counts), 0), np.float32),
    )  # fmt: skip


def protein_side(description: ProteinDescription, sequences: Sequence[str]) -> Side:
    """Sequences as the tower reads them."""
    dense = description.describe(sequences)
    return Side(np.zeros(0, np.int64), np.zeros(len(sequences), np.int64), dense)


def _measured(table: pd.DataFrame, rows: np.ndarray) -> Measured:
    own = table.iloc[rows]
    return Measured(*(own[c].to_numpy() for c in ("molecule", "protein", "value", "side")))


def _exact(measured: Measured) -> PairData:
    where = measured.side == 0
    return PairData(
        measured.molecule[where], measured.protein[where], measured.value[where].astype(np.float64)
    )


def _judged(kind: str, test: PairData, predicted: np.ndarray) -> dict[str, Any]:
    scores = scores_of(kind, test.value, predicted)
    scores["per_target"] = per_target(test.protein, test.value, predicted)
    headline = "auroc" if kind == "active" else "pearson"
    return {"test": scores, "test_interval": {headline: score_interval(headline, test.value, predicted, 100)}}


def _controls(test: PairData, everything: np.ndarray, seed: int) -> dict[str, float]:
    """How well the towers do when the molecule or the target protein of each test pair is swapped for another's."""
    rng, score = np.random.default_rng(seed), SCORES["pearson"].formula
    swapped = {
        "as they are": (test.molecule, test.protein),
        "another target": (test.molecule, rng.permutation(test.protein)),
        "another molecule": (rng.permutation(test.molecule), test.protein),
    }
    return {name: score(test.value, everything[pair].astype(np.float64)) for name, pair in swapped.items()}


def save_description(description: ProteinDescription, folder: Path) -> None:
    """Write how proteins become numbers."""
    arrays = {"turn": description.turn, "mean": description.mean, "scale": description.scale}
    save_file(
        {n: np.ascontiguousarray(a, np.float32) for n, a in arrays.items()}, folder / "proteins.safetensors"
    )
    (folder / "proteins.json").write_text(json.dumps(list(description.references)))


def load_description(folder: Path) -> ProteinDescription:
    """Read what `save_description` wrote."""
    arrays = load_file(folder / "proteins.safetensors")
    references = tuple(json.loads((folder / "proteins.json").read_text()))
    return ProteinDescription(references, arrays["turn"], arrays["mean"], arrays["scale"])


def _save_pairs(pairs: Pairs, parts: np.ndarray, folder: Path) -> None:
    pairs.table.assign(part=parts).to_parquet(folder / "pairs.parquet", index=False)
    pd.DataFrame({"smiles": pairs.molecules}).to_parquet(folder / "molecules.parquet", index=False)
    proteins = pd.DataFrame({"sequence": pairs.proteins, "name": pairs.protein_names})
    proteins.to_parquet(folder / "proteins.parquet", index=False)


def _write_predictions(pairs: Pairs, learned: LearnedPairs, folder: Path) -> None:
    rows = pairs.table.iloc[learned.test]
    table = pd.DataFrame(
        {
            "smiles": [pairs.molecules[i] for i in rows["molecule"]],
            "target": [pairs.protein_names[i] or f"target {i + 1}" for i in rows["protein"]],
            "value": rows["value"].to_numpy(),
        }
    )
    table.join(pd.DataFrame(learned.predicted)).to_csv(folder / "predictions.csv", index=False)


def _check_reload(pairs: Pairs, learned: LearnedPairs, folder: Path) -> float:
    """A run is finished only when what it saved predicts as what it learned."""
    model, description = TwoTowers.load(folder / "model"), load_description(folder / "model")
    proteins = protein_side(description, pairs.proteins)
    before = learned.predicted["towers"]
    rows = pairs.table.iloc[learned.test]
    first = encode(model, "molecule", learned.molecules, learned.seen.molecules)
    second = encode(model, "protein", proteins, learned.seen.proteins)
    after = product(model, first, second)[rows["molecule"], rows["protein"]]
    difference = float(np.abs(after - before).max() / max(before.std(), 1e-9))
    if difference > 1e-3:
        raise UserError(
            f"The saved model predicts differently from the learned one (by {difference:.2g} of the "
            "predictions' spread), so "
            "this run is not called finished. Start it again."
        )
    return difference


def load_pairs(folder: Path, sequence: str) -> "TargetScreen":
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
    model, description = TwoTowers.load(folder / "model"), load_description(folder / "model")
    return TargetScreen(
        folder, sequence, result, table, molecules["smiles"].tolist(), proteins, model, description
    )


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
    model: TwoTowers
    description: ProteinDescription

    @property
    def own_protein(self) -> int | None:
        """The place of the target protein among those of the pairs; None for a new one."""
        same = np.flatnonzero((self.proteins["sequence"] == self.sequence).to_numpy())
        return int(same[0]) if len(same) else None

    def scorer(self) -> Scorer:
        """The chosen method as a library meets it."""
        key = hashlib.sha256((self.folder / "model" / "towers.safetensors").read_bytes()).hexdigest()[:16]
        target = hashlib.sha256(f"{self.sequence} {self.result['chosen']}".encode()).hexdigest()[:8]
        vector = self._target_vector()
        tower = LibraryTower(
            key, vector.shape[1], self._encode, lambda vectors: product(self.model, vectors, vector)[:, 0]
        )
        score = self._score(tower)

        def predict(smiles: list[str]) -> Predicted:
            return Predicted(score(fingerprints(smiles), []).astype(np.float64), np.ones(len(smiles)))

        only_towers = self.result["chosen"] == "towers"
        return Scorer(
            f"{key}-{target}",
            score,
            False,
            predict,
            float(self.result["half_width"]),
            tower if only_towers else None,
        )

    def _target_vector(self) -> np.ndarray:
        """The target protein through its tower, with its own vector where training has seen it: `(1, width + 1)`."""
        own, side = self.own_protein, protein_side(self.description, [self.sequence])
        vector = encode(self.model, "protein", side)
        if own is not None and len(self.model.own_protein):
            vector = vector + self.model.own_protein[own : own + 1].detach().numpy()
        return vector

    def _encode(self, bits: Bits) -> np.ndarray:
        return encode(self.model, "molecule", molecule_side(bits))

    def _score(self, tower: LibraryTower) -> ScoreBlock:
        """Fingerprints to predictions by the chosen method."""
        chosen = self.result["chosen"]
        if chosen == "towers":
            return lambda bits, smiles: tower.product(tower.encode(bits))
        known = PairData(*(self.table[c].to_numpy() for c in ("molecule", "protein", "value")))
        known = known.take(np.flatnonzero((self.table["side"] == 0) & (self.table["part"] != "test")))
        powers = tuple(self.result["powers"])
        training = fingerprints(self.smiles).matrix()
        to_proteins = similarity([self.sequence], self.proteins["sequence"].tolist())
        neighbours = Neighbours(known, np.zeros((0, len(self.smiles)), np.float32), to_proteins, powers)

        def score(bits: Bits, smiles: list[str]) -> np.ndarray:
            likeness = tanimoto(bits.matrix(), training)
            voted = neighbours.against(likeness, to_proteins)[:, 0]
            return voted if chosen == "neighbours" else (voted + tower.product(tower.encode(bits))) / 2

        return score

    def training(self) -> Training:
        """Molecules measured on this target protein; those measured on any, where it is new."""
        own = self.own_protein
        rows = self.table if own is None else self.table[self.table["protein"] == own]
        values = rows.groupby("molecule")["value"].mean()
        smiles = [self.smiles[i] for i in values.index]
        names = [f"molecule {i + 1}" for i in values.index]
        return Training(names, smiles, values.to_numpy(np.float64), fingerprints(smiles).matrix())


def _as_json(one: Any) -> dict[str, Any]:
    rows = None if one.table is None else one.table.head(200).to_dict("records")
    return {
        **{k: getattr(one, k) for k in ("name", "title", "severity", "sentence", "numbers")},
        "table": rows,
    }
