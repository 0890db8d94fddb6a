"""Bring a model folder, or a zip of one, into BioTL's home; what may come in and what not; take one out as a zip."""

import importlib.util
import json
import shutil
import uuid
import zipfile
from collections.abc import Iterable
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any

from biotl_core.backbones.catalogue import (
    BACKBONES,
    Backbone,
    backbone_folder,
    find_backbone,
    locate_backbone,
)
from biotl_core.backbones.folders import NOTE_FILE, TOKENIZER_FILES, describe_folder, is_complete
from biotl_core.data.dataset import Modality
from biotl_core.errors import UserError
from biotl_core.home import home_folder, home_subfolder, safe_name

PARTIAL = ".partial"
"""Ending of a folder that is not complete yet; it is renamed when it is."""
_SMALL_FILES = frozenset({
    "config.json", *TOKENIZER_FILES, "merges.txt", "special_tokens_map.json", "added_tokens.json",
    "README.md", "model.safetensors.index.json",
})  # fmt: skip
_COPY_BYTES = 1 << 22


def is_wanted(file_name: str) -> bool:
    """Files of a model that are taken in: config, tokenizer, card and safetensors, nothing that is code."""
    return file_name in _SMALL_FILES or (file_name.startswith("model") and file_name.endswith(".safetensors"))


