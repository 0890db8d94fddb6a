"""ESMFold and ESMFold2 end to end, on tiny networks with random weights made here: nothing of theirs is biology."""

import numpy as np
import pytest
import torch
from transformers import EsmConfig, EsmFold2Config, EsmFold2Model, EsmForProteinFolding, EsmTokenizer

from biotl_core.errors import UserError
from biotl_core.hardware import Device
from biotl_core.structures import esmfold
from biotl_core.structures.engines import ENGINES, FoldSettings, open_engine, predict_structure
from biotl_core.structures.esmfold import check_memory, join_chains, longest_sequence, with_smaller_chunks
from biotl_core.structures.result_files import read_saved, save_result

RANDOM = "random weights, made in a test"
VOCABULARY = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>"]
SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQ"


@pytest.fixture
def tiny_esmfold(biotl_home):
    """A tiny ESMFold with random weights where BioTL looks for a downloaded one."""
    folder = biotl_home / "backbones" / "facebook-esmfold_v1"
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY))
    trunk = {
        "num_blocks": 1, "sequence_state_dim": 16, "pairwise_state_dim": 8, "sequence_head_width": 4,
        "pairwise_head_width": 4, "position_bins": 8, "max_recycles": 1,
        "structure_module": {
            "sequence_dim": 16, "pairwise_dim": 8, "ipa_dim": 4, "resnet_dim": 8, "num_heads_ipa": 2,
            "num_qk_points": 2, "num_v_points": 2, "num_blocks": 2, "num_resnet_blocks": 1,
        },
    }  # fmt: skip
    config = EsmConfig(
        vocab_size=33, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        pad_token_id=1, mask_token_id=32, position_embedding_type="rotary", is_folding_model=True,
        max_position_embeddings=1026, vocab_list=VOCABULARY,
        esmfold_config={"trunk": trunk, "lddt_head_hid_dim": 8, "fp16_esm": False},
    )  # fmt: skip
    torch.manual_seed(0)
    EsmForProteinFolding(config).save_pretrained(folder)
    EsmTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


@pytest.fixture
def roomy(monkeypatch):
    """A processor with memory enough, whatever machine runs the tests."""
    monkeypatch.setattr(esmfold, "resolve_device", lambda name: Device("cpu", "processor", 64.0, 64.0, 2))


def test_one_chain_end_to_end(tiny_esmfold, roomy, tmp_path):
    result = predict_structure(SEQUENCE, "esmfold", settings=FoldSettings(recycles=0), name=RANDOM)
    assert result.sequence == SEQUENCE and len(result.ca) == len(SEQUENCE)
    assert result.confidence_kind == "pLDDT" and 1 < result.confidence.mean() < 100  # scaled once, not 0 to 1
    assert result.atoms.b_factor.max() <= 100 and result.atoms.b_factor.max() > 1
    assert result.pae.shape == (22, 22) and result.distogram.shape[:2] == (22, 22)
    assert result.distogram.sum(axis=-1) == pytest.approx(1, abs=1e-3)
    assert set(result.atoms.chain_id) == {"A"} and result.atoms.res_id.max() == 22
    saved = read_saved(save_result(result, tmp_path / "saved"))
    assert saved.pae == pytest.approx(result.pae, abs=0.05)
    assert saved.about["confidence_kind"] == "pLDDT"


def test_a_complex_has_its_own_chains_without_linkers(tiny_esmfold, roomy):
    result = predict_structure(
        f"{SEQUENCE}:MKTAYIAKQRQI", "esmfold", settings=FoldSettings(recycles=0), name=RANDOM
    )
    assert result.chains == ("A", "B") and result.sequence == SEQUENCE + "MKTAYIAKQRQI"
    second = result.atoms[result.atoms.chain_id == "B"]
    assert second.res_id.min() == 1 and second.res_id.max() == 12
    assert result.pae.shape == (34, 34)
    assert any("complex of 2 chains" in note for note in result.notes)


def test_lengths_of_a_batch_do_not_touch_one_another(tiny_esmfold, roomy):
    from biotl_core.progress import Control

    predict = open_engine("esmfold", [], FoldSettings(recycles=0))
    alone = predict(SEQUENCE, RANDOM, Control())
    predict("MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGD", RANDOM, Control())
    again = predict(SEQUENCE, RANDOM, Control())
    assert again.scores["ptm"] == pytest.approx(alone.scores["ptm"])
    assert again.confidence == pytest.approx(alone.confidence, abs=1e-3)


