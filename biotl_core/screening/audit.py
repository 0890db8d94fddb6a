"""AUDITS: what in an assay table would make numbers look better than they are; told before anything is learned."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from biotl_core.progress import Control
from biotl_core.screening.intake import CONTRADICTION, Assay, contradictions
from biotl_core.screening.scores import auroc, pearson
from biotl_core.wording import say_count, say_number

Severity = Literal["fine", "look", "leak"]
_MOST_ROWS = 3_000
"""Rows from which the notation leak is told; more tell no more."""
LEAK_GAP = 0.01
"""A model on the text that surely loses more than this when all molecules are written in one way has read the
notation.
"""
_N_RESAMPLES = 200
CAP_SHARE = 0.1
_N_FOLDS = 5


@dataclass(frozen=True)
class AuditResult:
    """What one audit found."""

    name: str
    title: str
    severity: Severity
    sentence: str
    """What was found and what it means, plain text."""
    table: pd.DataFrame | None = None
    """The rows it is about, to be looked at."""
    numbers: tuple[tuple[str, float], ...] = ()
    """Measured values by what they are."""


def audit_assay(assay: Assay, control: Control | None = None) -> list[AuditResult]:
    """Every audit of AUDITS, in their order."""
    control = control or Control()
    found = []
    for done, (name, (title, look)) in enumerate(AUDITS.items()):
        control.step(f"Audit: {title}", done, len(AUDITS))
        severity, sentence, *rest = look(assay)
        table = next((one for one in rest if isinstance(one, pd.DataFrame)), None)
        numbers = next((one for one in rest if isinstance(one, tuple)), ())
        found.append(AuditResult(name, title, severity, sentence, table, numbers))
    return found


def _left_out(assay: Assay) -> tuple:
    bad = assay.rows[assay.rows["reason"] != ""]
    if bad.empty:
        return "fine", "Every row can be used."
    share = len(bad) / len(assay.rows)
    table = bad[["row", "written", "cell", "reason"]].reset_index(drop=True)
    sentence = f"{say_count(len(bad), 'row')} ({share:.1%}) cannot be used; each is listed with its reason."
    return "look", sentence, table


def _changed(assay: Assay) -> tuple:
    changed = assay.rows[(assay.rows["change"] != "") & (assay.rows["reason"] == "")]
    if changed.empty:
        return "fine", "No molecule is a salt, a mixture or charged where it need not be."
    counts = ", ".join(f"{name}: {n:,}" for name, n in changed["change"].value_counts().items())
    table = changed[["row", "written", "smiles", "change"]].reset_index(drop=True)
    return "fine", f"{say_count(len(changed), 'molecule')} brought to standard form ({counts}).", table


def _duplicates(assay: Assay) -> tuple:
    good = assay.rows[assay.rows["reason"] == ""]
    twice = good[good["smiles"].duplicated(keep=False)]
    if twice.empty:
        return "fine", "No molecule stands in the table twice."
    n = twice["smiles"].nunique()
    hidden = int((twice.groupby("smiles")["written"].nunique() > 1).sum())
    table = twice.sort_values("smiles")[["row", "written", "smiles", "cell"]].reset_index(drop=True)
    sentence = (
        f"{say_count(n, 'molecule')} in {len(twice):,} rows: the same molecule more than once, {hidden:,} "
        "of them written "
        "in different ways. Their rows were merged, so that none can be in training and test at once."
    )
    return "look", sentence, table


def _contradictions(assay: Assay) -> tuple:
    table = contradictions(assay)
    if table.empty:
        return "fine", "Rows of the same molecule agree."
    what = (
        "called active and inactive" if assay.kind == "active" else f"over {CONTRADICTION:g} log unit apart"
    )
    sentence = (
        f"{say_count(len(table), 'molecule')} measured more than once with values {what}. Look at these rows."
    )
    return "look", sentence, table


def _notation_leak(assay: Assay) -> tuple:
    """Can the label be read off the way molecules are written? (Raw text against the same molecules in one
    notation.)
    """
    good = assay.rows[(assay.rows["reason"] == "")].head(_MOST_ROWS)
    values = good["value"].to_numpy(np.float64)
    score = auroc if assay.kind == "active" else pearson
    by_text = _by_text(good["written"].tolist(), good["smiles"].to_numpy(), values)
    by_molecule = _by_text(good["smiles"].tolist(), good["smiles"].to_numpy(), values)
    raw, plain = score(values, by_text), score(values, by_molecule)
    name = "AUROC" if assay.kind == "active" else "correlation"
    numbers = ((f"{name} from the text as written", raw), (f"{name} from one notation", plain))
    if not np.isfinite(raw) or not np.isfinite(plain):
        return "fine", "Too few rows to tell whether the notation gives the answer away.", numbers
    if _surely_lost(score, values, by_text, by_molecule) < LEAK_GAP:
        sentence = (
            f"The way molecules are written does not give the answer away ({name} {say_number(raw)} from the text as "
            f"written, {say_number(plain)} in one notation)."
        )
        return "fine", sentence, numbers
    sentence = (
        f"The way molecules are written gives the answer away: from the letters as written a model reaches {name} "
        f"{say_number(raw)}, from the same molecules in one notation {say_number(plain)}. Actives and "
        "inactives come from "
        "different sources. BioTL learns on one notation; published numbers on the raw text are too good."
    )
    return "leak", sentence, numbers


def _surely_lost(score: Callable, values: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """How much better the first prediction is than the second at least, in 39 of 40 resamples of the rows."""
    generator = np.random.default_rng(0)
    draws = [generator.integers(0, len(values), len(values)) for _ in range(_N_RESAMPLES)]
    return float(
        np.quantile([score(values[d], first[d]) - score(values[d], second[d]) for d in draws], 0.025)
    )


def _by_text(texts: list[str], groups: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values predicted from short pieces of the text, over folds that keep a molecule's rows together; nan
    where too few.
    """
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GroupKFold

    if len(np.unique(groups)) < 5 * _N_FOLDS or len(np.unique(values)) < 2:
        return np.full(len(values), np.nan)
    pieces = HashingVectorizer(analyzer="char", ngram_range=(1, 4), lowercase=False, n_features=2**16)
    features = pieces.transform(texts)
    predicted = np.full(len(values), np.nan)
    for train, test in GroupKFold(_N_FOLDS).split(features, values, groups):
        line = Ridge(alpha=0.3, solver="sparse_cg", tol=1e-3).fit(features[train], values[train])
        predicted[test] = line.predict(features[test])
    return predicted


