"""Fetch a backbone from the Hugging Face hub into BioTL's home: the work behind a run of kind "download".

The network is used by a thread of its own, so that stopping never waits for it. A broken or stopped download
goes on where it was: files grow in `<name>.partial`, which is renamed when everything is there and checked.
"""

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from biotl_core.backbones.catalogue import Backbone, backbone_folder, backbone_state, find_backbone
from biotl_core.backbones.importing import PARTIAL, check_config, is_wanted, read_model_config, write_note
from biotl_core.errors import UserError
from biotl_core.progress import Control, Stopped
from biotl_core.wording import say_bytes

PREFLIGHT_SECONDS = 5.0
"""How long the hub may take for its first answer."""
_SILENCE_SECONDS = 15.0
"""A connection that sends nothing for so long is given up, and tried again."""
_TRIES = 4
_ELSEWHERE = (
    "Download it on a computer with internet access ('hf download {hub_id}') and import the folder "
    "on the page Models, or go on with an embedded backbone."
)


@dataclass(frozen=True)
class RemoteFile:
    """One file of the model on the hub."""

    name: str
    size: int
    sha256: str | None
    """Known for large files only."""


@dataclass
class Transfer:
    """What the thread that downloads shares with the one that watches it."""

    stage: str = "Asking the Hugging Face hub"
    done: int = 0
    total: int = 0
    commit: str = ""
    error: Exception | None = None
    should_end: threading.Event = field(default_factory=threading.Event)


