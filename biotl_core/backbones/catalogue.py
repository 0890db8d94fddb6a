"""BACKBONES: every pretrained model that BioTL knows; how one is found by name, and where it lies.

Nothing here needs torch or transformers, so pages may ask at every click. What a folder on this computer
holds is read by `backbones.folders`; downloads are made by `backbones.downloading`, in a worker.
"""

import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from biotl_core.backbones.entries import HUB_BACKBONES, Backbone
from biotl_core.backbones.folders import describe_folder, is_complete
from biotl_core.data.dataset import Modality
from biotl_core.errors import UserError
from biotl_core.home import home_folder, safe_name

BackboneState = Literal["embedded", "here", "download"]

WEIGHTS_FOLDER = Path(__file__).parent / "weights"
"""The embedded backbones, a plain Hugging Face folder each."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


def _embedded(modality: Modality, title: str) -> Backbone:
    """An embedded backbone; its numbers come from its own files, so that they are never a stale copy."""
    name = f"biotl-{modality}"
    folder = WEIGHTS_FOLDER / name
    facts = describe_folder(folder) if is_complete(folder) else None
    return Backbone(
        name,
        title,
        modality,
        parameters_millions=facts.parameters_millions if facts else 0.0,
        max_length=facts.max_length if facts else 1024,
        licence="Apache-2.0",
        reference="Pretrained by this project; its card says how",
        note="Small and briefly pretrained; works at once, without the internet.",
        layers=facts.layers if facts else 0,
        width=facts.width if facts else 0,
        letters_per_token=facts.letters_per_token if facts else 1.0,
        folder=folder,
    )


_EMBEDDED = (
    _embedded("protein", "BioTL protein"),
    _embedded("dna", "BioTL DNA"),
    _embedded("molecule", "BioTL molecule"),
)

BACKBONES: dict[str, Backbone] = {backbone.name: backbone for backbone in (*_EMBEDDED, *HUB_BACKBONES)}
"""Every backbone that BioTL knows by name, the embedded ones first."""


def list_backbones(modality: Modality | None = None) -> list[Backbone]:
    """The catalogue, then what was brought into BioTL's home by import or hub id; all, or of one modality."""
    own = (_try_folder(path) for path in _own_folders())
    known = [*BACKBONES.values(), *(found for found in own if isinstance(found, Backbone))]
    return [backbone for backbone in known if modality in (None, backbone.modality)]


def list_unreadable() -> list[str]:
    """Why folders in BioTL's home are not among the backbones: a sentence each, for damaged ones."""
    return [found for path in _own_folders() if isinstance(found := _try_folder(path), str)]


def _own_folders() -> list[Path]:
    """What import, adapting or a hub id outside the catalogue brought into BioTL's home."""
    parent = home_folder() / "backbones"
    known = {backbone_folder(backbone) for backbone in BACKBONES.values()}
    found = sorted(parent.iterdir()) if parent.is_dir() else []
    return [path for path in found if path not in known and path.suffix != ".partial" and is_complete(path)]


def _try_folder(folder: Path) -> Backbone | str:
    """One bad folder must not keep the others from being listed."""
    try:
        return _from_folder(folder, folder.name)
    except UserError as error:
        return str(error)


def find_backbone(name: str, modality: Modality | None = None) -> Backbone:
    """A backbone by its name in the catalogue or in BioTL's home, by a folder, or by `owner/name` on the hub.

    Args:
        name: what the user gave.
        modality: what its letters mean, where the name or the folder does not tell.

    Raises:
        UserError: there is none; the sentence names the nearest ones.
    """
    text = str(name).strip()
    if text in BACKBONES:
        return BACKBONES[text]
    for backbone in BACKBONES.values():
        if backbone.hub_id and backbone.hub_id.lower() == text.lower():
            return backbone
    imported = home_folder() / "backbones" / safe_name(text)
    if is_complete(imported):
        return _from_folder(imported, text, modality)
    if text and (folder := Path(text).expanduser()).is_dir():
        return _from_folder(folder, str(folder), modality)
    if _HUB_ID.fullmatch(text):
        return Backbone(
            text,
            text,
            modality or _guess_from_name(text),
            text,
            licence="see its hub page",
            note="From the hub.",
        )
    raise UserError(_nothing_found(text))


