"""What a folder with a pretrained model tells about itself, read without torch or transformers."""

import json
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from biotl_core.data.dataset import Modality
from biotl_core.errors import UserError

NOTE_FILE = "biotl.json"
"""Written by BioTL beside a model it brought here: title, modality, hub_id, revision, licence; after adapting also
note, adapted_from, run."""
MARGINALS_KEY = "biotl_marginals"
"""In the config of a backbone whose naming of letters is best asked in another way than with each one hidden."""
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "spiece.model")
RELATIVE_LIMIT = 2000
"""Letters for models whose config sets no limit (T5 counts distances): more than most were trained on."""
_LONGEST_HEADER = 100_000_000
"""Bytes of a safetensors header."""
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_ALPHABETS: dict[Modality, str] = {"protein": "ACDEFGHIKLMNPQRSTVWYXBZUO", "dna": "ACGTUN"}


def usual_marginals(folder: Path) -> str:
    """How a backbone is best asked about its letters: "masked" or "wild_type" (see `likelihood`)."""
    return json.loads((folder / "config.json").read_text()).get(MARGINALS_KEY, "masked")


@dataclass(frozen=True)
class FolderFacts:
    """What `describe_folder` reads; "" and 0 where the folder does not tell."""

    model_type: str
    layers: int
    width: int
    max_length: int
    """Letters, without special tokens."""
    letters_per_token: float
    parameters_millions: float
    megabytes: float
    modality: Modality | None
    """None where neither BioTL's note nor the vocabulary tells."""
    title: str = ""
    hub_id: str | None = None
    revision: str | None = None
    licence: str = ""
    note: str = ""
    """One sentence: what it is for, or what it has learned."""
    adapted_from: str = ""
    """Title of the backbone that went on learning here; "" for all others."""


def is_complete(folder: Path) -> bool:
    """True for a folder with a config, a tokenizer and all its safetensors; looks at names only."""
    if not (folder / "config.json").is_file() or not any(
        (folder / name).is_file() for name in TOKENIZER_FILES
    ):
        return False
    weights = weight_files(folder)
    return bool(weights) and all(path.is_file() for path in weights)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors that make up the model, whether they are there or not; empty where it has none."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        return [folder / name for name in sorted(set(_read_json(index).get("weight_map", {}).values()))]
    single = folder / "model.safetensors"
    return [single] if single.is_file() else []


def describe_folder(folder: Path) -> FolderFacts:
    """Size, limits and modality of the model in a folder.

    Raises:
        UserError: it holds no model config.
    """
    config = folder / "config.json"
    if not config.is_file():
        raise UserError(
            f"The folder '{folder.name}' has no config.json. Choose the folder that 'save_pretrained' wrote."
        )
    return _describe(folder, config.stat().st_mtime_ns)


def read_card(folder: Path) -> str:
    """The model card in Markdown, without its front matter; "" where there is none."""
    path = folder / "README.md"
    return _FRONT_MATTER.sub("", path.read_text(encoding="utf-8")).strip() if path.is_file() else ""


@lru_cache(maxsize=256)
def _describe(folder: Path, modified_ns: int) -> FolderFacts:
    del modified_ns  # part of the key, so that a changed folder is read anew
    config, note, tokens = (
        _read_json(folder / "config.json"),
        _read_json(folder / NOTE_FILE),
        _read_tokens(folder),
    )
    modality = note.get("modality") or _guess_modality(tokens, str(config.get("model_type", "")))
    letters_per_token = _letters_per_token(tokens, modality)
    weights = [path for path in weight_files(folder) if path.is_file()]
    return FolderFacts(
        model_type=str(config.get("model_type", "")),
        layers=_number(config, "num_hidden_layers", "num_layers", "n_layer", "encoder_layers"),
        width=_number(config, "hidden_size", "d_model", "n_embd", "dim"),
        max_length=_letters_limit(config, letters_per_token),
        letters_per_token=letters_per_token,
        parameters_millions=sum(map(_count_parameters, weights)) / 1e6,
        megabytes=sum(path.stat().st_size for path in weights) / 1e6,
        modality=modality,
        title=note.get("title", ""),
        hub_id=note.get("hub_id"),
        revision=note.get("revision"),
        licence=note.get("licence") or _licence(folder),
        note=note.get("note", ""),
        adapted_from=note.get("adapted_from", ""),
    )


