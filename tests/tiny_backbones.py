"""Small backbones with random weights, made on the spot; architectures are those of the real ones."""

from pathlib import Path

import torch
from transformers import (
    BertConfig,
    BertModel,
    BertTokenizer,
    EsmConfig,
    EsmForMaskedLM,
    EsmTokenizer,
    RobertaConfig,
    RobertaModel,
    T5Config,
    T5EncoderModel,
)

LETTERS = list("LAGVSERTIDPKQNFYMHWCXBUZO")


def make_esm(
    folder: Path,
    *,
    positions: str = "rotary",
    layers: int = 2,
    width: int = 32,
    letters=LETTERS,
    places: int | None = None,
) -> Path:
    """An ESM-2-like model (rotary) or an ESM-1b-like one (absolute), one token a letter."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = ["<cls>", "<pad>", "<eos>", "<unk>", *letters, "<mask>"]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    EsmTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = EsmConfig(
        vocab_size=len(vocabulary),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=2 * width,
        max_position_embeddings=places or (1026 if positions == "absolute" else 2050),
        position_embedding_type=positions,
        token_dropout=True,
        pad_token_id=1,
        mask_token_id=len(vocabulary) - 1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.2,
    )
    EsmForMaskedLM(config).save_pretrained(folder)
    return folder


def make_bert(folder: Path, *, places: int = 512) -> Path:
    """A ProtBert-like model: letters with spaces between them, absolute positions."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizer(str(folder / "vocab.txt"), do_lower_case=False).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=places, initializer_range=0.2,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


def make_roberta(folder: Path, *, places: int = 514) -> Path:
    """A RoBERTa model with a tokenizer of single letters."""
    make_esm(folder)
    for path in folder.glob("*.safetensors"):
        path.unlink()
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=len(LETTERS) + 5, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=places, pad_token_id=1, initializer_range=0.2,
    )  # fmt: skip
    RobertaModel(config).save_pretrained(folder)
    return folder


def make_t5(folder: Path) -> Path:
    """A ProtT5-like encoder (relative positions); not packed, runs as padded batches."""
    make_esm(folder)
    for path in folder.glob("*.safetensors"):
        path.unlink()
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(LETTERS) + 5, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, pad_token_id=1
    )
    T5EncoderModel(config).save_pretrained(folder)
    return folder
