"""How the embedded backbones are made: what is hidden, what is kept apart, and a lesson with labels beside."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_backbones import make_esm
from torch.nn import functional

from biotl_core.backbones.attention import packed_attention
from biotl_core.backbones.encoder import load_encoder
from biotl_core.backbones.matmul import choose_matmul
from biotl_core.backbones.tokenizer import Tokenizer, Tokens
from biotl_core.data.mmseqs import find_mmseqs
from biotl_core.learning.adaptation import _cut, _hide, adapt
from biotl_core.learning.adaptation_settings import AdaptationSettings
from biotl_core.learning.blank_backbone import make_blank
from pretraining.corpora import Corpus, read_corpus, without_protein_relatives, without_relatives
from pretraining.lessons import SecondaryStructureLesson

SETTINGS = AdaptationSettings(tokens=3000, batch_tokens=300, learning_rate=3e-3, crop_length=64)


def test_hidden_letters_have_their_shares_and_special_tokens_stay():
    generator = np.random.default_rng(0)
    sequences = [np.concatenate([[0], generator.integers(4, 24, 300), [2]]) for _ in range(100)]
    flat = np.concatenate(sequences)
    hidden, chosen, answers = _hide(Tokens(sequences, 1, 1), 30, np.random.default_rng(1))
    assert not np.isin(flat[chosen], [0, 2]).any()
    assert (answers == flat[chosen]).all()
    untouched = np.setdiff1d(np.arange(len(flat)), chosen)
    assert (hidden[untouched] == flat[untouched]).all()
    assert len(chosen) / 30_000 == pytest.approx(0.15, abs=0.01)
    assert (hidden[chosen] == 30).mean() == pytest.approx(0.8, abs=0.02)
    is_other = (hidden[chosen] != 30) & (hidden[chosen] != answers)
    assert is_other.mean() == pytest.approx(0.1 * 19 / 20, abs=0.02)
    assert np.isin(hidden[chosen[is_other]], np.arange(4, 24)).all()


def test_at_least_one_letter_is_hidden():
    _, chosen, answers = _hide(Tokens([np.array([0, 5, 2])], 1, 1), 30, np.random.default_rng(0))
    assert chosen.tolist() == [1] and answers.tolist() == [5]


@pytest.mark.parametrize(("length", "cut"), [(1, 1), (63, 63), (64, 64), (95, 64), (200, 192), (900, 256)])
def test_long_stretches_are_multiples_of_32(length, cut):
    assert _cut(length, 256) == cut


def test_attention_in_half_precision_is_that_of_the_kernel():
    torch.manual_seed(0)
    lengths = (40, 40, 7, 600)
    q, k, v = (torch.randn(1, 2, sum(lengths), 8) for _ in range(3))
    exact, _ = packed_attention(torch.nn.Identity(), q, k, v, None, sequence_lengths=lengths)
    for out in (
        packed_attention(
            torch.nn.Identity(), *(t.bfloat16() for t in (q, k, v)), None, sequence_lengths=lengths
        )[0],
        _autocast(q, k, v, lengths),
    ):
        assert out.shape == exact.shape
        cosine = functional.cosine_similarity(out.float().flatten(1), exact.flatten(1))
        assert cosine.item() > 0.9999


def test_a_backbone_reads_in_mixed_precision_as_without(tmp_path):
    choose_matmul()  # asked before, as by whatever read in this process already
    encoder = load_encoder(make_esm(tmp_path / "esm"), "protein")
    tokens = encoder.encode(["MKTAYIAKQR" * 3, "ACDEF"])
    with torch.no_grad():
        exact = encoder(tokens).states
        with torch.autocast("cpu", torch.bfloat16):
            mixed = encoder(tokens).states
    assert functional.cosine_similarity(mixed.float(), exact).min() > 0.999


def _autocast(q, k, v, lengths):
    with torch.autocast("cpu", torch.bfloat16):
        return packed_attention(torch.nn.Identity(), q, k, v, None, sequence_lengths=lengths)[0]


def test_a_corpus_comes_back_as_it_was_written(tmp_path):
    corpus = Corpus(["MKV", "AC"], ["WWW"], "from here", "CC BY 4.0")
    corpus.write(tmp_path, "protein")
    assert read_corpus(tmp_path, "protein") == corpus


def test_sequences_that_share_words_with_a_test_are_left_out():
    assert without_relatives(["ACGTACGT", "TTTTTTTT"], {"GTAC"}, 4, 0) == ["TTTTTTTT"]


@pytest.mark.skipif(find_mmseqs() is None, reason="needs MMseqs2")
def test_relatives_of_test_proteins_are_left_out():
    generator = np.random.default_rng(5)
    letters = np.array(list("ACDEFGHIKLMNPQRSTVWY"))
    target = generator.choice(letters, 150)
    near, far = target.copy(), generator.choice(letters, 150)
    changed = generator.choice(150, 45, replace=False)  # 70 % identity
    near[changed] = generator.choice(letters, 45)
    part = np.concatenate([generator.choice(letters, 60), target[30:100]])
    pool = ["".join(s) for s in (near, far, part)]
    assert without_protein_relatives(pool, ["".join(target)]) == [pool[1]]


@pytest.fixture
def lesson(tmp_path):
    """Twenty proteins in which every A, L and E is a helix."""
    generator = np.random.default_rng(2)
    sequences = ["".join(generator.choice(list("ALEGPV"), 70)) for _ in range(20)]
    table = pd.DataFrame({"sequence": sequences})
    table["labels"] = ["".join("H" if c in "ALE" else "C" for c in s) for s in sequences]
    table["mask"] = ["uu" + "R" * 68] * 20
    table.to_parquet(tmp_path / "secondary_structure.parquet")
    return lambda: SecondaryStructureLesson(tmp_path, 16, letters_a_step=200)


def test_a_lesson_passes_over_what_is_not_resolved(lesson):
    assert (lesson().classes[0][:2] == -100).all() and (lesson().classes[0][2:] >= 0).all()


def test_a_lesson_is_learned_beside_the_hidden_letters(lesson, tmp_path):
    blank = make_blank(tmp_path / "blank", "protein", 32, 1)
    torch.manual_seed(0)
    taught = lesson()
    taught.head = torch.nn.Linear(32, 3)
    before = taught.head.weight.clone()
    losses, whole = [], taught.loss

    def noted(encoder, step):
        losses.append(whole(encoder, step))
        return losses[-1]

    taught.loss = noted
    adapt(
        blank, taught.sequences, taught.sequences, "protein", tmp_path / "new",
        replace(SETTINGS, tokens=30_000), from_scratch=True, side_task=taught,
    )  # fmt: skip
    assert float(losses[-1].detach()) < 0.5 * float(losses[0].detach())
    assert not torch.equal(before, taught.head.weight)
    checkpoint = torch.load(tmp_path / "new" / "checkpoint" / "last.pt", weights_only=True)
    assert torch.equal(checkpoint["model"]["1.weight"], taught.head.weight)  # a resumed one goes on with it


def test_the_same_step_gives_the_same_lesson(lesson, tmp_path):
    folder = make_esm(tmp_path / "esm")
    encoder = load_encoder(folder, "protein")
    assert isinstance(encoder.tokenizer, Tokenizer)
    torch.manual_seed(0)
    taught = lesson()
    taught.head = torch.nn.Linear(encoder.width, 3)
    assert torch.equal(taught.loss(encoder, 5), taught.loss(encoder, 5))
    assert not torch.equal(taught.loss(encoder, 5), taught.loss(encoder, 6))
