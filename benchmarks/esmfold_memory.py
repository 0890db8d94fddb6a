"""Time and memory of ESMFold by length: `python -m benchmarks.esmfold_memory --device cuda [--lengths 100,200,...]`.

The architecture in full size with random weights, which costs what the published weights cost: it measures, and
folds nothing. For each length: seconds, peak memory of the device, and the chunk that it took; then those of one step
of adapting its trunk. From these lines come `MEMORY_LIMITS` in `structures/esmfold.py` and the estimate in
`structures/esmfold_memory.py`. `--tiny` rehearses it in seconds on a processor, with a network of no size.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
import torch
from transformers import EsmConfig, EsmForProteinFolding

from biotl_core.errors import UserError
from biotl_core.structures.chains import BACKBONE, ProteinChain
from biotl_core.structures.esmfold import first_chunk, join_chains, run_esmfold, with_smaller_chunks
from biotl_core.structures.esmfold_adaptation import add_adapter, distogram_loss
from biotl_core.structures.results import as_atoms

LENGTHS = (100, 200, 300, 400, 600, 800, 1000, 1200, 1500, 1800)
CROPS = (64, 128, 192, 256, 384)
VOCABULARY = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>"]


def main() -> None:
    """Print one line a length."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--lengths", default=",".join(map(str, LENGTHS)), help="with commas between them")
    parser.add_argument("--crops", default=",".join(map(str, CROPS)), help="pieces for the step of adapting")
    parser.add_argument("--recycles", type=int, default=3)
    parser.add_argument("--tiny", action="store_true", help="a network of no size, to rehearse")
    choice = parser.parse_args()
    model = make_esmfold(choice.tiny).to(choice.device)
    if choice.device.startswith("cuda"):
        model.esm.half()
        torch.backends.cuda.matmul.allow_tf32 = True
    n = sum(value.numel() for value in model.parameters())
    kind = "A NETWORK OF NO SIZE (a rehearsal)" if choice.tiny else "full size"
    print(
        f"ESMFold, {kind}, random weights, {n / 1e9:.2f} billion parameters, on {choice.device}", flush=True
    )
    rng = np.random.default_rng(0)
    _fold(model, rng, 16, 0)  # the first call of all pays for the libraries
    for length in map(int, choice.lengths.split(",")):
        tell("fold", length, lambda length=length: _fold(model, rng, length, choice.recycles), choice.device)
    add_adapter(model, rank=8, seed=0)
    model.trunk.train()
    for crop in map(int, choice.crops.split(",")):
        tell("adapt", crop, lambda crop=crop: _adapt(model, rng, crop), choice.device)


def make_esmfold(is_tiny: bool) -> EsmForProteinFolding:
    """The network with random weights: as published in `facebook/esmfold_v1` (ESM-2 3B, 48 trunk blocks), or tiny."""
    size: dict[str, Any] = {
        "hidden_size": 2560, "num_hidden_layers": 36, "num_attention_heads": 40, "intermediate_size": 10240,
    }  # fmt: skip
    fold: dict[str, Any] = {"fp16_esm": True, "use_esm_attn_map": False}
    if is_tiny:
        size = dict(zip(size, (16, 2, 2, 32), strict=True))
        fold["trunk"] = {
            "num_blocks": 1, "sequence_state_dim": 16, "pairwise_state_dim": 8, "sequence_head_width": 4,
            "pairwise_head_width": 4,
        }  # fmt: skip
    config = EsmConfig(
        vocab_size=33, pad_token_id=1, mask_token_id=32, position_embedding_type="rotary", is_folding_model=True,
        max_position_embeddings=1026, vocab_list=VOCABULARY, esmfold_config=fold, token_dropout=True, **size,
    )  # fmt: skip
    torch.manual_seed(0)
    return EsmForProteinFolding(config).float().eval()


def _fold(model: EsmForProteinFolding, rng: np.random.Generator, length: int, recycles: int) -> str:
    joined = join_chains(["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), length))])

    def run(chunk: int) -> Any:
        model.trunk.set_chunk_size(chunk)
        return run_esmfold(model, joined, recycles)

    return f"chunk {with_smaller_chunks(run, first_chunk(length, 0), f'{length} residues')[1]}"


def _adapt(model: EsmForProteinFolding, rng: np.random.Generator, crop: int) -> str:
    ca = np.cumsum(rng.normal(0, 2.2, (crop, 3)), axis=0)
    backbone = np.repeat(ca[:, None], len(BACKBONE), axis=1)
    sequence, nothing = "A" * crop, np.full(crop, np.nan)
    chain = ProteinChain("walk", sequence, backbone, nothing, "none", as_atoms(sequence, backbone), True)
    distogram_loss(model, chain, slice(0, crop)).backward()
    model.zero_grad()
    return "forward and backward"


def tell(what: str, length: int, work: Callable[[], str], device: str) -> None:
    """Measure once and print a line; a length that does not fit is said."""
    is_cuda = device.startswith("cuda")
    if is_cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    try:
        note = work()
    except (UserError, torch.OutOfMemoryError) as error:
        print(
            f"  {what:<6} {length:>5} residues: does not fit ({str(error).splitlines()[0][:80]})", flush=True
        )
        return
    if is_cuda:
        torch.cuda.synchronize()
        peak = torch.cuda.max_memory_allocated() / 2**30
    else:
        peak = psutil.Process().memory_info().rss / 2**30  # now, not at its peak: there is no such counter
    seconds = time.perf_counter() - began
    print(f"  {what:<6} {length:>5} residues: {seconds:8.2f} s  {peak:7.2f} GB  {note}", flush=True)


if __name__ == "__main__":
    main()
