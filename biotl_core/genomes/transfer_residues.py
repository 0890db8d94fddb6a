"""One pair of proteins aligned by residue vectors: `python -m biotl_core.genomes.transfer_residues OUT.npz`.

A process of its own, so that a page never holds the model; the two proteins come by standard input, a line each.
"""

import sys
from pathlib import Path

import numpy as np

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.embeddings import embed, open_store
from biotl_core.backbones.encoder import load_encoder
from biotl_core.genomes.residue_alignment import view_residues
from biotl_core.genomes.transfer import BACKBONE


def main(output: Path, first: str, second: str) -> None:
    """Write `scores`, `path` and `excess` of two proteins (see `residue_alignment.ResidueView`)."""
    weights = locate_backbone(find_backbone(BACKBONE))
    encoder = load_encoder(weights, "protein")
    states = embed(encoder, [first, second], "residue", open_store(weights, encoder, "residue"))
    view = view_residues(*(np.asarray(state, dtype=np.float32) for state in states))
    fresh = output.with_name(f"new-{output.name}")
    np.savez_compressed(fresh, **view._asdict())
    fresh.replace(output)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.stdin.read().split("\n")[:2])
