"""The likelihood of letters: equal to transformers' own masked model asked one position at a time."""

import json
import shutil

import numpy as np
import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

from biotl_core.backbones.catalogue import find_backbone
from biotl_core.backbones.folders import MARGINALS_KEY
from biotl_core.backbones.likelihood import (
    letter_log_probabilities,
    load_masked_model,
    log_likelihoods,
    substitution_scores,
    zero_shot_scores,
)
from biotl_core.errors import UserError
from biotl_core.progress import Control, Stopped
from tests.tiny_backbones import make_bert, make_esm, make_t5

PROTEINS = ["MKTAYIAKQR", "MKV", "GSHMLAWFDE", "MKTAYIAKQRQISFVKSHFSRQ"]


@pytest.fixture(scope="module", params=["rotary", "absolute"])
def folder(request, tmp_path_factory):
    return make_esm(tmp_path_factory.mktemp("esm"), positions=request.param)


def plainly(folder, sequence: str, masked: bool, letters: str) -> np.ndarray:
    """The same question to the plain library, one position at a time."""
    model = AutoModelForMaskedLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = []
    for i in range(len(sequence)):
        ids = tokenizer(sequence, return_tensors="pt")
        if masked:
            ids["input_ids"][0, i + 1] = tokenizer.mask_token_id
        with torch.inference_mode():
            logits = model(**ids).logits[0, i + 1]
        rows.append(logits[tokenizer.convert_tokens_to_ids(list(letters))].double().log_softmax(0).numpy())
    return np.array(rows)


@pytest.mark.parametrize("marginals", ["masked", "wild_type"])
def test_packed_answers_equal_those_of_the_plain_library(folder, marginals):
    model = load_masked_model(folder, "protein")
    answers = letter_log_probabilities(model, PROTEINS, marginals)
    for sequence, answer in zip(PROTEINS, answers, strict=True):
        expected = plainly(folder, sequence, marginals == "masked", model.letters)
        np.testing.assert_allclose(answer, expected, atol=2e-5)
        np.testing.assert_allclose(np.exp(answer).sum(axis=1), 1.0)


def test_a_long_sequence_is_read_in_windows_around_each_position(folder):
    model = load_masked_model(folder, "protein")
    sequence = "".join(np.random.default_rng(0).choice(list("ACDEFGHIKL"), 40))
    model.encoder.max_length = 16
    answer = letter_log_probabilities(model, [sequence], "masked")[0]
    model.encoder.max_length = None
    in_window = letter_log_probabilities(model, [sequence[12:28]], "masked")[0]
    np.testing.assert_allclose(answer[20], in_window[8], atol=1e-5)
    np.testing.assert_allclose(answer[:4], letter_log_probabilities(model, [sequence[:16]])[0][:4], atol=1e-5)
    assert np.isfinite(answer).all() and answer.any(axis=1).all()


def test_scores_are_log_odds_against_the_letter_that_is_there():
    log_p = np.log([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6], [0.1, 0.1, 0.8]])
    scores = substitution_scores(log_p, "ACX", "ACD")
    np.testing.assert_allclose(scores[0], [0, np.log(0.5), np.log(0.5)])
    np.testing.assert_allclose(scores[1], [0, 0, np.log(3)])
    assert np.isnan(scores[2]).all()
    np.testing.assert_allclose(log_likelihoods([log_p], ["ACX"], "ACD"), [np.log(0.5 * 0.2) / 2])


def test_a_variant_scores_the_sum_of_its_mutations(folder):
    model = load_masked_model(folder, "protein")
    parent = "MKTAYIAKQRQISF"
    variants = [parent, "MRTAYIAKQRQISF", "MKTAYIAKQRQISW", "MRTAYIAKQRQISW"]
    found = zero_shot_scores(model, variants, parent=parent)
    assert found.method == "masked" and found.parent == parent
    assert found.scores[0] == 0
    assert found.scores[3] == pytest.approx(found.scores[1] + found.scores[2])
    log_p = plainly(folder, parent, True, model.letters)[1]
    odds = log_p[model.letters.index("R")] - log_p[model.letters.index("K")]
    assert found.scores[1] == pytest.approx(odds, abs=2e-5)


def test_sequences_of_any_length_are_judged_by_their_likelihood(folder):
    model = load_masked_model(folder, "protein")
    found = zero_shot_scores(model, PROTEINS)
    assert found.method == "single_pass" and found.parent is None
    slow = zero_shot_scores(model, PROTEINS, method="pseudo_likelihood")
    own = [
        plainly(folder, s, True, model.letters)[range(len(s)), [model.letters.index(x) for x in s]]
        for s in PROTEINS
    ]
    np.testing.assert_allclose(slow.scores, [one.mean() for one in own], atol=2e-5)
    with pytest.raises(UserError, match="differ in length"):
        zero_shot_scores(model, PROTEINS, method="wild_type")
    with pytest.raises(UserError, match="no method"):
        zero_shot_scores(model, PROTEINS, method="guess")


def test_backbones_that_cannot_answer_say_so(tmp_path):
    with pytest.raises(UserError, match="did not learn to name hidden letters"):
        load_masked_model(make_t5(tmp_path / "t5"), "protein")
    with pytest.raises(UserError, match="holds no weights for naming hidden letters"):
        load_masked_model(make_bert(tmp_path / "bert"), "protein")  # saved without its head
    with pytest.raises(UserError, match="no wild type"):
        load_masked_model(tmp_path, "molecule")


def test_it_stops_and_tells_how_far_it_is(folder):
    model, told = load_masked_model(folder, "protein"), []
    letter_log_probabilities(
        model, PROTEINS, "masked", Control(lambda stage, done, total: told.append((done, total)))
    )
    assert told[-1] == (sum(map(len, PROTEINS)),) * 2
    with pytest.raises(Stopped):
        letter_log_probabilities(model, PROTEINS, "masked", Control(should_stop=lambda: True))


@pytest.mark.parametrize(
    "name, sequence", [("biotl-protein", "MKTAYIAKQRQISF"), ("biotl-dna", "TTGACAATTAATCATC")]
)
def test_the_embedded_backbones_prefer_real_letters_to_none(name, sequence):
    found = zero_shot_scores(find_backbone(name), [sequence, sequence[::-1]], method="pseudo_likelihood")
    assert np.isfinite(found.scores).all() and (found.scores < 0).all()


@pytest.mark.data
def test_the_embedded_backbone_ranks_mutants_better_than_chance(shared_data):
    import pandas as pd
    from scipy.stats import spearmanr

    table = pd.read_csv(shared_data / "sequences/protein_seq_regression/dms_grb2_abundance.csv.gz")
    found = zero_shot_scores(find_backbone("biotl-protein"), table["sequence"].tolist())
    assert spearmanr(found.scores, table["target"]).statistic > 0.1


def test_a_backbone_is_asked_in_the_way_its_config_names(folder, tmp_path):
    folder = shutil.copytree(folder, tmp_path / "taught")
    parent, variants = "MKTAYIAKQR", ["MKTAYIAKQR", "MKTAYIAKQW", "MATAYIAKQR"]
    assert zero_shot_scores(load_masked_model(folder, "protein"), variants, parent=parent).method == "masked"
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {MARGINALS_KEY: "wild_type"}))
    found = zero_shot_scores(load_masked_model(folder, "protein"), variants, parent=parent)
    asked = zero_shot_scores(
        load_masked_model(folder, "protein"), variants, parent=parent, method="wild_type"
    )
    assert found.method == "wild_type" and (found.scores == asked.scores).all()