def test_the_memory_is_asked_first(tiny_esmfold, monkeypatch):
    small = Device("cuda", "a card", 16.0, 15.0, 4)
    assert longest_sequence("esmfold", small) == 900 and longest_sequence("esmfold2", small) == 0
    with pytest.raises(UserError, match=r"1,000 residues; with 16 GB of graphics memory, up to 900"):
        check_memory(ENGINES["esmfold"], "long", 1000, small, over_memory=False)
    check_memory(ENGINES["esmfold"], "long", 1000, small, over_memory=True)
    with pytest.raises(UserError, match="does not fit at all"):
        check_memory(ENGINES["esmfold2"], "any", 50, small, over_memory=False)
    monkeypatch.setattr(esmfold, "resolve_device", lambda name: Device("cpu", "processor", 64.0, 64.0, 2))
    with pytest.raises(UserError, match="up to 400"):
        predict_structure("MKTAYIAKQR" * 50, "esmfold")


def test_too_little_memory_halves_the_chunk():
    tried = []

    def run(chunk: int) -> str:
        tried.append(chunk)
        if chunk > 32:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return "done"

    assert with_smaller_chunks(run, 128, "x") == ("done", 32)
    assert tried == [128, 64, 32]

    def never(chunk: int) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate")

    with pytest.raises(UserError, match="smallest pieces"):
        with_smaller_chunks(never, 64, "x")

    def broken(chunk: int) -> None:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        with_smaller_chunks(broken, 64, "x")


def test_chains_are_joined_with_jumps():
    joined = join_chains(["MKTA", "AY", "WW"])
    assert len(joined.sequence) == 4 + 25 + 2 + 25 + 2
    assert joined.positions[29] - joined.positions[28] == 1 + 512
    assert (np.bincount(joined.chain[joined.chain >= 0]) == [4, 2, 2]).all()


def test_a_damaged_folder_is_one_sentence(tiny_esmfold, roomy):
    (tiny_esmfold / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(UserError, match="could not be loaded"):
        predict_structure(SEQUENCE, "esmfold")


def test_weights_that_are_missing_are_not_made_up(tiny_esmfold, roomy):
    from safetensors.torch import load_file, save_file

    weights = load_file(tiny_esmfold / "model.safetensors")
    kept = {name: value for name, value in weights.items() if not name.startswith("trunk.")}
    save_file(kept, tiny_esmfold / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="would fold at random"):
        predict_structure(SEQUENCE, "esmfold")


@pytest.fixture
def tiny_esmfold2(biotl_home):
    """A tiny ESMFold2 with random weights where BioTL looks for a downloaded one."""
    folder = biotl_home / "backbones" / "biohub-ESMFold2"
    folder.mkdir(parents=True)
    atom = {
        "hidden_size": 64,
        "output_dim": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    config = EsmFold2Config(
        hidden_size=16,
        pairwise_hidden_size=16,
        single_inputs_size=16 + 67,
        pair_transition_intermediate_size=16,
        folding_trunk_num_hidden_layers=1,
        parcae_num_coda_layers=1,
        num_loops=1,
        atom_encoder=atom,
        structure_head={
            "num_diffusion_samples": 1,
            "inference_num_steps": 4,
            "num_distogram_bins": 16,
            "diffusion_module": {
                "hidden_size": 16, "fourier_dim": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
                "intermediate_size": 16, "pair_intermediate_size": 16, "atom_encoder": atom,
            },
        },
        confidence_head={"num_hidden_layers": 1, "distogram_bins": 16},
        msa_encoder={"enabled": False, "hidden_size": 16},
        lm_encoder={"num_hidden_layers": 1},
        esmc_config={
            "model_type": "esmc", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 32,
        },
    )  # fmt: skip
    torch.manual_seed(0)
    EsmFold2Model(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY))
    EsmTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def test_esmfold2_end_to_end(tiny_esmfold2, roomy):
    settings = FoldSettings(loops=1, samples=2)
    result = predict_structure(SEQUENCE, "esmfold2", settings=settings, name=RANDOM)
    assert result.sequence == SEQUENCE and len(result.ca) == len(SEQUENCE)
    assert result.confidence_kind == "pLDDT" and 1 < result.confidence.mean() < 100
    assert result.pae.shape == (22, 22)
    assert set(result.atoms.chain_id) == {"A"} and result.atoms.res_id.min() == 1
    again = predict_structure(SEQUENCE, "esmfold2", settings=settings, name=RANDOM)
    assert again.ca == pytest.approx(result.ca, abs=1e-3)  # the seed is kept
    with pytest.raises(UserError, match="one chain at a time"):
        predict_structure("MKTAYIAKQR:MKTAYIAKQR", "esmfold2")


def test_the_table_of_time_and_memory_can_be_rehearsed(monkeypatch, capsys):
    from benchmarks import esmfold_memory

    arguments = ["esmfold_memory", "--tiny", "--device", "cpu", "--lengths", "12,20", "--crops", "16"]
    monkeypatch.setattr("sys.argv", arguments)
    esmfold_memory.main()
    told = capsys.readouterr().out
    assert "A NETWORK OF NO SIZE" in told and "random weights" in told
    assert told.count("fold ") >= 2 and "adapt     16 residues" in told and "does not fit" not in told
