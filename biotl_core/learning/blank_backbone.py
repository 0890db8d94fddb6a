"""A backbone that has not learned anything yet: configuration and vocabulary, for training from scratch."""

from pathlib import Path

from transformers import EsmConfig, EsmTokenizer

from biotl_core.data.dataset import Modality

LETTERS: dict[Modality, str] = {
    "protein": "LAGVSERTIDPKQNFYMHWCXBUZO",
    "dna": "ACGTN",
    "molecule": "CNOPSFIBcnosplbreiHKLMTVWXYZAGRUDagtkhumd()[]=#+-.@/\\%0123456789$:*~",
}


def make_blank(folder: Path, modality: Modality, width: int, layers: int) -> Path:
    """A folder with the configuration and vocabulary of a new ESM-like model: rotary positions, one token a letter."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = list(dict.fromkeys(LETTERS[modality]))
    vocabulary = ["<cls>", "<pad>", "<eos>", "<unk>", *letters, "<mask>"]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    EsmTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    EsmConfig(
        vocab_size=len(vocabulary),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        intermediate_size=4 * width,
        max_position_embeddings=1026,
        position_embedding_type="rotary",
        token_dropout=False,
        pad_token_id=1,
        mask_token_id=len(vocabulary) - 1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    ).save_pretrained(folder)
    return folder
