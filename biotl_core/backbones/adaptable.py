"""Whether a backbone can go on learning from sequences alone; told from its files, without torch."""

from functools import lru_cache
from pathlib import Path

from biotl_core.backbones.catalogue import backbone_state, locate_backbone
from biotl_core.backbones.entries import Backbone
from biotl_core.backbones.folders import TOKENIZER_FILES, describe_folder, tensor_names
from biotl_core.errors import UserError

ADAPTABLE = ("esm", "bert", "roberta")
"""Values of `model_type` with a packed pass and a part that names hidden letters."""
_LANGUAGE_HEADS = ("lm_head.", "cls.predictions.")
_MASKS = ("<mask>", "[MASK]")


def why_not_adaptable(backbone: Backbone) -> str | None:
    """Why a backbone cannot be adapted, in a sentence; None where it can. UserError where it is not here or damaged."""
    folder = locate_backbone(backbone)
    if lacking := _what_is_lacking(folder, (folder / "config.json").stat().st_mtime_ns):
        return f"'{backbone.title}' {lacking}"
    return None


@lru_cache(maxsize=256)
def _what_is_lacking(folder: Path, modified_ns: int) -> str:
    del modified_ns  # part of the key, so that a changed folder is read anew
    kind = describe_folder(folder).model_type
    if kind not in ADAPTABLE:
        return (
            f"is a {kind} model; adapting works for {', '.join(ADAPTABLE)}. Choose one of these, such as an embedded "
            "one or ESM-2."
        )
    if not _has_mask(folder):
        return "has no mask token and cannot be adapted. Choose another backbone."
    if not any(name.startswith(_LANGUAGE_HEADS) for name in tensor_names(folder)):
        return (
            "holds no weights for naming hidden letters, which would have to be learned from nothing. Choose another "
            "backbone."
        )
    return ""


def can_be_adapted(backbone: Backbone) -> bool:
    """Whether it is on this computer, whole, and can be adapted."""
    try:
        return backbone_state(backbone) != "download" and why_not_adaptable(backbone) is None
    except UserError:
        return False


def _has_mask(folder: Path) -> bool:
    files = (*TOKENIZER_FILES, "special_tokens_map.json", "added_tokens.json")
    texts = ((folder / name).read_bytes() for name in files if (folder / name).is_file())
    return any(mask.encode() in text for text in texts for mask in _MASKS)
