"""Runs of kind "adapt": from sequences to a backbone among the others; what is refused; and the verb `adapt`."""

import json
import zipfile
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file
from tiny_backbones import make_esm, make_t5
from tiny_models import write_tiny_esm

from biotl_core import cli
from biotl_core.backbones.adaptable import can_be_adapted, why_not_adaptable
from biotl_core.backbones.catalogue import backbone_state, find_backbone, list_backbones, locate_backbone
from biotl_core.backbones.embeddings import MemoryStore, embed
from biotl_core.backbones.encoder import load_encoder
from biotl_core.backbones.folders import read_card
from biotl_core.backbones.importing import import_folder, is_own, remove_backbone, zip_backbone
from biotl_core.data.unlabelled import Unlabelled
from biotl_core.errors import UserError
from biotl_core.hardware import Device
from biotl_core.learning.adaptation_settings import AdaptationResult, AdaptationSettings
from biotl_core.progress import Control, Stopped
from biotl_core.runs.adapt_run import adapt_run
from biotl_core.runs.adaptations import (
    HoldingOut,
    NewModel,
    create_adaptation,
    estimate_seconds,
    made_backbone,
    read_adaptation,
    say_cost,
    say_outcome,
    usual_letters,
)
from biotl_core.runs.folder import list_runs, read_config, read_history, read_result
from biotl_core.runs.following import describe_epoch
from biotl_core.runs.request import default_backbone

SETTINGS = AdaptationSettings(tokens=4000, batch_tokens=400, learning_rate=3e-3, crop_length=40)
RANDOM = HoldingOut("random")


