"""Fit the confidence of template models: `python -m benchmarks.template_confidence --data ../shared/data`.

Globins and antibody domains are modelled on others of their kind with templates of at most 95, 60, 40 and 30 %
identity, on single templates, and on templates of the other kind. Prints the numbers that
`biotl_core/structures/template_confidence.py` holds: the expected TM-score by least squares over all models, the
expected lDDT over those that are not refused, each chain counting the same.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.structures import identity, variable_domains
from biotl_core.progress import Control
from biotl_core.structures.chains import CA, ProteinChain, read_folder
from biotl_core.structures.measures import local_lddt, tm_score
from biotl_core.structures.template_confidence import (
    LEAST_TM,
    ModelSigns,
    residue_features,
    tm_features,
)
from biotl_core.structures.templates import (
    TemplateLibrary,
    build_backbone,
    find_candidates,
    signs_of_residues,
)

CUTS = (0.95, 0.6, 0.4, 0.3)
SINGLE_TEMPLATES = 2
_RIDGE = 1e-3


class Model(NamedTuple):
    """One model of a chain whose structure is known."""

    overall: np.ndarray
    """What the expected TM-score is linear in, shape (4,)."""
    residues: np.ndarray
    """What the expected lDDT is linear in, shape (length, 11)."""
    tm: float
    local: np.ndarray
    """True lDDT of each residue, nan where there is none, shape (length,)."""


def main() -> None:
    """Make all models, and print the fitted numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    folder = parser.parse_args().data / "structures"
    globins, domains = read_folder(folder / "globins")[0], variable_domains(folder)
    models = [*models_of_a_kind(globins, 1), *models_of_a_kind(domains, 2)]
    models += [model_of(chain, TemplateLibrary(domains), None) for chain in globins]
    models += [model_of(chain, TemplateLibrary(globins), None) for chain in domains[::3]]
    overall = np.stack([model.overall for model in models])
    tm = np.array([model.tm for model in models])
    line = fit(overall, tm, np.ones(len(tm)))
    expected = overall @ line
    print(f"{len(models)} models; expected against true TM-score: r {np.corrcoef(expected, tm)[0, 1]:.2f}")
    for low in np.arange(0.3, 0.9, 0.1):
        inside = (expected >= low) & (expected < low + 0.1)
        right = (tm[inside] > 0.5).mean()
        print(f"  expected {low:.1f} to {low + 0.1:.1f}: {inside.sum()} models, right fold in {right:.0%}")
    kept = [model for model, value in zip(models, expected, strict=True) if value >= LEAST_TM]
    known = [~np.isnan(model.local) for model in kept]
    features = np.concatenate([model.residues[there] for model, there in zip(kept, known, strict=True)])
    local = np.concatenate([model.local[there] for model, there in zip(kept, known, strict=True)])
    weights = np.concatenate([np.full(there.sum(), 1 / there.sum()) for there in known])
    print("_TM =", tuple(line.round(4).tolist()))
    print("_LDDT =", tuple(fit(features, local, weights).round(4).tolist()))


def models_of_a_kind(chains: list[ProteinChain], step: int) -> list[Model]:
    """Models on templates of the same kind; with stricter cuts of every `step`-th chain only."""
    library, rng, made = TemplateLibrary(chains), np.random.default_rng(0), []
    alike = np.array([[identity(a, b) for b in chains] for a in chains])
    for cut in CUTS:
        for k in range(0, len(chains), 1 if cut == CUTS[0] else step):
            allowed = [j for j in range(len(chains)) if j != k and alike[k, j] <= cut]
            if allowed:
                made.append(model_of(chains[k], library, allowed))
    for k in range(len(chains)):
        others = [j for j in range(len(chains)) if j != k]
        for j in rng.choice(others, SINGLE_TEMPLATES, replace=False):
            made.append(model_of(chains[k], library, [int(j)]))
    return made


def model_of(chain: ProteinChain, library: TemplateLibrary, allowed: list[int] | None) -> Model:
    """What the template engine would give, refused or not, beside the truth."""
    candidates = find_candidates(chain.sequence, library, Control(), allowed)
    best = candidates[0]
    signs = ModelSigns(best.identity, best.coverage, best.score / len(chain))
    backbone, is_moved = build_backbone(chain.sequence, library.chains[best.index], best.pairs)
    ca, there = backbone[:, CA], chain.is_resolved
    local = np.full(len(chain), np.nan)
    local[there] = local_lddt(chain.ca[there], ca[there])
    residues = residue_features(signs_of_residues(chain.sequence, library, candidates, ca, is_moved), signs)
    return Model(tm_features(signs), residues, tm_score(chain.ca[there], ca[there], len(chain)), local)


def fit(features: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted least squares with a slight pull towards zero, shape (n_features,)."""
    weighted = features * weights[:, None]
    pull = _RIDGE * np.eye(features.shape[1])
    return np.linalg.solve(weighted.T @ features + pull, weighted.T @ values)


if __name__ == "__main__":
    main()
