"""Continued and new masked-language-model training: it learns, tells honestly, and an interruption changes nothing."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_backbones import LETTERS, make_esm, make_t5
from transformers import AutoModelForMaskedLM, BertConfig, BertForMaskedLM, BertTokenizer

from biotl_core.errors import UserError
from biotl_core.learning.adaptation import adapt
from biotl_core.learning.adaptation_settings import AdaptationSettings, judge_losses, look_at
from biotl_core.learning.blank_backbone import make_blank
from biotl_core.progress import Control, Stopped

SETTINGS = AdaptationSettings(tokens=6000, batch_tokens=300, learning_rate=3e-3, crop_length=40, seed=3)


def repetitive(n: int, seed: int) -> list[str]:
    """Sequences that repeat one motif from a random place on: easy to learn."""
    rng = np.random.default_rng(seed)
    return [("MKTAYIAKQR" * 8)[i : i + 30 + i] for i in rng.integers(0, 10, n)]


@pytest.fixture
def bert(tmp_path):
    """A BERT with dropout and a language head: what it draws must not depend on interruptions."""
    folder = tmp_path / "bert"
    folder.mkdir()
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizer(str(folder / "vocab.txt"), do_lower_case=False).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64, hidden_dropout_prob=0.1,
    )  # fmt: skip
    BertForMaskedLM(config).save_pretrained(folder)
    return folder


def weights(folder) -> dict[str, torch.Tensor]:
    return AutoModelForMaskedLM.from_pretrained(folder, local_files_only=True).state_dict()


def test_an_interrupted_training_ends_like_an_uninterrupted_one(bert, tmp_path):
    learned, held_out = repetitive(60, 0), repetitive(20, 1)
    whole_points, points = [], []
    whole = adapt(
        bert, learned, held_out, "protein", tmp_path / "whole", SETTINGS, follow=whole_points.append
    )
    answers = iter([False] * 9 + [True])
    with pytest.raises(Stopped):
        adapt(
            bert, learned, held_out, "protein", tmp_path / "parts", SETTINGS, follow=points.append,
            control=Control(should_stop=lambda: next(answers)),
        )  # fmt: skip
    done = points[-1][-1]
    assert 0 < done.tokens < SETTINGS.tokens
    torch.rand(5)  # whoever draws in between
    resumed = adapt(bert, learned, held_out, "protein", tmp_path / "parts", SETTINGS, follow=points.append)
    assert replace(resumed, seconds=0) == replace(whole, seconds=0)
    assert points[-1] == whole_points[-1]
    ours, theirs = weights(tmp_path / "parts"), weights(tmp_path / "whole")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_what_can_be_learned_is_learned_and_told(tmp_path):
    folder = make_esm(tmp_path / "esm")
    points = []
    result = adapt(
        folder, repetitive(60, 0), repetitive(40, 1), "protein", tmp_path / "new",
        replace(SETTINGS, tokens=20_000), follow=points.append,
    )  # fmt: skip
    assert result.verdict == "helped" and result.change_high < 1
    assert result.perplexity_after < 0.5 * result.perplexity_before
    history = points[-1]
    assert history[0].tokens == 0 and history[0].loss is None
    assert history[0].perplexity == pytest.approx(result.perplexity_before)
    assert history[-1].tokens == result.tokens >= 20_000
    assert history[-1].perplexity == pytest.approx(result.perplexity_after)
    assert json.loads((tmp_path / "new" / "adaptation.json").read_text())["result"]["steps"] == result.steps


def test_a_new_model_knows_nothing_before_and_something_after(tmp_path):
    blank = make_blank(tmp_path / "blank", "dna", 32, 1)
    sequences = ["ACGGT" * 12] * 40
    result = adapt(
        blank,
        sequences,
        sequences,
        "dna",
        tmp_path / "new",
        replace(SETTINGS, tokens=20_000),
        from_scratch=True,
    )
    assert result.perplexity_before == pytest.approx(10, rel=0.9)  # of ten tokens it knows none
    assert result.verdict == "helped" and result.perplexity_after < 0.6 * result.perplexity_before
    assert AutoModelForMaskedLM.from_pretrained(tmp_path / "new").config.num_hidden_layers == 1


def test_what_cannot_be_adapted_says_so(tmp_path):
    with pytest.raises(UserError, match="t5 model; adapting works for"):
        adapt(make_t5(tmp_path / "t5"), ["MKV"], ["MKV"], "protein", tmp_path / "new", SETTINGS)
    with pytest.raises(UserError, match="at least 20"):
        adapt(make_esm(tmp_path / "esm"), ["MKV"], [], "protein", tmp_path / "new", SETTINGS)


def test_the_verdict_goes_by_the_interval():
    helped = judge_losses([2.0, 2.1, 2.2], [1.9, 2.0, 2.1], 10, 1, 1.0)
    assert helped.perplexity_before == pytest.approx(math.exp(2.1))
    assert helped.change_low == helped.change_high == pytest.approx(math.exp(-0.1))
    assert helped.verdict == "helped"
    assert judge_losses([2.0, 2.0], [1.9, 2.2], 10, 1, 1.0).verdict == "did not help"
    assert judge_losses([2.0] * 4, [1.5, 2.4, 1.5, 2.4], 10, 1, 1.0).verdict == "no difference"
    assert judge_losses([2.0], [1.0], 10, 1, 1.0).verdict == "no difference"  # one batch tells no interval


def test_looking_costs_a_tenth_of_the_training():
    for tokens, held_out in ((10**6, 10**5), (10**8, 10**5), (10**5, 10**5)):
        looks = look_at(tokens, held_out)
        assert looks[0] == 0 and looks[-1] == tokens and 5 <= len(looks) <= 21
        assert len(looks) == 5 or (len(looks) - 1) * held_out / 3 <= 0.1 * tokens


@pytest.mark.parametrize(
    "wrong", [{"tokens": 0}, {"learning_rate": math.nan}, {"crop_length": 1}, {"batch_tokens": 1}]
)
def test_settings_out_of_range_are_one_sentence(wrong):
    with pytest.raises(UserError, match="allowed is"):
        replace(SETTINGS, **wrong)