def sequences(n: int = 60) -> list[str]:
    """Different sequences that repeat one motif, with one letter changed."""
    rng = np.random.default_rng(0)
    found = []
    for i in range(n):
        letters = list(("MKTAYIAKQR" * 6)[i % 10 : i % 10 + 40])
        letters[int(rng.integers(40))] = "ACDEFGHIKLMNPQRSTVWY"[int(rng.integers(20))]
        found.append("".join(letters) + "W" * (i // 10))
    return list(dict.fromkeys(found))


def unlabelled(found: list[str] | None = None) -> Unlabelled:
    found = found or sequences()
    table = pd.DataFrame({"name": [f"s{i}" for i in range(len(found))], "sequence": found})
    return Unlabelled(table, "protein", "my *phages*.fasta", table.head(0), ("2 rows left out.",))


@pytest.fixture
def tiny(biotl_home):
    return find_backbone(make_esm(biotl_home / "backbones" / "tiny").name)


def stopping_after(n: int) -> Control:
    answers = iter([False] * n + [True] * 1000)
    return Control(should_stop=lambda: next(answers))


def test_a_run_ends_in_a_backbone_that_can_be_used(tiny):
    run = create_adaptation(unlabelled(), tiny, "my phages", SETTINGS, RANDOM)
    told = adapt_run(run, Control())
    result = read_adaptation(run)
    assert result.verdict == "helped" and told.startswith("It helped: held-out perplexity fell from")
    made = made_backbone(run)
    assert made.name == "my-phages" and made.title == "my phages (adapted from tiny)"
    assert (
        made.note == f"Read my *phages*.fasta. {say_outcome(result)}"
        and made.licence == tiny.licence
        and made.layers == tiny.layers
    )
    assert backbone_state(made) == "here" and is_own(made) and can_be_adapted(made)
    encoder = load_encoder(locate_backbone(made), "protein")
    assert np.isfinite(embed(encoder, ["MKTAYIAKQR"], "sequence", MemoryStore())[0]).all()
    card = read_card(locate_backbone(made))
    assert "my phages .fasta" in card and "2 rows left out." in card
    assert f"{result.perplexity_before:.2f} before, {result.perplexity_after:.2f} after" in card
    assert {path.name for path in locate_backbone(made).iterdir()} >= {
        "config.json",
        "model.safetensors",
        "README.md",
    }
    assert not (run / "model").exists()
    history = read_history(run)
    assert [point["tokens"] for point in history] == sorted({point["tokens"] for point in history})
    assert "held-out perplexity" in describe_epoch(history[-1])
    assert read_result(run)["n_learned"] + read_result(run)["n_held_out"] == len(sequences())
    remove_backbone(made)
    assert made_backbone(run) is None and made not in list_backbones()
    assert default_backbone("protein").name == "biotl-protein"


def test_a_stopped_run_ends_like_one_that_was_not(tiny):
    whole = create_adaptation(unlabelled(), tiny, "whole", SETTINGS, RANDOM)
    adapt_run(whole, Control())
    parts = create_adaptation(unlabelled(), tiny, "parts", SETTINGS, RANDOM)
    for asked in (1, 6, 4):
        with pytest.raises(Stopped):
            adapt_run(parts, stopping_after(asked))
    adapt_run(parts, Control())
    assert read_history(parts) == read_history(whole)
    assert replace(read_adaptation(parts), seconds=0) == replace(read_adaptation(whole), seconds=0)
    ours, theirs = (
        load_file(locate_backbone(made_backbone(run)) / "model.safetensors") for run in (parts, whole)
    )
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours | theirs)


def test_what_was_killed_after_the_end_is_not_made_twice(tiny):
    run = create_adaptation(unlabelled(), tiny, "twice", SETTINGS, RANDOM)
    adapt_run(run, Control())
    (run / "result.json").unlink()  # killed between the new backbone and the result
    adapt_run(run, Control())
    assert made_backbone(run).name == "twice"
    assert [one.name for one in list_backbones() if one.name.startswith("twice")] == ["twice"]


def test_a_name_taken_meanwhile_loses_no_work(tiny, biotl_home):
    run = create_adaptation(unlabelled(), tiny, "mine", SETTINGS, RANDOM)
    make_esm(biotl_home / "backbones" / "mine")
    adapt_run(run, Control())
    assert made_backbone(run).name == "mine-2"


def test_a_new_backbone_from_random_weights(biotl_home):
    run = create_adaptation(unlabelled(), NewModel(32, 1), "fresh", SETTINGS, RANDOM)
    adapt_run(run, Control())
    made = made_backbone(run)
    assert made.title == "fresh (made here)" and made.layers == 1 and made.width == 32
    assert "random weights (1 layers, width 32)" in read_card(locate_backbone(made))


def test_what_cannot_start_is_said_before(tiny, tmp_path, monkeypatch):
    def refused(found, start, name="new"):
        with pytest.raises(UserError) as error:
            create_adaptation(unlabelled(found), start, name, SETTINGS)
        assert list_runs("adapt") == []
        return str(error.value)

    assert "at least 20" in refused(sequences(5), tiny)
    assert "reads DNA" in refused(None, find_backbone("biotl-dna"))
    assert "t5 model" in refused(None, find_backbone(str(make_t5(tmp_path / "t5")), "protein"))
    assert "no weights for naming" in refused(None, find_backbone(str(write_tiny_esm(tmp_path / "bare"))))
    assert "already a backbone" in refused(None, tiny, "tiny")
    assert "needs a name" in refused(None, tiny, "!!!")
    assert "multiple of 32" in refused(None, NewModel(33, 1))
    assert "not on this computer" in refused(None, find_backbone("esm2-8m"))
    masks = make_esm(tmp_path / "unmasked")
    for path in (*masks.glob("*.txt"), *masks.glob("token*"), *masks.glob("*map.json")):
        path.write_text(path.read_text().replace("<mask>", "<none>"))
    assert "no mask token" in why_not_adaptable(find_backbone(str(masks), "protein"))
    monkeypatch.setattr("biotl_core.runs.adaptations._BYTES_A_WEIGHT", 1e18)
    assert "Make room" in refused(None, tiny)


def test_no_stretch_is_longer_than_the_backbone_reads(tiny):
    wide = replace(SETTINGS, crop_length=5000)
    config = read_config(create_adaptation(unlabelled(), tiny, "mine", wide, RANDOM))
    assert config["settings"]["crop_length"] == tiny.max_length
    assert f"at most {tiny.max_length:,} letters" in config["notes"][-1]


def test_a_damaged_backbone_is_not_offered(biotl_home):
    make_esm(biotl_home / "backbones" / "esm2-8m")
    assert can_be_adapted(find_backbone("esm2-8m"))
    for length in (2**62, 64, 0):
        broken = biotl_home / "backbones" / "esm2-8m" / "model.safetensors"
        broken.write_bytes(length.to_bytes(8, "little") + b"\xff" * 64)
        (broken.parent / "config.json").touch()
        assert not can_be_adapted(find_backbone("esm2-8m"))


def test_a_name_that_is_being_made_is_taken(tiny, monkeypatch):
    monkeypatch.setattr("biotl_core.runs.status.is_held", lambda path: True)
    create_adaptation(unlabelled(), tiny, "mine", SETTINGS)
    with pytest.raises(UserError, match="is being made already"):
        create_adaptation(unlabelled(), tiny, "mine", SETTINGS)


@pytest.mark.parametrize("wrong", [{"kind": "luck"}, {"share": 0.9}, {"identity": 0.0}])
def test_ways_to_hold_out_that_are_none(wrong):
    with pytest.raises(UserError):
        HoldingOut(**wrong)


def test_worse_is_said_plainly_with_the_number():
    worse = AdaptationResult(10.0, 11.5, 10, 1, 1.0, 1.1, 1.2)
    assert say_outcome(worse).startswith("It did not help: held-out perplexity rose from 10.0 to 11.5")
    same = AdaptationResult(10.0, 9.9, 10, 1, 1.0, 0.9, 1.1)
    assert "no difference that can be told" in say_outcome(same) and "1.0 %" in say_outcome(same)


def test_the_cost_grows_with_the_letters(tiny):
    device = Device("cpu", "processor", 8.0, 8.0, 2)
    lengths = np.full(100, 40)
    few, many = (
        estimate_seconds(tiny, lengths, replace(SETTINGS, tokens=n), device) for n in (10**6, 2 * 10**6)
    )
    one = estimate_seconds(tiny, lengths, replace(SETTINGS, tokens=1), device)
    assert many - one == pytest.approx(2 * (few - one), rel=1e-3)
    assert say_cost(tiny, lengths, SETTINGS, device).startswith("Roughly ")
    assert usual_letters(tiny, lengths, SETTINGS, device) == 100_000
    small = replace(device, free_memory_gb=0.0)
    assert "choose a smaller backbone" in say_cost(tiny, lengths, SETTINGS, small)


def test_the_zip_can_be_imported_again(tiny, tmp_path):
    packed = zip_backbone(tiny, tmp_path / "tiny.zip")
    assert all(name.startswith("tiny/") for name in zipfile.ZipFile(packed).namelist())
    again = import_folder(packed, "again", "protein")
    assert again.parameters_millions == tiny.parameters_millions


def test_the_verb_adapts_in_a_worker(tiny, tmp_path, capsys):
    file = tmp_path / "mine.fasta"
    file.write_text("".join(f">s{i}\n{one}\n" for i, one in enumerate(sequences())))
    arguments = ["adapt", str(file), "--backbone", "tiny", "--name", "mine", "--letters", "2e3", "--json",
                 "--hold-out", "random", "-o", str(tmp_path / "copy"), "--batch-tokens", "400"]  # fmt: skip
    assert cli.main(arguments) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["made"] == "mine" and answer["perplexity_before"] > 1
    assert answer["verdict"] in ("helped", "no difference", "did not help")
    assert (tmp_path / "copy" / "model.safetensors").is_file()
    config = read_config(list_runs("adapt")[0].folder)
    assert config["settings"] == asdict(AdaptationSettings(2000, 400, learning_rate=5e-4))
    assert cli.main(arguments) == 2  # name and folder are taken


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["adapt"], "Name a file of sequences"),
        (
            ["adapt", "x.fasta", "--name", "x", "--backbone", "tiny", "--from-scratch"],
            "Name a file of sequences",
        ),
        (["adapt", "--resume", "never"], "no run called"),
        (["adapt", "x.fasta", "--name", "x", "--backbone", "tiny"], "Cannot open"),
    ],
)
def test_the_verb_says_what_is_missing(arguments, says, tiny, capsys):
    assert cli.main(arguments) == 2
    assert says in capsys.readouterr().err


def test_the_verb_refuses_letters_that_are_no_number(tiny, tmp_path, capsys):
    file = tmp_path / "mine.fasta"
    file.write_text("".join(f">s{i}\n{one}\n" for i, one in enumerate(sequences())))
    base = ["adapt", str(file), "--backbone", "tiny", "--name", "mine"]
    for letters in ("nan", "inf", "0.2"):
        assert cli.main([*base, "--letters", letters]) == 2
        assert "allowed is" in capsys.readouterr().err
