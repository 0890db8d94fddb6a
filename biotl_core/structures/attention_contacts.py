"""The light engine: contacts as ESM-2 tells them by its attention, and a sketch folded from them (torch)."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import EsmModel

from biotl_core.backbones.tokenizer import Tokenizer
from biotl_core.errors import UserError
from biotl_core.hardware import resolve_device
from biotl_core.progress import Control
from biotl_core.structures.chains import ProteinChain
from biotl_core.structures.distance_head import as_letters
from biotl_core.structures.distogram import folded_from_bins, restraints_from_bins
from biotl_core.structures.engines import ENGINES, FoldSettings, Predict, weights_folder
from biotl_core.structures.folding import Restraints
from biotl_core.structures.pair_measures import EDGES, bins_by_separation
from biotl_core.structures.result_files import CONTACT
from biotl_core.structures.results import StructureResult, check_sequence

SHARES = Path(__file__).parent / "separation_shares.npy"
"""`separation_bins` of chains of the Protein Data Bank, shape (2, steps, bins); `structure_learning --only shares`."""
LONGEST = 600
_NEAREST, _LOCAL = 3, 6
"""Steps along the chain from which on contacts are read off ESM-2 (it was taught those of 6 and more, but helices show
at 3 and 4), and up to which the bins are believed."""
_CONTACT_CA = 6.5
"""Å between alpha carbons of residues whose beta carbons touch, on average."""
_LEAST = 0.3
"""Probability from which on a contact pulls."""


def open_attention_contacts(chains: list[ProteinChain], settings: FoldSettings, control: Control) -> Predict:
    """Load ESM-2 from this computer; UserError when it is not here, or lacks its contact head."""
    del chains
    engine = ENGINES["attention"]
    folder, device = weights_folder(engine), resolve_device(settings.device)
    control.step("Loading ESM-2", 0, 0)
    model = _load(folder).to(device.name)
    tokenizer, shares = Tokenizer(folder, "protein"), np.load(SHARES)
    about = {"weights": engine.hub_id, "folder": folder.name, **settings.of(engine.name)}

    def predict(sequence: str, name: str, control: Control) -> StructureResult:
        began = time.perf_counter()
        letters = check_sequence(sequence, name, LONGEST)
        control.step("Reading contacts from the attention", 0, 0)
        contacts = predict_contacts(model, tokenizer, as_letters(letters))
        bins = with_contacts(bins_by_separation(shares, len(letters)), contacts)
        return folded_from_bins(
            bins,
            letters,
            name,
            "attention",
            about,
            _NOTES,
            began,
            control,
            restraints_from_contacts(bins, contacts),
        )

    return predict


_NOTES = (
    "Contacts are those that ESM-2 tells by its attention (Rao et al., ICLR 2021); how far apart other residues lie is "
    "taken from their steps along the chain. Look at the map of contacts; the fold is a sketch.",
    "Distances know no hand: of both mirror images the one with the commoner turns of the backbone is shown.",
)


def _load(folder: Path) -> EsmModel:
    try:
        model, told = EsmModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True,
            attn_implementation="eager", add_pooling_layer=False,
        )  # fmt: skip
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise UserError(
            f"The folder '{folder.name}' could not be loaded as ESM-2 ({error}). Download it again on the page Models."
        ) from error
    if missing := [name for name in told["missing_keys"] if "position_ids" not in name]:
        raise UserError(
            f"The folder '{folder.name}' lacks weights of ESM-2 (such as {sorted(missing)[0]}), so its "
            "contacts would be random. Download it again on the page Models."
        )
    return model.float().eval()


def predict_contacts(model: Any, tokenizer: Tokenizer, sequence: str) -> np.ndarray:
    """ESM-2's own contact probabilities, shape (n, n)."""
    tokens = tokenizer.encode([sequence])
    ids = torch.from_numpy(tokens.ids[0])[None].to(model.device)
    with torch.no_grad():
        return model.predict_contacts(ids, torch.ones_like(ids))[0].float().cpu().numpy()


def with_contacts(bins: np.ndarray, contacts: np.ndarray) -> np.ndarray:
    """Distance bins (2, n, n, bins) changed so far that contacts are as probable as told, else as they were.

    Of a pair at least 3 steps apart the bins below 8 Å are scaled to the probability of a contact, the others to the
    rest; those of alpha carbons are scaled alike.
    """
    near = np.append(EDGES <= CONTACT, False)
    n = len(contacts)
    far_apart = np.abs(np.arange(n)[:, None] - np.arange(n)[None]) >= _NEAREST
    p = np.clip(contacts, 1e-3, 1 - 1e-3)[None, ..., None]
    share = bins[..., near].sum(axis=-1, keepdims=True)
    scaled = np.where(near, bins * p / share, bins * (1 - p) / np.maximum(1 - share, 1e-9))
    return np.where(far_apart[None, ..., None], scaled, bins)


def restraints_from_contacts(bins: np.ndarray, contacts: np.ndarray) -> Restraints:
    """Contacts pull, whatever else is left to the steps along the chain.

    A pair that is no contact may be at any distance beyond, so it only keeps away; of neighbours the bins are believed.
    """
    local = restraints_from_bins(bins[0])
    steps = local.second - local.first
    p = contacts[local.first, local.second]
    is_near, pulls = steps < _LOCAL, p >= _LEAST
    return Restraints(
        local.first,
        local.second,
        np.where(is_near, local.distance, np.where(pulls, _CONTACT_CA, CONTACT)),
        np.where(is_near, local.spread, 1.5),
        np.where(is_near, local.weight, np.where(pulls, 2 * p, 0.1)),
        np.where(is_near, local.is_lower_bound, ~pulls),
    )
