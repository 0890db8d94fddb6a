"""Downloads run in a real worker against a hub on this machine, with all that goes wrong on the way."""

import json
import socket
import time
from pathlib import Path

import pytest
from fake_hub import COMMIT, FakeHub
from tiny_models import write_loadable_esm, write_tiny_esm

from biotl_core.backbones.catalogue import backbone_folder, backbone_state, find_backbone, locate_backbone
from biotl_core.backbones.folders import is_complete
from biotl_core.runs.folder import read_progress, resume_run, start_run, stop_run
from biotl_core.runs.status import RunStatus, read_status


@pytest.fixture
def hub(tmp_path, monkeypatch):
    hub = FakeHub(tmp_path / "hub")
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    yield hub
    hub.close()


def start(hub_id: str, **config) -> Path:
    return start_run({"backbone": hub_id, **config}, kind="download")


def wait(folder: Path, seconds: float = 30) -> RunStatus:
    end = time.monotonic() + seconds
    while (status := read_status(folder)).is_open:
        assert time.monotonic() < end, f"still {status.state} after {seconds} s"
        time.sleep(0.05)
    return status


def download(hub_id: str, **config) -> RunStatus:
    return wait(start(hub_id, **config))


def wait_for_bytes(folder: Path, at_least: int) -> None:
    end = time.monotonic() + 20
    while (read_progress(folder) or {}).get("done", 0) < at_least:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_model_arrives_whole_and_is_found_afterwards(hub):
    write_loadable_esm(hub.root / "lab/tiny")
    (hub.root / "lab/tiny/evil.py").write_text("raise SystemExit")
    assert backbone_state(find_backbone("lab/tiny")) == "download"

    status = download("lab/tiny", modality="protein")

    assert (status.state, status.message.split(" is here")[0]) == ("finished", "lab/tiny")
    backbone = find_backbone("lab/tiny")
    folder = locate_backbone(backbone)
    assert backbone_state(backbone) == "here"
    assert (backbone.layers, backbone.width, backbone.modality) == (2, 16, "protein")
    assert (backbone.hub_id, backbone.revision) == ("lab/tiny", COMMIT)
    assert not (folder / "evil.py").exists()
    for name in ("config.json", "model.safetensors", "vocab.txt"):
        assert (folder / name).read_bytes() == (hub.root / "lab/tiny" / name).read_bytes()
    assert download("lab/tiny").message == "lab/tiny is on this computer already."


def test_what_arrived_loads_as_a_backbone(hub):
    from biotl_core.backbones.encoder import load_encoder

    write_loadable_esm(hub.root / "lab/tiny")
    download("lab/tiny")
    encoder = load_encoder(locate_backbone(find_backbone("lab/tiny")), "protein")
    assert encoder(encoder.encode(["MKT", "ACDEF"])).states.shape == (8, 16)


def test_pickled_weights_become_safetensors_with_the_same_numbers(hub):
    import torch
    from safetensors.torch import load_file

    write_loadable_esm(hub.root / "lab/old")
    weights = load_file(hub.root / "lab/old/model.safetensors")
    weights["decoder.block.0.weight"] = torch.zeros(3)
    (hub.root / "lab/old/model.safetensors").unlink()
    for i, part in enumerate((list(weights)[::2], list(weights)[1::2])):
        path = hub.root / f"lab/old/pytorch_model-0000{i + 1}-of-00002.bin"
        torch.save({name: weights[name] for name in part}, path, _use_new_zipfile_serialization=i == 0)
    (hub.root / "lab/old/pytorch_model_600k.bin").write_bytes(b"an extra checkpoint")

    assert download("lab/old").state == "finished"

    folder = locate_backbone(find_backbone("lab/old"))
    assert not list(folder.glob("*.bin"))
    names = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    assert set(names) == set(weights) - {"decoder.block.0.weight"}
    for name, file in names.items():
        assert torch.equal(load_file(folder / file)[name], weights[name])


def test_a_pickle_that_would_run_code_is_not_opened(hub, tmp_path):
    import torch

    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    write_tiny_esm(hub.root / "lab/trap")
    (hub.root / "lab/trap/model.safetensors").unlink()
    torch.save({"weight": Trap()}, hub.root / "lab/trap/pytorch_model.bin")
    status = download("lab/trap")
    assert status.state == "failed"
    assert "holds more than plain weights" in status.message
    assert not (tmp_path / "sprung").exists()


