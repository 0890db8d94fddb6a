"""ESMFold adapted to a few structures: LoRA on its trunk, taught by the distances between residues (torch)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.structures.chains import ProteinChain
from biotl_core.structures.distance_settings import DistanceSettings
from biotl_core.structures.esmfold import EDGES, as_codes
from biotl_core.structures.pair_measures import true_distances

TARGETS = r"trunk\.blocks\.\d+\.(seq_attention\.(proj|o_proj)|sequence_to_pair\.(proj|o_proj))"
"""Linear layers that get an adapter: the stem's states are detached, so that nothing below the trunk could learn."""
ADAPTER = "adapter.safetensors"
_DISTOGRAM_HEAD = "distogram_head"


class AdaptationPass(NamedTuple):
    """A finished pass; number 0 is the network as it was."""

    number: int
    train_loss: float
    """nan before the first."""
    validation_loss: float


AfterPass = Callable[[AdaptationPass], None]


def add_adapter(model: Any, rank: int, seed: int) -> None:
    """LoRA in the trunk, in place; at first it changes nothing. Only it and the distogram head learn."""
    from peft import LoraConfig, inject_adapter_in_model

    torch.manual_seed(seed)
    model.requires_grad_(False)
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=TARGETS), model)
    getattr(model, _DISTOGRAM_HEAD).requires_grad_(True)
    for block in model.trunk.blocks:
        block.forward = _recomputed(block.forward)


def _recomputed(forward: Callable) -> Callable:
    """A block whose inside is not kept for the way back but computed again."""

    def run(*args: Any, **named: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*args, **named)
        return checkpoint(forward, *args, use_reentrant=False, **named)

    return run


def learned_state(model: Any) -> dict[str, torch.Tensor]:
    """The weights that learn, by name."""
    return {
        name: value.detach().cpu().clone() for name, value in model.named_parameters() if value.requires_grad
    }


def put_state(model: Any, state: dict[str, torch.Tensor]) -> None:
    """Give the weights that learn these values."""
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, value in state.items():
            parameters[name].copy_(value)


def add_saved_adapter(model: Any, folder: Path) -> None:
    """Put a saved adapter into the network; UserError when it is damaged or of another network."""
    from safetensors.torch import load_file

    try:
        state = load_file(folder / ADAPTER)
        rank = next(value.shape[0] for name, value in state.items() if "lora_A" in name)
        add_adapter(model, rank, 0)
        put_state(model, state)
    except (OSError, KeyError, RuntimeError, StopIteration, SafetensorError) as error:
        raise UserError(
            f"The adapter in '{folder}' is damaged, or of another network. Adapt again."
        ) from error


def distogram_loss(model: Any, chain: ProteinChain, crop: slice) -> torch.Tensor:
    """Cross-entropy of ESMFold's distance bins between beta carbons, over the resolved pairs of a piece.

    As AlphaFold's distogram loss (Jumper et al., Nature 596, 583, 2021, supplement 1.9.8), in one pass without
    recycling, since the earlier ones have no gradient.
    """
    codes = as_codes(chain.sequence[crop], model.device)
    out = model(codes, torch.ones_like(codes), num_recycles=0)
    distances = true_distances(chain.cut(crop.start, crop.stop))[1]
    bins = np.searchsorted(EDGES, np.nan_to_num(distances))
    target = torch.from_numpy(np.where(np.isnan(distances), -1, bins)).to(model.device)
    logits = out["distogram_logits"][0].float()
    return functional.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=-1)


def adapt_trunk(
    model: Any,
    train: Sequence[ProteinChain],
    validation: Sequence[ProteinChain],
    settings: DistanceSettings,
    control: Control,
    checkpoint_file: Path,
    after_pass: AfterPass,
) -> dict[str, torch.Tensor]:
    """Teach the adapter; the weights of the pass with the least loss on validation, which may be those of before.

    Args:
        model: with an adapter.
        train: chains to learn from, a random piece of each a pass.
        validation: chains that choose the pass, from their beginning.
        settings: passes, learning rate, crop and seed.
        control: progress and stop.
        checkpoint_file: written after each pass; where it is there, learning goes on from it.
        after_pass: told of each pass, that before learning included.
    """
    parameters = [value for value in model.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(parameters, settings.learning_rate, weight_decay=0.0)
    state = torch.load(checkpoint_file, weights_only=True) if checkpoint_file.is_file() else None
    if state is None:
        reached = _judge(model, validation, settings.crop, control)
        state = {"done": 0, "best": reached, "best_state": learned_state(model)}
        after_pass(AdaptationPass(0, float("nan"), reached))
    else:
        put_state(model, state["last_state"])
        optimizer.load_state_dict(state["optimizer"])
    for number in range(state["done"], settings.passes):
        rng = np.random.default_rng((settings.seed, number))
        torch.manual_seed(settings.seed * 1000 + number)  # dropout
        losses = []
        model.trunk.train()
        for place, k in enumerate(rng.permutation(len(train)).tolist()):
            control.step("Adapting ESMFold", number * len(train) + place, settings.passes * len(train))
            losses.append(_step(model, train[k], settings.crop, rng, optimizer, parameters))
        reached = _judge(model, validation, settings.crop, control)
        if reached < state["best"]:
            state |= {"best": reached, "best_state": learned_state(model)}
        state |= {"done": number + 1, "last_state": learned_state(model), "optimizer": optimizer.state_dict()}
        after_pass(AdaptationPass(number + 1, float(np.mean(losses)), reached))
        checkpoint_file.parent.mkdir(parents=True, exist_ok=True)
        aside = checkpoint_file.with_suffix(".new")
        torch.save(state, aside)
        aside.replace(checkpoint_file)
    put_state(model, state["best_state"])
    model.eval()
    return state["best_state"]


def _step(
    model: Any,
    chain: ProteinChain,
    crop: int,
    rng: np.random.Generator,
    optimizer: torch.optim.Optimizer,
    parameters: list[torch.nn.Parameter],
) -> float:
    start = int(rng.integers(0, max(1, len(chain) - crop + 1)))
    loss = distogram_loss(model, chain, slice(start, min(start + crop, len(chain))))
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 0.1)
    optimizer.step()
    return float(loss.detach())


def _judge(model: Any, chains: Sequence[ProteinChain], crop: int, control: Control) -> float:
    model.eval()
    losses = []
    with torch.no_grad():
        for number, chain in enumerate(chains):
            control.step("Judging on validation", number, len(chains))
            losses.append(float(distogram_loss(model, chain, slice(0, min(crop, len(chain))))))
    return float(np.mean(losses))
