"""The template engine: a chain modelled on the structure of a relative that she gives."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.structures.alignment import (
    Alignment,
    align_scores,
    align_sequences,
    align_structures,
    family_scores,
    filled_backbone,
)
from biotl_core.structures.chains import CA, ProteinChain
from biotl_core.structures.engines import FoldSettings, Predict
from biotl_core.structures.gaps import close_gaps
from biotl_core.structures.letters import STANDARD
from biotl_core.structures.measures import local_lddt
from biotl_core.structures.rebuilding import ideal_cb, rebuild_backbone
from biotl_core.structures.results import StructureResult, as_atoms, check_sequence
from biotl_core.structures.template_confidence import (
    KIND,
    LEAST_TM,
    ModelSigns,
    ResidueSigns,
    expected_tm,
    residue_confidence,
)

LONGEST = 1_500
_CANDIDATES = 6
"""Templates that are looked at closely, the best by plain alignment."""
_RELATIVES = 16
"""Chains whose letters help to align with a candidate."""
_SAME_FOLD = 0.5
"""TM-score from which a chain is a relative of a candidate."""


@dataclass(frozen=True)
class TemplateLibrary:
    """The chains that may serve as templates, with their structural alignments as far as they were needed."""

    chains: Sequence[ProteinChain]
    _aligned: dict[tuple[int, int], tuple[float, Alignment]] = field(default_factory=dict)

    def aligned(self, i: int, j: int) -> tuple[float, Alignment]:
        """TM-score and pairs of two chains by their index; computed once."""
        if (i, j) not in self._aligned:
            likeness, pairs = align_structures(self.chains[i], self.chains[j])
            self._aligned[i, j] = likeness, pairs
            self._aligned[j, i] = likeness, Alignment(pairs.score, pairs.second, pairs.first)
        return self._aligned[i, j]


class Candidate(NamedTuple):
    """A template with the query aligned to it."""

    index: int
    """In the library."""
    pairs: Alignment
    """Query first, template second; only residues that the template has resolved."""
    identity: float
    """Share of identical letters among the pairs, 0 to 1."""
    coverage: float
    """Share of the query's residues that have a pair, 0 to 1."""

    @property
    def score(self) -> float:
        """Of the alignment with the template's family."""
        return self.pairs.score


def predict_from_templates(
    sequence: str,
    name: str,
    library: TemplateLibrary,
    control: Control | None = None,
    allowed: Sequence[int] | None = None,
) -> StructureResult:
    """Model a chain on the best of the templates.

    The query is aligned with each candidate's family (the chains of the same fold, aligned by structure); aligned
    residues are copied with their backbone, side chains where the letter is the same; gaps are closed by the folding
    step; the confidence is the lDDT to expect (see `template_confidence`).

    Args:
        sequence: one chain, one-letter codes.
        name: how it is called.
        library: the templates.
        control: progress and stop.
        allowed: indices of the chains that may be used; all by default.

    Raises:
        UserError: the sequence is none, or no template is near enough for a useful model.
    """
    began = time.perf_counter()
    control = control or Control()
    sequence = check_sequence(sequence, name, LONGEST)
    candidates = find_candidates(sequence, library, control, allowed)
    best = candidates[0]
    template = library.chains[best.index]
    model = ModelSigns(best.identity, best.coverage, best.score / len(sequence))
    tm = expected_tm(model)
    if tm < LEAST_TM:
        raise UserError(_refusal(name, template, best))
    control.step("Closing gaps", 0, 1)
    backbone, is_moved = build_backbone(sequence, template, best.pairs)
    signs = signs_of_residues(sequence, library, candidates, backbone[:, CA], is_moved)
    confidence = residue_confidence(signs, model)
    atoms = as_atoms(sequence, backbone, confidence)
    atoms = _with_side_chains(atoms, sequence, template, best.pairs, is_moved, confidence)
    return StructureResult(
        name=name,
        sequence=sequence,
        atoms=atoms,
        confidence=confidence,
        confidence_kind=KIND,
        engine="template",
        settings={
            "template": template.name,
            "identity": round(best.identity, 4),
            "coverage": round(best.coverage, 4),
            "templates_given": len(library.chains),
            "other_candidates": [library.chains[other.index].name for other in candidates[1:]],
        },
        seconds=time.perf_counter() - began,
        scores={
            "mean_confidence": float(confidence.mean()),
            "expected_tm": tm,
            "template_identity": best.identity,
            "template_coverage": best.coverage,
        },
        notes=_notes(sequence, template, best, is_moved),
    )