def _cap(assay: Assay) -> tuple:
    values, n = assay.molecules["value"], len(assay.molecules)
    limits = int((assay.molecules["side"] != 0).sum())
    if assay.kind == "active":
        share = float(values.mean())
        severity: Severity = "look" if not 0.05 <= share <= 0.95 else "fine"
        return severity, f"{share:.1%} of the molecules are active; a score must beat that, not one half."
    counts = values[assay.molecules["side"] == 0].round(4).value_counts()
    top, count = (float(counts.index[0]), int(counts.iloc[0])) if len(counts) else (0.0, 0)
    if limits:
        told = f"{say_count(limits, 'molecule')} known only as a limit (< or >), learned as such."
        if count < max(5, CAP_SHARE * n):
            return "fine", told
    if count < max(5, CAP_SHARE * n):
        return "fine", "No single value is strikingly frequent."
    end = (
        "the lowest"
        if top == values.round(4).min()
        else "the highest"
        if top == values.round(4).max()
        else "one"
    )
    sentence = (
        f"{count:,} of {n:,} molecules ({count / n:.0%}) have the value {say_number(top)}, {end} value: "
        "probably a limit of "
        "the assay. Mark them as limits (< or >) in your table, so that they are learned as such."
    )
    return "look", sentence


def _series(assay: Assay) -> tuple:
    from biotl_core.data.clusters import cluster_scaffolds

    sizes = np.bincount(cluster_scaffolds(assay.molecules["smiles"].tolist()))
    share = sizes.max() / sizes.sum()
    sentence = f"{say_count(len(sizes), 'ring system')}; the largest series is {share:.0%} of the molecules."
    if share > 0.5:
        return (
            "look",
            sentence + " Numbers mostly tell about this series; other chemistry will be predicted worse.",
        )
    return "fine", sentence