def backbone_state(backbone: Backbone) -> BackboneState:
    """Whether it came with BioTL, lies complete on this computer, or needs a download; reads no weights."""
    if backbone.name in BACKBONES and backbone.hub_id is None:
        return "embedded"
    return "here" if any(map(is_complete, _places(backbone))) else "download"


def locate_backbone(backbone: Backbone) -> Path:
    """The folder to load it from; UserError with what to do when it is not on this computer."""
    for folder in _places(backbone):
        if is_complete(folder):
            return folder
    if backbone.hub_id is None:
        raise UserError(
            f"The weights of '{backbone.title}' are not in {backbone.folder}. "
            "Install BioTL again with its weights, or choose another backbone."
        )
    raise UserError(
        f"The backbone '{backbone.title}' is not on this computer yet. Download it on the page Models, "
        "or bring its folder from another computer and import it there; the embedded ones work at once."
    )


def backbone_folder(backbone: Backbone) -> Path:
    """Where BioTL itself keeps this backbone, or would keep it after a download."""
    return backbone.folder or home_folder() / "backbones" / safe_name(backbone.name)


def _places(backbone: Backbone) -> list[Path]:
    if backbone.hub_id is None:
        return [backbone_folder(backbone)]
    return [backbone_folder(backbone), *_cached_snapshots(backbone.hub_id, backbone.revision)]


def _cached_snapshots(hub_id: str, revision: str | None) -> list[Path]:
    """Where the cache of huggingface_hub keeps a model: `models--owner--name/snapshots/<commit>`."""
    repository = _hub_cache() / f"models--{hub_id.replace('/', '--')}"
    try:
        commit = revision or (repository / "refs" / "main").read_text().strip()
    except OSError:
        return []
    return [repository / "snapshots" / commit]


def _hub_cache() -> Path:
    """The cache folder by the same environment variables that huggingface_hub reads, without importing it."""
    cache_home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    hub_home = os.environ.get("HF_HOME") or Path(cache_home) / "huggingface"
    folder = (
        os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or Path(hub_home) / "hub"
    )
    return Path(os.path.expandvars(folder)).expanduser()


def _from_folder(folder: Path, name: str, modality: Modality | None = None) -> Backbone:
    facts = describe_folder(folder)
    modality = modality or facts.modality
    if modality is None:
        raise UserError(
            f"The folder '{folder.name}' does not tell whether it reads proteins, DNA or molecules. "
            "Import it on the page Models and choose there."
        )
    return Backbone(
        name,
        facts.title or Path(name).name,
        modality,
        facts.hub_id,
        facts.revision,
        parameters_millions=facts.parameters_millions,
        download_megabytes=facts.megabytes,
        max_length=facts.max_length,
        licence=facts.licence,
        note=facts.note,
        layers=facts.layers,
        width=facts.width,
        letters_per_token=facts.letters_per_token,
        folder=folder,
    )


def _guess_from_name(hub_id: str) -> Modality:
    """Most hub names tell; proteins are the usual case."""
    if re.search(r"dna|nucleot|genom|grover|codon|-nt-", hub_id, re.IGNORECASE):
        return "dna"
    if re.search(r"smiles|chem|mol|zinc|selfies|drug", hub_id, re.IGNORECASE):
        return "molecule"
    return "protein"


def _nothing_found(text: str) -> str:
    names = [backbone.name for backbone in list_backbones()]
    near = get_close_matches(text.lower(), names, n=3, cutoff=0.4) or names[:3]
    return (
        f"There is no backbone or folder called '{text}'. The nearest names are {', '.join(near)}; "
        "a folder with config.json or an 'owner/name' of the Hugging Face hub will do as well."
    )