def import_folder(source: Path, name: str, modality: Modality) -> Backbone:
    """Copy a Hugging Face model folder, or a zip that holds one, to BioTL's own backbones.

    Args:
        source: the folder, or the zip file.
        name: how to call it; it must be new.
        modality: what its letters mean.

    Raises:
        UserError: it is no such folder, needs custom code, or has weights only in a format that can run code.
    """
    target = _new_place(name)
    partial = target.with_name(target.name + PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        if source.is_dir():
            _copy_folder(source, partial)
        else:
            _unpack(source, partial)
        check_config(read_model_config(partial), source.name)
        _check_files(partial, source.name)
        describe_folder(partial)  # refuses damaged weights
        write_note(partial, title=name.strip(), modality=modality)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return find_backbone(target.name)


def check_new_name(name: str) -> Path:
    """Where a backbone of this name would lie; UserError where the name is empty or taken."""
    return _new_place(name)


def install_backbone(source: Path, name: str, card: str, **facts: Any) -> Backbone:
    """Put a model that BioTL made here among its backbones; done already, it stays as it is.

    Args:
        source: its Hugging Face folder, which is left alone.
        name: how to call it; where that was taken meanwhile, a number is added, for work must not be lost.
        card: the model card.
        facts: for the note beside it; `run` tells whose it is.
    """
    parent = home_subfolder("backbones")
    for number in count(1):
        place = parent / (safe_name(name) if number == 1 else f"{safe_name(name)}-{number}")
        if place.exists() and _read_note(place).get("run") == facts["run"]:
            return find_backbone(place.name)
        if not place.exists() and place.name not in BACKBONES:
            break
    partial = place.with_name(place.name + PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    _copy_folder(source, partial)
    (partial / "README.md").write_text(card, encoding="utf-8")
    write_note(partial, **facts)
    partial.rename(place)
    return find_backbone(place.name)


def _read_note(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / NOTE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def remove_backbone(backbone: Backbone) -> None:
    """Delete a downloaded or imported backbone from BioTL's home; UserError for those that lie elsewhere."""
    folder = backbone_folder(backbone)
    if not is_own(backbone):
        raise UserError(
            f"'{backbone.title}' is not kept by BioTL, so it is not removed. Delete its folder yourself."
        )
    # Renamed first, so that nobody finds it half deleted.
    doomed = folder.with_name(folder.name + PARTIAL)
    shutil.rmtree(doomed, ignore_errors=True)
    folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def zip_backbone(backbone: Backbone, target: Path) -> Path:
    """Write the model as a zip that holds one plain Hugging Face folder; UserError when it is not here."""
    folder = locate_backbone(backbone)
    unfinished = target.with_name(f".{uuid.uuid4().hex[:8]}-{target.name}")
    # Weights do not compress, so they are only packed: many times faster.
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(path for path in folder.iterdir() if path.is_file()):
            archive.write(path, f"{safe_name(backbone.name)}/{path.name}")
    unfinished.replace(target)
    return target


def is_own(backbone: Backbone) -> bool:
    """Whether BioTL brought it here itself, by download or import."""
    folder = backbone_folder(backbone)
    return folder.parent == home_folder() / "backbones" and is_complete(folder)


def write_note(folder: Path, **facts: Any) -> None:
    """Write BioTL's own facts (title, modality, hub_id, revision, licence) beside a model."""
    (folder / NOTE_FILE).write_text(json.dumps(facts, indent=1), encoding="utf-8")


def read_model_config(folder: Path) -> dict[str, Any]:
    """`config.json`; UserError where it is missing or no JSON object."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        config = None
    if not isinstance(config, dict):
        raise UserError(
            "There is no readable config.json in it. "
            "Choose the folder, or a zip of it, that 'save_pretrained' wrote."
        )
    return config


def check_config(config: dict[str, Any], name: str, *, is_known: bool = False) -> None:
    """UserError where a model needs code of its own, or an architecture that transformers does not have.

    Args:
        config: the content of `config.json`.
        name: what the sentence calls the model.
        is_known: it stands in the catalogue, so someone has looked; custom code is then not needed.
    """
    kind = str(config.get("model_type", ""))
    if config.get("auto_map") and not is_known:
        raise UserError(
            f"The model '{name}' brings program code of its own ('auto_map' in its config.json), "
            "which BioTL does not run. Choose a model that transformers loads without custom code."
        )
    if not has_architecture(kind):
        raise UserError(
            f"The model '{name}' has the architecture '{kind or 'not named'}', which transformers does not "
            "know. Choose an ESM, BERT, RoBERTa, ModernBERT, T5 or similar model."
        )


def has_architecture(model_type: str) -> bool:
    """Whether the installed transformers has it, seen from its files, for importing it costs seconds."""
    package = importlib.util.find_spec("transformers")
    if package is None or package.origin is None or not model_type.replace("-", "_").isidentifier():
        return False
    module = model_type.replace("-", "_")
    return (Path(package.origin).parent / "models" / module / f"modeling_{module}.py").is_file()


def _new_place(name: str) -> Path:
    place = home_subfolder("backbones") / safe_name(name, fallback="")
    if not safe_name(name, fallback="") or place.name.endswith(PARTIAL):
        raise UserError("A backbone needs a name with at least one letter or digit. Type one.")
    if place.exists() or place.name in BACKBONES:
        raise UserError(f"There is already a backbone called '{place.name}'. Choose another name.")
    return place


def _check_files(folder: Path, name: str) -> None:
    if is_complete(folder):
        return
    if not any((folder / file).is_file() for file in TOKENIZER_FILES):
        missing = "tokenizer files (tokenizer.json or vocab.txt)"
    else:
        missing = "weights as safetensors (model.safetensors, or all its parts)"
    raise UserError(
        f"'{name}' has no {missing}. Save model and tokenizer again with 'save_pretrained' of a recent "
        "transformers; the older pytorch_model.bin is not opened, for such files can run code."
    )


def _copy_folder(source: Path, target: Path) -> None:
    files = [path for path in source.iterdir() if path.is_file() and is_wanted(path.name)]
    _check_space(target, (path.stat().st_size for path in files))
    for path in files:
        shutil.copyfile(path, target / path.name)


def _unpack(source: Path, target: Path) -> None:
    """Only wanted files, by their bare names, from the one folder that holds config.json."""
    if not source.is_file() or not zipfile.is_zipfile(source):
        raise UserError(
            f"'{source.name}' is neither a folder nor a zip file. Choose a model folder, or a zip of one."
        )
    with zipfile.ZipFile(source) as archive:
        configs = [
            PurePosixPath(name) for name in archive.namelist() if PurePosixPath(name).name == "config.json"
        ]
        if len(configs) != 1:
            raise UserError(
                f"The zip '{source.name}' holds {len(configs) or 'no'} config.json; it must hold one model "
                "folder. Zip the folder that 'save_pretrained' wrote."
            )
        members = [
            member
            for member in archive.infolist()
            if PurePosixPath(member.filename).parent == configs[0].parent
            and is_wanted(PurePosixPath(member.filename).name)
        ]
        _check_space(target, (member.file_size for member in members))
        try:
            for member in members:
                with (
                    archive.open(member) as packed,
                    (target / PurePosixPath(member.filename).name).open("wb") as file,
                ):
                    shutil.copyfileobj(packed, file, _COPY_BYTES)
        except (zipfile.BadZipFile, RuntimeError, EOFError, OSError) as error:
            raise UserError(
                f"The zip '{source.name}' could not be unpacked ({error}). Make it again."
            ) from error


def _check_space(folder: Path, sizes: Iterable[int]) -> None:
    needed, free = sum(sizes), shutil.disk_usage(folder).free
    if needed > 0.95 * free:
        raise UserError(
            f"It needs {needed / 1e9:.1f} GB, and the disk of BioTL's home has {free / 1e9:.1f} GB left. "
            "Make room, or set BIOTL_HOME to a larger disk."
        )