def test_a_broken_connection_is_continued_at_the_byte_where_it_broke(hub):
    write_tiny_esm(hub.root / "lab/broken", kilobytes=3000)
    hub.break_after = 1_000_000
    assert download("lab/broken").state == "finished"
    ranges = [wanted for name, wanted in hub.asked if name == "model.safetensors"]
    assert ranges[0] == ""
    assert ranges[1].startswith("bytes=") and 0 < int(ranges[1][6:-1]) <= 1_000_000
    source = (hub.root / "lab/broken/model.safetensors").read_bytes()
    assert (locate_backbone(find_backbone("lab/broken")) / "model.safetensors").read_bytes() == source


def test_stop_takes_effect_at_once_and_the_next_try_goes_on(hub):
    write_tiny_esm(hub.root / "lab/slow", kilobytes=4000)
    hub.chunk_pause = 0.2
    folder = start("lab/slow")
    wait_for_bytes(folder, 1_000_000)
    stop_run(folder)
    asked_at = time.monotonic()
    assert wait(folder).state == "stopped"
    assert time.monotonic() - asked_at < 3
    backbone = find_backbone("lab/slow")
    assert backbone_state(backbone) == "download"
    partial = backbone_folder(backbone).with_name("lab-slow.partial")
    have = (partial / "model.safetensors").stat().st_size
    assert have >= 900_000

    hub.chunk_pause = 0.0
    resume_run(folder)
    assert wait(folder).state == "finished"
    assert hub.asked[-1] == ("model.safetensors", f"bytes={have}-")
    assert is_complete(locate_backbone(backbone))


def test_a_file_that_arrives_damaged_is_not_kept(hub):
    write_tiny_esm(hub.root / "lab/damaged")
    hub.corrupt = True
    status = download("lab/damaged")
    assert status.state == "failed"
    assert "arrived damaged" in status.message or "config.json" in status.message
    assert backbone_state(find_backbone("lab/damaged")) == "download"


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (404, {"X-Error-Code": "RepoNotFound"}, "has no model 'lab/refused'"),
        (401, {}, "has no model 'lab/refused'"),
        (403, {"X-Error-Code": "GatedRepo"}, "wants its terms accepted first"),
        (403, {}, "refused 'lab/refused' (answer 403)"),
        (500, {}, "refused 'lab/refused' (answer 500)"),
        (404, {"X-Error-Code": "RevisionNotFound"}, "has no revision"),
    ],
)
def test_a_refusal_is_one_sentence(hub, status, headers, said):
    hub.refuse["lab/refused"] = (status, headers)
    started = time.monotonic()
    ended = download("lab/refused")
    assert ended.state == "failed"
    assert said in ended.message
    assert "\n" not in ended.message
    assert time.monotonic() - started < 15


def test_a_hub_out_of_reach_is_said_within_seconds(hub, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
    started = time.monotonic()
    ended = download("esm2-8m")
    assert ended.message.startswith("The Hugging Face hub cannot be reached from this computer.")
    assert "hf download facebook/esm2_t6_8M_UR50D" in ended.message
    assert time.monotonic() - started < 10


def test_a_hub_that_never_answers_is_given_up(hub):
    write_tiny_esm(hub.root / "lab/mute")
    hub.silent_seconds = 60
    started = time.monotonic()
    assert "cannot be reached" in download("lab/mute").message
    assert time.monotonic() - started < 12


def test_offline_mode_is_named(hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE is set" in download("esm2-8m").message


def test_custom_code_is_refused_before_the_weights_are_fetched(hub):
    folder = write_tiny_esm(hub.root / "lab/custom")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "evil.Model"}}))
    status = download("lab/custom")
    assert "brings program code of its own" in status.message
    assert "model.safetensors" not in [name for name, _ in hub.asked]


def test_a_repository_without_a_model_is_named(hub):
    (hub.root / "lab/empty").mkdir(parents=True)
    assert "has no config.json" in download("lab/empty").message
    write_tiny_esm(hub.root / "lab/flax")
    (hub.root / "lab/flax/model.safetensors").rename(hub.root / "lab/flax/flax_model.msgpack")
    assert "has no weights for PyTorch" in download("lab/flax").message


def test_one_backbone_is_downloaded_once_at_a_time(hub):
    write_tiny_esm(hub.root / "lab/twice", kilobytes=1000)
    hub.chunk_pause = 0.3
    first = start("lab/twice")
    wait_for_bytes(first, 1)
    assert "is being downloaded already" in download("lab/twice").message
    stop_run(first)
    wait(first)
