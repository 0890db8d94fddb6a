"""Tokenizer: letters to token numbers, and what it makes of sequences."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from transformers import AutoTokenizer

from biotl_core.data.dataset import Modality

_TEST_LETTERS: dict[Modality, str] = {
    "protein": "ACDEFGHIKLMNPQRSTVWY",
    "dna": "ACGT" * 8,  # long enough for a tokenizer of words of six letters to show itself
    "molecule": "CNOPSFIcnosBr()[]=#+-123456@/\\Hl",
}


class Tokens(NamedTuple):
    """Sequences as token numbers, the special tokens included."""

    ids: list[np.ndarray]
    """One int64 array a sequence."""
    n_before: int
    """Special tokens before the first letter."""
    n_after: int
    """Special tokens after the last letter."""
    kept: list[np.ndarray] | None = None
    """What the layers that do not learn have made of them, float32 `(tokens, n_kept * width)` a sequence (see
    `Encoder.lower_states`); None where the backbone is to read from the letters up."""

    def at(self, places: Sequence[int]) -> "Tokens":
        """Those of the sequences at some places."""
        kept = None if self.kept is None else [self.kept[i] for i in places]
        return self._replace(ids=[self.ids[i] for i in places], kept=kept)

    @property
    def n_letters(self) -> list[int]:
        """Letters of each sequence."""
        return [len(ids) - self.n_before - self.n_after for ids in self.ids]


class Tokenizer:
    """Letters to token numbers: by a table of 256 entries where each letter is a token, else by transformers."""

    def __init__(self, folder: Path, modality: Modality):
        self._slow = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.unknown_id = self._slow.unk_token_id
        self.pad_id = self._slow.pad_token_id or 0
        self.mask_id = self._slow.mask_token_id
        self.letters = letters = _TEST_LETTERS[modality]
        self._spaced = False
        self._table = self._byte_table(letters)
        first, second = self._encode(letters[0]), self._encode(letters[1])
        self.prefix, self.suffix = _shared_ends(first, second)

    @property
    def is_letterwise(self) -> bool:
        """True where every letter is one token; what tasks per residue need."""
        return self._table is not None

    def encode(self, sequences: Sequence[str], max_length: int | None = None) -> Tokens:
        """Token numbers of each sequence, cut to `max_length` letters."""
        if self._table is None:
            limit = None if max_length is None else max_length + len(self.prefix) + len(self.suffix)
            ids = [np.asarray(self._encode(s, limit), dtype=np.int64) for s in sequences]
        else:
            ids = [self._look_up(s[:max_length]) for s in sequences]
        return Tokens(ids, len(self.prefix), len(self.suffix))

    def _look_up(self, sequence: str) -> np.ndarray:
        letters = self._table[np.frombuffer(sequence.encode("latin-1", "replace"), dtype=np.uint8)]
        return np.concatenate([self.prefix, letters, self.suffix])

    def _encode(self, text: str, max_length: int | None = None) -> list[int]:
        text = " ".join(text) if self._spaced else text
        options = {"truncation": True, "max_length": max_length} if max_length else {}
        return self._slow(text, **options)["input_ids"]

    def _byte_table(self, letters: str) -> np.ndarray | None:
        """The table, or None where the tokenizer joins letters into longer tokens."""
        # Spaces are for tokenizers that do not know a word of letters; those that do would be kept from their words.
        self._spaced = self.unknown_id in self._encode(letters)
        n_special = len(self._encode(letters[0])) - 1
        ids = self._encode(letters)
        if len(ids) != len(letters) + n_special or self.unknown_id in ids:
            self._spaced = False
            return None
        self.prefix, self.suffix = _shared_ends(self._encode(letters[0]), self._encode(letters[1]))
        table = np.full(256, self.unknown_id if self.unknown_id is not None else self.pad_id, dtype=np.int64)
        for code in range(33, 127):
            ids = self._encode(chr(code))
            if len(ids) == len(self.prefix) + 1 + len(self.suffix):
                table[code] = ids[len(self.prefix)]
        return table


def _shared_ends(first: list[int], second: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The tokens that two encodings begin with and end with alike: the special ones."""
    before = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), len(first))
    pairs = zip(reversed(first), reversed(second), strict=False)
    after = next((i for i, (a, b) in enumerate(pairs) if a != b), 0)
    return np.array(first[:before], dtype=np.int64), np.array(first[len(first) - after :], dtype=np.int64)
