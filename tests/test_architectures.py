"""Every kind of model in the catalogue, tiny and random, goes through the same loading as the real one."""

import json
from pathlib import Path

import pytest
import torch
from tiny_models import ESM_VOCABULARY
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BigBirdConfig,
    EsmcConfig,
    EsmConfig,
    EsmcTokenizer,
    ModernBertConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
    T5Config,
)

from biotl_core.backbones.encoder import load_encoder

PROTEINS = ["MKTAYIAK", "ACDEFGHIKLMNPQRSTVWY"]
SMILES = ["CCO", "c1ccccc1C(=O)N"]
DNA = ["ACGTACGTACGTAC", "GATTACAGATTACAGATTACA"]
SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}


def letterwise(letters: str, *, spaced: bool = False) -> PreTrainedTokenizerFast:
    """A token a letter, between [CLS] and [SEP]."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {token: i for i, token in enumerate([*special, *letters])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    split = pre_tokenizers.Whitespace() if spaced else pre_tokenizers.Split("", "isolated")
    tokenizer.pre_tokenizer = split
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]",
    )  # fmt: skip


def joining(words: list[str]) -> PreTrainedTokenizerFast:
    """Byte-pair words of several letters."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    from tokenizers.trainers import BpeTrainer

    tokenizer.train_from_iterator(
        words, BpeTrainer(vocab_size=60, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


def save(folder: Path, config, tokenizer) -> Path:
    from transformers import AutoModel, T5EncoderModel

    torch.manual_seed(0)
    model = T5EncoderModel(config) if config.model_type == "t5" else AutoModel.from_config(config)
    model.save_pretrained(folder)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)
    return folder


def kmer_esm(folder: Path) -> Path:
    """A Nucleotide Transformer: ESM with words of three letters (the real ones have six)."""
    words = ["".join((a, b, c)) for a in "ACGT" for b in "ACGT" for c in "ACGT"]
    vocabulary = ["<unk>", "<pad>", "<mask>", "<cls>", "<eos>", *words, *"ACGTN"]
    config = EsmConfig(
        **SMALL, vocab_size=len(vocabulary), max_position_embeddings=60, pad_token_id=1, mask_token_id=2,
        position_embedding_type="absolute", emb_layer_norm_before=False,
    )  # fmt: skip
    save(folder, config, None)
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "EsmTokenizer", "eos_token": None})
    )
    return folder


def esm(folder: Path) -> Path:
    config = EsmConfig(
        **SMALL, vocab_size=33, max_position_embeddings=60, pad_token_id=1, mask_token_id=32,
        position_embedding_type="rotary", token_dropout=True,
    )  # fmt: skip
    save(folder, config, None)
    (folder / "vocab.txt").write_text("\n".join(ESM_VOCABULARY))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "EsmTokenizer"}')
    return folder


def esmc(folder: Path) -> Path:
    return save(folder, EsmcConfig(**SMALL), EsmcTokenizer())


def protbert(folder: Path) -> Path:
    config = BertConfig(**SMALL, vocab_size=30, max_position_embeddings=60)
    return save(folder, config, letterwise("ACDEFGHIKLMNPQRSTVWYXBZUO", spaced=True))


def ankh(folder: Path) -> Path:
    config = T5Config(
        vocab_size=40, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, is_encoder_decoder=True
    )
    return save(folder, config, letterwise("ACDEFGHIKLMNPQRSTVWYXBZUO"))


def chemberta(folder: Path) -> Path:
    config = RobertaConfig(**SMALL, vocab_size=60, max_position_embeddings=60, pad_token_id=0)
    return save(folder, config, letterwise("CNOPSFIcnosBr()[]=#+-123456@/\\Hl"))


def grover(folder: Path) -> Path:
    return save(folder, BertConfig(**SMALL, vocab_size=60, max_position_embeddings=60), joining(DNA))


def modernbert(folder: Path) -> Path:
    config = ModernBertConfig(
        **SMALL, vocab_size=60, max_position_embeddings=60, pad_token_id=0, cls_token_id=2, sep_token_id=3,
        bos_token_id=2, eos_token_id=3,
    )  # fmt: skip
    return save(folder, config, joining(DNA))


def big_bird(folder: Path) -> Path:
    config = BigBirdConfig(**SMALL, vocab_size=60, max_position_embeddings=256, attention_type="block_sparse")
    return save(folder, config, joining(DNA))


@pytest.mark.parametrize(
    ("make", "modality", "sequences", "is_letterwise"),
    [
        (esm, "protein", PROTEINS, True),
        (esmc, "protein", PROTEINS, True),
        (protbert, "protein", PROTEINS, True),
        (ankh, "protein", PROTEINS, True),
        (chemberta, "molecule", SMILES, True),
        (kmer_esm, "dna", DNA, False),
        (grover, "dna", DNA, False),
        (modernbert, "dna", DNA, False),
        (big_bird, "dna", DNA, False),
    ],
)
def test_every_architecture_of_the_catalogue_loads_and_reads(
    tmp_path, make, modality, sequences, is_letterwise
):
    encoder = load_encoder(make(tmp_path / "model"), modality)
    assert encoder.tokenizer.is_letterwise == is_letterwise
    with torch.inference_mode():
        pack = encoder(encoder.encode(sequences))
        alone = encoder(encoder.encode(sequences[:1]))
    assert pack.states.shape == (int(pack.lengths.sum()), 16)
    if is_letterwise:
        assert pack.lengths.tolist() == [len(sequence) for sequence in sequences]
    else:
        assert all(
            0 < n < len(sequence) for n, sequence in zip(pack.lengths.tolist(), sequences, strict=True)
        )
    assert torch.isfinite(pack.states).all()
    # What stands beside a sequence changes nothing.
    torch.testing.assert_close(pack.states[: len(alone.states)], alone.states, rtol=1e-4, atol=1e-5)
