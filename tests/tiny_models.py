"""Model folders with random weights, made without torch where that is enough."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

ESM_VOCABULARY = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>"]


def write_tiny_esm(folder: Path, *, width: int = 8, layers: int = 1, kilobytes: int = 0) -> Path:
    """A folder that says it is an ESM-2, with one matrix of weights: enough to describe, not to run."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "model_type": "esm", "hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": 2,
        "intermediate_size": 2 * width, "vocab_size": 33, "max_position_embeddings": 1026, "pad_token_id": 1,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("\n".join(ESM_VOCABULARY))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "EsmTokenizer"}')
    rng = np.random.default_rng(0)
    rows = max(33, kilobytes * 1000 // (4 * width))
    weights = {"embeddings.word_embeddings.weight": rng.normal(size=(rows, width)).astype(np.float32)}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def write_loadable_esm(folder: Path) -> Path:
    """A whole ESM-2 of 10,000 random parameters, as `save_pretrained` writes it (imports torch)."""
    import torch
    from transformers import EsmConfig, EsmForMaskedLM, EsmTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(ESM_VOCABULARY))
    tokenizer = EsmTokenizer(str(folder / "vocab.txt"))
    torch.manual_seed(0)
    config = EsmConfig(
        vocab_size=33, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=130, pad_token_id=1, mask_token_id=32, position_embedding_type="rotary",
        token_dropout=True, emb_layer_norm_before=False,
    )  # fmt: skip
    EsmForMaskedLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