def download_run(folder: Path, control: Control) -> str:
    """Download the backbone that the run's `config.json` names.

    Args:
        folder: the run folder; `backbone` in its config is a name of the catalogue or a hub id, `modality`
            what its letters mean where the catalogue does not tell.
        control: told the bytes that are here, of all; asked several times a second whether to stop.

    Returns:
        The closing sentence.

    Raises:
        UserError: the hub is out of reach or refuses, or the model is not one that BioTL can load.
        Stopped: the user asked to; what is downloaded stays, and the next try goes on from it.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    backbone = find_backbone(config["backbone"], config.get("modality"))
    if backbone_state(backbone) != "download":
        return f"{backbone.title} is on this computer already."
    target = backbone_folder(backbone)
    partial = target.with_name(target.name + PARTIAL)
    partial.mkdir(parents=True, exist_ok=True)
    with _sole_download(target):
        return _download(backbone, target, partial, control)


def _download(backbone: Backbone, target: Path, partial: Path, control: Control) -> str:
    transfer = _watch(backbone, partial, control)
    if any(partial.glob("pytorch_model*.bin")):
        from biotl_core.backbones.conversion import convert_weights

        convert_weights(partial, control)
    write_note(
        partial,
        title=backbone.title,
        modality=backbone.modality,
        hub_id=backbone.hub_id,
        revision=transfer.commit,
        licence=backbone.licence,
    )
    partial.rename(target)
    return f"{backbone.title} is here now ({say_bytes(transfer.total)}); choose it on the page Train."


@contextmanager
def _sole_download(target: Path) -> Iterator[None]:
    """Two downloads of one backbone would write into the same files."""
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(f"'{target.name}' is being downloaded already. Stop it first.") from None
    try:
        yield
    finally:
        lock.release()


def _watch(backbone: Backbone, partial: Path, control: Control) -> Transfer:
    """Run the transfer in a thread and report on it until it ends; its error becomes one sentence."""
    transfer = Transfer()
    # A daemon: after a stop the worker may end while the network still keeps this thread waiting.
    worker = threading.Thread(target=_run, args=(backbone, partial, transfer), daemon=True)
    worker.start()
    try:
        while worker.is_alive():
            control.step(transfer.stage, transfer.done, transfer.total)
            worker.join(0.2)
    finally:
        transfer.should_end.set()
    if transfer.error is not None:
        sentence = explain_error(transfer.error, backbone)
        if sentence is None:
            raise transfer.error
        raise UserError(sentence) from transfer.error
    return transfer


def _run(backbone: Backbone, partial: Path, transfer: Transfer) -> None:
    from huggingface_hub.errors import HTTPError

    try:
        with suppress(Stopped):
            _transfer(backbone, partial, transfer)
    except (UserError, HTTPError, OSError, ValueError) as error:
        transfer.error = error


def _transfer(backbone: Backbone, partial: Path, transfer: Transfer) -> None:
    files, transfer.commit = list_remote_files(backbone)
    transfer.total = sum(file.size for file in files)
    _check_space(partial, transfer.total - sum(_size(partial / file.name) for file in files))
    # The config comes first: a model that cannot be used should not cost gigabytes.
    for file in sorted(files, key=lambda file: (file.name != "config.json", file.size)):
        transfer.stage = f"Downloading {file.name}"
        _fetch(backbone, file, partial / file.name, transfer)
        if file.name == "config.json":
            check_config(
                read_model_config(partial), backbone.title, is_known=backbone.name != backbone.hub_id
            )


def list_remote_files(backbone: Backbone) -> tuple[list[RemoteFile], str]:
    """The files to fetch, and their commit; pickled weights only where there are no safetensors."""
    from huggingface_hub import HfApi

    info = HfApi().model_info(
        backbone.hub_id, revision=backbone.revision, timeout=PREFLIGHT_SECONDS, files_metadata=True
    )
    all_files = [
        RemoteFile(entry.rfilename, entry.size or 0, entry.lfs.sha256 if entry.lfs else None)
        for entry in info.siblings or []
    ]
    files = [file for file in all_files if is_wanted(file.name)]
    names = {file.name for file in files}
    if "config.json" not in names:
        raise UserError(
            f"'{backbone.hub_id}' on the hub has no config.json, so it is no model that transformers loads. "
            "Choose another one."
        )
    if not any(name.endswith(".safetensors") for name in names):
        files += [file for file in all_files if _is_pickle(file.name)]
        if len(files) == len(names):
            raise UserError(f"'{backbone.hub_id}' has no weights for PyTorch on the hub. Choose another.")
    return files, info.sha or "main"


def _is_pickle(name: str) -> bool:
    """`pytorch_model.bin` and its numbered parts, not the extra checkpoints that some keep beside it."""
    return name == "pytorch_model.bin" or (name.startswith("pytorch_model-0") and name.endswith(".bin"))


def _fetch(backbone: Backbone, file: RemoteFile, path: Path, transfer: Transfer) -> None:
    """Bring one file here, going on where an earlier try ended; tried again after a broken connection."""
    from huggingface_hub.errors import HfHubHTTPError, HTTPError

    before, failures = transfer.done, 0
    while True:
        have = _size(path)
        try:
            _stream(backbone, file, path, transfer, before)
        except HfHubHTTPError:
            raise
        except HTTPError:
            failures = 0 if _size(path) > have else failures + 1
            if failures == _TRIES:
                raise
            time.sleep(failures)
        else:
            break
    _check_content(file, path)


def _stream(backbone: Backbone, file: RemoteFile, path: Path, transfer: Transfer, before: int) -> None:
    from huggingface_hub import get_session, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    # Small files have no checksum, so they are fetched anew rather than continued.
    start = _size(path) if file.sha256 and _size(path) <= file.size else 0
    if file.sha256 and start == file.size:
        transfer.done = before + start
        return
    headers = build_hf_headers() | {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    url = hf_hub_url(backbone.hub_id, file.name, revision=transfer.commit)
    with get_session().stream("GET", url, headers=headers, timeout=_SILENCE_SECONDS) as answer:
        if answer.status_code >= 400:
            answer.read()
        hf_raise_for_status(answer)
        start = start if answer.status_code == 206 else 0
        with path.open("r+b" if start else "wb") as out:
            out.seek(start)
            out.truncate()
            for chunk in answer.iter_bytes():  # as they arrive; waiting for larger ones would lose more
                if transfer.should_end.is_set():
                    raise Stopped
                out.write(chunk)
                transfer.done = before + out.tell()


def _check_content(file: RemoteFile, path: Path) -> None:
    is_whole = _size(path) == file.size
    if is_whole and file.sha256:
        with path.open("rb") as content:
            is_whole = hashlib.file_digest(content, "sha256").hexdigest() == file.sha256
    if not is_whole:
        path.unlink()
        raise UserError(f"'{file.name}' arrived damaged and was removed. Start the download again.")


def explain_error(error: Exception, backbone: Backbone) -> str | None:
    """One sentence for what can go wrong between here and the hub, or None for what is not known."""
    from huggingface_hub import errors

    name = backbone.hub_id
    elsewhere = _ELSEWHERE.format(hub_id=name)
    status = error.response.status_code if isinstance(error, errors.HfHubHTTPError) else None
    match error:
        case UserError():
            return str(error)
        case errors.OfflineModeIsEnabled():
            return f"HF_HUB_OFFLINE is set here, so nothing is downloaded. Unset it. {elsewhere}"
        case errors.GatedRepoError():
            return (
                f"'{name}' wants its terms accepted first: do so on huggingface.co/{name} when logged in, "
                "run 'hf auth login' on this computer, and start the download again."
            )
        case errors.RevisionNotFoundError():
            return f"'{name}' has no revision '{backbone.revision}' on the hub. Choose another one."
        case _ if status == 401 or isinstance(
            error, errors.RepositoryNotFoundError | errors.HFValidationError
        ):
            return (
                f"The hub has no model '{name}', or it is private. Check the spelling (owner/name); "
                "for a private one, run 'hf auth login' on this computer first."
            )
        case errors.HfHubHTTPError():
            return (
                f"The Hugging Face hub, or a proxy before it, refused '{name}' (answer {status}). {elsewhere}"
            )
        case errors.HTTPError() | ConnectionError() | TimeoutError():
            return f"The Hugging Face hub cannot be reached from this computer. {elsewhere}"
        case OSError() if error.errno is not None:
            return f"The download could not be written ({error.strerror}). Make room and start it again."
    return None


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _check_space(folder: Path, missing: int) -> None:
    free = shutil.disk_usage(folder).free
    if missing > 0.95 * free:
        raise UserError(
            f"It needs {say_bytes(missing)}, and the disk of BioTL's home has {say_bytes(free)} left. "
            "Make room, or set BIOTL_HOME to a larger disk."
        )