def find_candidates(
    sequence: str, library: TemplateLibrary, control: Control, allowed: Sequence[int] | None = None
) -> list[Candidate]:
    """The most promising templates, the best first."""
    indices = list(range(len(library.chains)) if allowed is None else allowed)
    if not indices:
        raise UserError("The template engine needs structures of relatives: add PDB or mmCIF files.")
    plain: dict[int, float] = {}
    for k, index in enumerate(indices):
        control.step("Looking for templates", k, len(indices))
        plain[index] = align_sequences(sequence, library.chains[index].sequence).score
    order = sorted(indices, key=lambda index: -plain[index])
    # What the same letters score backwards is chance; chains below it would only bring noise, and cost time.
    backwards = [
        align_sequences(sequence[::-1], library.chains[index].sequence).score for index in order[:_RELATIVES]
    ]
    related = [index for index in order[:_RELATIVES] if plain[index] > max(backwards)]
    found = []
    for k, index in enumerate(order[:_CANDIDATES]):
        control.step("Aligning with the family", k, _CANDIDATES)
        chain = library.chains[index]
        relatives = []
        for other in related:
            if other != index and index in related:
                likeness, pairs = library.aligned(index, other)
                if likeness >= _SAME_FOLD:
                    relatives.append((library.chains[other], pairs, likeness))
        found.append(
            _candidate(sequence, index, chain, align_scores(family_scores(sequence, chain, relatives)))
        )
    return sorted(found, key=lambda candidate: -candidate.score)


def _candidate(sequence: str, index: int, chain: ProteinChain, pairs: Alignment) -> Candidate:
    resolved = chain.is_resolved[pairs.second]
    pairs = Alignment(pairs.score, pairs.first[resolved], pairs.second[resolved])
    same = np.array(list(sequence))[pairs.first] == np.array(list(chain.sequence))[pairs.second]
    return Candidate(index, pairs, float(same.mean()) if len(same) else 0.0, len(pairs.first) / len(sequence))


def build_backbone(sequence: str, template: ProteinChain, pairs: Alignment) -> tuple[np.ndarray, np.ndarray]:
    """N, CA, C, O, CB in Å (length, 5, 3) of the model, and which residues are not where the template has them."""
    known = filled_backbone(template)
    backbone = np.full((len(sequence), 5, 3), np.nan)
    backbone[pairs.first] = known[pairs.second]
    ca, is_moved = close_gaps(backbone[:, CA])
    if is_moved.any():
        backbone[is_moved] = rebuild_backbone(ca)[is_moved]
    lacks = np.isnan(backbone[:, 4]).any(axis=1)
    backbone[lacks, 4] = ideal_cb(backbone[lacks, 0], backbone[lacks, 1], backbone[lacks, 2])
    return backbone, is_moved


