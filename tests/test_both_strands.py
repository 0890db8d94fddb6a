"""Both strands: with the setting, a sequence and its reverse complement get one prediction."""

import numpy as np
import pytest

from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.data.alphabets import reverse_complement
from biotl_core.data.tasks import TASKS
from biotl_core.errors import UserError
from biotl_core.learning.model import Outputs, build_model, load_model, save_model
from biotl_core.learning.prediction import predict_sequences
from biotl_core.learning.settings import TrainingSettings

WEIGHTS = locate_backbone(find_backbone("biotl-dna"))


def model_with(both_strands: bool, method: str = "frozen", modality: str = "dna"):
    settings = TrainingSettings(method=method, both_strands=both_strands).resolved(TASKS["regression"])
    return build_model(WEIGHTS, Outputs("regression", (), modality), settings).eval()


def sequences(n: int = 6, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGTN"), rng.integers(20, 90))) for _ in range(n)]


def test_both_strands_get_one_prediction(tmp_path):
    some, model = sequences(), model_with(True)
    others = [reverse_complement(one) for one in some]
    assert np.array_equal(predict_sequences(model, some), predict_sequences(model, others))
    save_model(model, tmp_path, {"name": "biotl-dna"}, WEIGHTS)
    assert np.array_equal(predict_sequences(load_model(tmp_path), others), predict_sequences(model, some))


def test_without_it_the_strands_differ():
    some, model = sequences(), model_with(False)
    others = [reverse_complement(one) for one in some]
    assert (predict_sequences(model, some) != predict_sequences(model, others)).all()


def test_a_sequence_that_is_its_own_other_strand_keeps_its_features():
    palindromes = [one + reverse_complement(one) for one in sequences(3)]
    assert np.array_equal(
        predict_sequences(model_with(True), palindromes), predict_sequences(model_with(False), palindromes)
    )


def test_it_is_for_dna_on_a_fixed_backbone():
    assert not model_with(True, "lora").settings.both_strands
    assert not TrainingSettings(both_strands=True).resolved(TASKS["residue_classification"]).both_strands
    with pytest.raises(UserError, match="Only DNA has two strands"):
        model_with(True, modality="protein")