def _letters_limit(config: dict[str, Any], letters_per_token: float) -> int:
    longest = _number(config, "max_position_embeddings")
    if not longest:
        return RELATIVE_LIMIT
    # RoBERTa and ESM count positions from pad_token_id + 1; two places go to the special tokens.
    offset = _number(config, "pad_token_id") + 1 if config.get("model_type") in ("esm", "roberta") else 0
    return max(1, int((longest - offset - 2) * letters_per_token))


def tensor_names(folder: Path) -> list[str]:
    """Names of all weights of a model, from the headers of its files; UserError where one is damaged."""
    return [name for path in weight_files(folder) if path.is_file() for name in _read_header(path)]


def _count_parameters(path: Path) -> int:
    """Numbers in a safetensors file, from its header; a decoder is not counted, for it is not used."""
    shapes = (t["shape"] for name, t in _read_header(path).items() if not name.startswith("decoder."))
    return sum(math.prod(shape) for shape in shapes)


def _read_header(path: Path) -> dict[str, Any]:
    """Name, type and shape of each tensor of a safetensors file.

    The format: 8 bytes of length, little endian, then that much JSON (huggingface.co/docs/safetensors).
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        # A damaged length can ask for more than there is memory; the format itself allows 100 MB.
        header = file.read(length) if length <= min(_LONGEST_HEADER, path.stat().st_size) else b""
    try:
        tensors = json.loads(header)
        tensors.pop("__metadata__", None)
        if all(isinstance(size, int) for tensor in tensors.values() for size in tensor["shape"]):
            return tensors
    except (ValueError, AttributeError, KeyError, TypeError):
        pass
    raise UserError(
        f"The weights '{path.name}' in '{path.parent.name}' are damaged. Bring the model again, or remove its folder."
    )


def _read_tokens(folder: Path) -> list[str]:
    """The vocabulary, without the marks that tokenizers put before words."""
    raw: list[str] = []
    if (folder / "vocab.txt").is_file():
        raw = (folder / "vocab.txt").read_text(encoding="utf-8").split()
    elif (folder / "vocab.json").is_file():
        raw = list(_read_json(folder / "vocab.json"))
    elif (folder / "tokenizer.json").is_file():
        vocabulary = _read_json(folder / "tokenizer.json").get("model", {}).get("vocab", {})
        raw = [entry if isinstance(entry, str) else entry[0] for entry in vocabulary]
    elif (folder / "spiece.model").is_file():
        # A protobuf; its pieces are plain UTF-8 that start with U+2581.
        pieces = re.findall(rb"\xe2\x96\x81([A-Z]+)", (folder / "spiece.model").read_bytes())
        raw = [piece.decode() for piece in pieces]
    return [token.lstrip("\u2581\u0120#") if len(token) > 1 else token for token in raw]


def _guess_modality(tokens: list[str], model_type: str) -> Modality | None:
    """SMILES have brackets and lower-case rings, DNA has four letters, proteins twenty."""
    words = [token for token in tokens if token.isalpha() and token.isascii() and len(token) <= 60]
    upper = {token for token in words if token.isupper()}
    if "=" in tokens and "(" in tokens and {"c", "C", "O"} <= set(tokens):
        return "molecule"
    if upper and sum(set(token) <= set("ACGTUN") for token in upper) > 0.8 * len(upper):
        return "dna"
    if set("ACDEFGHIKLMNPQRSTVWY") <= upper and not any(
        len(token) > 3 and token.islower() for token in words
    ):
        return "protein"
    return "protein" if model_type in ("esm", "esmc") and not tokens else None


def _letters_per_token(tokens: list[str], modality: Modality | None) -> float:
    """1 where every sequence token is one letter, else their mean length."""
    if modality is None or modality == "molecule":
        return 1.2 if any(len(token) > 1 and token.isalpha() for token in tokens) else 1.0
    lengths = [len(token) for token in tokens if token and set(token) <= set(_ALPHABETS[modality])]
    return round(sum(lengths) / len(lengths), 1) if lengths else 1.0


def _licence(folder: Path) -> str:
    """The licence in the front matter of the model card."""
    path = folder / "README.md"
    front = (
        _FRONT_MATTER.match(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else None
    )
    found = re.search(r"^license:\s*([^\n]+)$", front.group(1), re.MULTILINE) if front else None
    return found.group(1).strip() if found else "licence not known"


def _number(config: dict[str, Any], *names: str) -> int:
    return next((int(config[name]) for name in names if isinstance(config.get(name), int | float)), 0)


def _read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is none or it is broken."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