def _with_side_chains(atoms, sequence, template, pairs, is_moved, confidence):
    """Side chains of identical residues that stand where the template has them."""
    from biotite.structure import concatenate

    same = {
        int(t): int(q)
        for q, t in zip(pairs.first, pairs.second, strict=True)
        if sequence[q] == template.sequence[t] and not is_moved[q]
    }
    side = template.atoms[~np.isin(template.atoms.atom_name, ("N", "CA", "C", "O", "CB", "OXT"))]
    # Of a modified residue (phosphoserine) more is there than its parent has; selenomethionine differs in one atom.
    side = side[np.isin(side.res_id - 1, list(same)) & np.isin(side.res_name, (*STANDARD, "MSE"))]
    if len(side) == 0:
        return atoms
    copied = _blank_atoms(len(side))
    copied.coord, copied.atom_name, copied.element = side.coord, side.atom_name, side.element
    places = np.array([same[t - 1] for t in side.res_id])
    names = dict(zip(atoms.res_id, atoms.res_name, strict=True))
    copied.res_id, copied.res_name = places + 1, np.array([names[place + 1] for place in places])
    copied.chain_id[:] = atoms.chain_id[0]
    copied.b_factor, copied.occupancy = confidence[places], np.ones(len(places))
    copied.element[copied.element == "SE"] = "S"  # selenomethionine is modelled as methionine
    copied.atom_name[copied.atom_name == "SE"] = "SD"
    both = concatenate([atoms, copied])
    return both[np.argsort(both.res_id, kind="stable")]


def _blank_atoms(n: int):
    from biotite.structure import AtomArray

    atoms = AtomArray(n)
    atoms.set_annotation("b_factor", np.zeros(n))
    atoms.set_annotation("occupancy", np.ones(n))
    return atoms


def signs_of_residues(
    sequence: str, library: TemplateLibrary, candidates: list[Candidate], ca: np.ndarray, is_moved: np.ndarray
) -> ResidueSigns:
    """What speaks for or against each residue of the model on the first candidate.

    Args:
        sequence: of the chain.
        library: the templates.
        candidates: the best first.
        ca: alpha carbons of the model in Å, shape (length, 3).
        is_moved: residues that are not where the template has them, shape (length,).
    """
    best = candidates[0]
    is_aligned = np.zeros(len(sequence), dtype=bool)
    is_aligned[best.pairs.first] = True
    same = np.zeros(len(sequence))
    template = library.chains[best.index].sequence
    same[best.pairs.first] = [sequence[q] == template[t] for q, t in zip(*best.pairs[1:], strict=True)]
    return ResidueSigns(same, is_aligned & ~is_moved, _agreement(library, candidates, ca))


def _agreement(library: TemplateLibrary, candidates: list[Candidate], ca: np.ndarray) -> np.ndarray:
    """Mean lDDT of the model with what the other candidates would give, (length,); nan where none says anything."""
    total, weight = np.zeros(len(ca)), np.zeros(len(ca))
    for other in candidates[1:]:
        if other.score < 0.5 * candidates[0].score or len(other.pairs.first) < 10:
            continue
        theirs = library.chains[other.index].ca[other.pairs.second]
        local = local_lddt(ca[other.pairs.first], theirs)
        known = ~np.isnan(local)
        total[other.pairs.first[known]] += local[known]
        weight[other.pairs.first[known]] += 1
    return np.where(weight > 0, total / np.maximum(weight, 1), np.nan)


def _refusal(name: str, template: ProteinChain, best: Candidate) -> str:
    return (
        f"{name} has no near enough relative among the structures: the best, {template.name}, shares "
        f"{best.identity:.0%} of the aligned letters over {best.coverage:.0%} of the chain, too little for a useful "
        "model. Add structures of nearer relatives (above about 30 % identity), or choose another engine."
    )


def _notes(sequence: str, template: ProteinChain, best: Candidate, is_moved: np.ndarray) -> tuple[str, ...]:
    notes = [
        f"Modelled on {template.name}: {best.identity:.0%} of the aligned letters are the same, and "
        f"{best.coverage:.0%} of the chain is aligned."
    ]
    n_free = len(sequence) - len(best.pairs.first)
    if n_free:
        notes.append(
            f"{n_free:,} of {len(sequence):,} residues have no counterpart in the template; they are placed only so "
            "that the chain closes, with low confidence."
        )
    return tuple(notes)


def open_templates(chains: list[ProteinChain], settings: FoldSettings, control: Control) -> Predict:
    """The engine for any number of sequences; structural alignments are shared between them."""
    del settings  # there is nothing to choose
    library = TemplateLibrary(chains)
    return lambda sequence, name, control: predict_from_templates(sequence, name, library, control)
