"""What a learned distance head has to beat: contacts by a line through a backbone's attention (torch)."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.encoder import Encoder, load_encoder
from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.structures.chains import BACKBONE, ProteinChain
from biotl_core.structures.distance_head import as_letters
from biotl_core.structures.pair_measures import EDGES, N_BINS, true_contacts, true_distances
from biotl_core.structures.results import StructureResult
from biotl_core.structures.templates import TemplateLibrary, predict_from_templates

Score = Callable[[str], np.ndarray]
"""From a sequence to a score of each pair, shape (n, n), higher for likelier contacts."""
_NEAREST = 6
"""Steps along the chain from which on pairs teach the line."""
_MOST_CHAINS = 40
_PENALTY = 0.15


def open_attention(backbone: str, device: str = "cpu") -> Score:
    """The attention maps of a backbone, shape (layers * heads, n, n), symmetric, less the average product (APC).

    Raises:
        UserError: it has none to show.
    """
    encoder = load_encoder(locate_backbone(find_backbone(backbone, "protein")), "protein").to(device).eval()
    encoder.model.set_attn_implementation("eager")  # the others keep no weights
    return lambda sequence: _maps(encoder, as_letters(sequence))


def _maps(encoder: Encoder, sequence: str) -> np.ndarray:
    tokens = encoder.encode([sequence])
    ids = torch.from_numpy(tokens.ids[0])[None].to(encoder.device)
    with torch.no_grad():
        layers = encoder.model(input_ids=ids, output_attentions=True).attentions
    if not layers:
        raise UserError(f"A backbone of the kind '{encoder.config.model_type}' does not show its attention.")
    letters = slice(tokens.n_before, tokens.n_before + len(sequence))
    maps = torch.cat(tuple(layers), dim=1)[0, :, letters, letters].float()
    maps = maps + maps.transpose(1, 2)
    product = maps.sum(1, keepdim=True) * maps.sum(2, keepdim=True) / maps.sum((1, 2), keepdim=True)
    return (maps - product).cpu().numpy()


def learn_attention_line(attend: Score, chains: Sequence[ProteinChain], control: Control) -> Score:
    """Contacts by logistic regression on the attention maps, as in Rao et al. (ICLR 2021).

    Args:
        attend: from `open_attention`.
        chains: to learn from; the first 40 are enough for so few weights.
        control: progress and stop.
    """
    from sklearn.linear_model import LogisticRegression

    rows, answers = [], []
    for number, chain in enumerate(chains[:_MOST_CHAINS]):
        control.step("Learning a line through the attention", number, min(len(chains), _MOST_CHAINS))
        maps, contacts = attend(chain.sequence), true_contacts(chain)
        i, j = np.triu_indices(len(chain), _NEAREST)
        known = ~np.isnan(contacts[i, j])
        rows.append(maps[:, i[known], j[known]].T)
        answers.append(contacts[i[known], j[known]])
    line = LogisticRegression(C=_PENALTY, max_iter=300).fit(np.concatenate(rows), np.concatenate(answers))
    return lambda sequence: np.tensordot(line.coef_[0], attend(sequence), axes=1)


def copied_bins(chains: Sequence[ProteinChain], otherwise: Score, control: Control) -> Score:
    """Distances of the template engine's model on the chains, each bin certain.

    Args:
        chains: that may be copied.
        otherwise: bins for sequences that the engine refuses since none is near enough.
        control: stop.
    """
    library, quiet = TemplateLibrary(chains), Control(should_stop=control.should_stop)

    def bins_of(sequence: str) -> np.ndarray:
        try:
            model = predict_from_templates(as_letters(sequence), "test chain", library, control=quiet)
        except UserError:
            return otherwise(sequence)
        distances = true_distances(as_chain(model))
        bins = np.eye(N_BINS)[np.searchsorted(EDGES, np.nan_to_num(distances), side="right")]
        return np.where(np.isnan(distances)[..., None], otherwise(sequence), bins)

    return bins_of


def as_chain(model: StructureResult) -> ProteinChain:
    """A predicted model of one chain as a chain like those that are read from files."""
    backbone = np.full((len(model.sequence), len(BACKBONE), 3), np.nan)
    for k, name in enumerate(BACKBONE):
        atoms = model.atoms[model.atoms.atom_name == name]
        backbone[atoms.res_id - 1, k] = atoms.coord
    confidence = np.asarray(model.confidence, dtype=float)
    return ProteinChain(model.name, model.sequence, backbone, confidence, "none", model.atoms, True)