AUDITS: dict[str, tuple[str, Callable[[Assay], tuple]]] = {
    "left_out": ("Rows that cannot be used", _left_out),
    "changed": ("Salts, mixtures and charges", _changed),
    "duplicates": ("The same molecule twice", _duplicates),
    "contradictions": ("Contradicting measurements", _contradictions),
    "notation": ("Does the notation give the answer away?", _notation_leak),
    "cap": ("Values at a limit", _cap),
    "series": ("Ring systems", _series),
}
"""Every audit of an assay of one target: its title and what looks. A new one is one entry."""


def audit_pairs(
    smiles: list[str], proteins: list[str], names: list[str], values: np.ndarray, kind: str = "number"
) -> list[AuditResult]:
    """What a table of molecules and target proteins has that flatters numbers.

    Args:
        smiles: of each pair, standard.
        proteins: sequence of each pair's target protein.
        names: of each pair's target protein, "" where not known.
        values: `(n,)`.
        kind: "number" or "active".
    """
    table = pd.DataFrame({"smiles": smiles, "protein": proteins, "name": names, "value": values})
    return [_shared_sequences(table), _caps_of_pairs(table), *_one_side_controls(table, kind)]


def _shared_sequences(table: pd.DataFrame) -> AuditResult:
    named = table[table["name"] != ""].drop_duplicates(["protein", "name"])
    groups = named.groupby("protein")["name"].agg(list)
    shared = groups[groups.map(len) > 1]
    title = "Target proteins that share one sequence"
    if shared.empty:
        n = table["protein"].nunique()
        return AuditResult("shared", title, "fine", f"All {n:,} sequences belong to one target protein each.")
    listing = pd.DataFrame({"targets": shared.map(", ".join), "n": shared.map(len)}).reset_index(drop=True)
    n_targets = int(listing["n"].sum())
    sentence = (
        f"{n_targets:,} target proteins share {say_count(len(listing), 'sequence')} (mutants, states or domains of one "
        "protein): a model that reads sequences cannot tell them apart, and a split by target name would "
        "put one sequence "
        "into training and test. BioTL splits by sequence."
    )
    return AuditResult("shared", title, "leak", sentence, listing)


def _caps_of_pairs(table: pd.DataFrame) -> AuditResult:
    counts = table["value"].round(4).value_counts()
    top, share = float(counts.index[0]), float(counts.iloc[0] / len(table))
    title = "Values at a limit"
    if share < CAP_SHARE or table["value"].nunique() <= 2:
        return AuditResult("cap", title, "fine", "No single value is strikingly frequent.")
    sentence = (
        f"{share:.1%} of the pairs have the value {say_number(top)}: probably a limit of the assay. A model "
        "that always says "
        "this looks good; look at the order (CI) and at single targets."
    )
    return AuditResult("cap", title, "look", sentence, numbers=(("share", share),))


def _one_side_controls(table: pd.DataFrame, kind: str) -> list[AuditResult]:
    """How far the mean of the molecule alone, or of the target protein alone, gets on held-out pairs."""
    rng = np.random.default_rng(0)
    is_test = rng.random(len(table)) < 0.2
    train, test = table[~is_test], table[is_test]
    score, name = (auroc, "AUROC") if kind == "active" else (pearson, "correlation")
    found = []
    for column, title in (
        ("smiles", "From the molecule alone"),
        ("protein", "From the target protein alone"),
    ):
        means = train.groupby(column)["value"].mean()
        predicted = test[column].map(means).fillna(train["value"].mean()).to_numpy()
        value = score(test["value"].to_numpy(), predicted)
        limit = 0.85 if kind == "active" else 0.7
        severity: Severity = "leak" if np.isfinite(value) and value > limit else "fine"
        sentence = (
            f"The mean of the other pairs of the same {column.replace('smiles', 'molecule')} reaches {name} "
            f"{say_number(value)} on held-out pairs"
            + (": most of the answer is known without the other side." if severity == "leak" else ".")
        )
        found.append(AuditResult(f"{column}_only", title, severity, sentence, numbers=((name, value),)))
    return found
