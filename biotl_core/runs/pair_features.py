"""How molecules and target proteins become what the two towers read: simple features, a frozen backbone, or both."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.learning.tower_adapters import AdaptedSide, add_adapter
from biotl_core.learning.two_towers import Side
from biotl_core.progress import Control
from biotl_core.runs.frozen_vectors import BackboneVectors, embed_with, open_backbone
from biotl_core.screening.fingerprints import N_BITS, Bits
from biotl_core.screening.pairs import PairInputs
from biotl_core.screening.proteins import ProteinDescription

_LENGTH = 20.0
"""A backbone's vector is about as long as what `ProteinDescription` says of composition and of place."""
_STAND_IN = "C"
"""What could not be read has no SMILES; any molecule may stand in, its score is not kept."""


@dataclass(frozen=True)
class PairReader:
    """From molecules and sequences to what the towers read; learned on the training part."""

    description: ProteinDescription
    molecule_vectors: BackboneVectors | None = None
    protein_vectors: BackboneVectors | None = None
    is_alone: bool = False

    @classmethod
    def learn(
        cls,
        inputs: PairInputs,
        smiles: Sequence[str],
        sequences: Sequence[str],
        control: Control | None = None,
    ) -> "PairReader":
        """From the distinct molecules and target proteins of the training part.

        Raises:
            UserError: a backbone is not known or not on this computer.
        """
        first, second = inputs.molecule_backbone, inputs.protein_backbone
        return cls(
            ProteinDescription.learn(sequences),
            BackboneVectors.learn(first, "molecule", smiles, control) if first else None,
            BackboneVectors.learn(second, "protein", list(dict.fromkeys(sequences)), control)
            if second
            else None,
            inputs.is_alone,
        )

    @property
    def n_bits(self) -> int:
        """Fingerprint bits that the tower of the molecules reads."""
        return 0 if self.is_alone and self.molecule_vectors is not None else N_BITS

    @property
    def needs_smiles(self) -> bool:
        """Whether fingerprints alone are not enough."""
        return self.molecule_vectors is not None

    def molecules(self, bits: Bits, smiles: Sequence[str]) -> Side:
        """Molecules by their fingerprints; their SMILES are looked at where `needs_smiles`."""
        counts = np.asarray(bits.counts).astype(np.int64)
        dense = np.zeros((len(counts), 0), np.float32)
        if self.molecule_vectors is not None:
            dense = self.molecule_vectors.describe([one or _STAND_IN for one in smiles], _LENGTH)
        if not self.n_bits:
            return Side(np.zeros(0, np.int64), np.zeros_like(counts), dense)
        return Side(np.asarray(bits.indices).astype(np.int64), counts, dense)

    def proteins(self, sequences: Sequence[str]) -> Side:
        """Target proteins by their sequences."""
        parts = []
        if self.protein_vectors is None or not self.is_alone:
            parts.append(self.description.describe(sequences))
        if self.protein_vectors is not None:
            parts.append(self.protein_vectors.describe(list(sequences), _LENGTH))
        return Side(np.zeros(0, np.int64), np.zeros(len(sequences), np.int64), np.hstack(parts))

    def vectors_of(self, side: str) -> BackboneVectors | None:
        """The backbone of the molecules or of the proteins."""
        return self.molecule_vectors if side == "molecule" else self.protein_vectors

    def with_adapter(self, side: str, kind: str, seed: int) -> "PairReader":
        """The same with an adjustable part in the backbone of a side, which does not change its numbers yet."""
        from biotl_core.backbones.embeddings import MemoryStore
        from biotl_core.backbones.encoder import load_encoder

        own = self.vectors_of(side)
        encoder = add_adapter(
            load_encoder(locate_backbone(find_backbone(own.backbone, side)), side), kind, seed
        )
        adapted = own._replace(encoder=encoder, embed=embed_with(encoder, MemoryStore()))
        return replace(self, **{f"{side}_vectors": adapted})

    def adapted_side(self, name: str, sequences: Sequence[str], side: Side) -> AdaptedSide | None:
        """What `AdaptedTowers` needs of a side; None where its backbone is not adjusted."""
        own = self.vectors_of(name)
        if own is None or own.encoder is None:
            return None
        return AdaptedSide(own.encoder, list(sequences), own.mean, own.divisor(_LENGTH), side)

    def save(self, folder: Path) -> None:
        """Write `reader.json` and `reader.safetensors`; of a backbone its name and what was adjusted in it."""
        folder.mkdir(parents=True, exist_ok=True)
        own = self.description
        arrays = {"turn": own.turn, "mean": own.mean, "scale": own.scale}
        about: dict[str, Any] = {"references": list(own.references), "is_alone": self.is_alone}
        for side, vectors in (("molecule", self.molecule_vectors), ("protein", self.protein_vectors)):
            about[f"{side}_backbone"] = None if vectors is None else vectors.backbone
            if vectors is not None and vectors.encoder is not None:
                vectors.encoder.model.save_pretrained(folder / f"{side}-adapter")
            if vectors is not None:
                arrays |= {f"{side}_mean": vectors.mean, f"{side}_scale": vectors.scale}
        plain = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
        save_file(plain, folder / "reader.safetensors")
        (folder / "reader.json").write_text(json.dumps(about))

    @classmethod
    def load(cls, folder: Path) -> "PairReader":
        """Read what `save` wrote.

        Raises:
            UserError: a backbone is no longer on this computer.
        """
        arrays, about = (
            load_file(folder / "reader.safetensors"),
            json.loads((folder / "reader.json").read_text()),
        )
        own = ProteinDescription(tuple(about["references"]), arrays["turn"], arrays["mean"], arrays["scale"])
        found = []
        for side in ("molecule", "protein"):
            name = about[f"{side}_backbone"]
            scaling = (arrays[f"{side}_mean"], arrays[f"{side}_scale"]) if name else ()
            found.append(_open(name, side, scaling, folder / f"{side}-adapter") if name else None)
        return cls(own, *found, about["is_alone"])


def _open(name: str, side: str, scaling: tuple[np.ndarray, ...], adapter: Path) -> BackboneVectors:
    """A backbone with what was adjusted in it, where there is such a thing."""
    if not adapter.is_dir():
        return BackboneVectors(name, *scaling, open_backbone(name, side))
    from peft import PeftModel

    from biotl_core.backbones.embeddings import MemoryStore
    from biotl_core.backbones.encoder import load_encoder

    encoder = load_encoder(locate_backbone(find_backbone(name, side)), side)
    encoder.model = PeftModel.from_pretrained(encoder.model, adapter)
    return BackboneVectors(name, *scaling, embed_with(encoder.eval(), MemoryStore()), encoder)
