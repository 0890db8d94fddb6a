"""What a run hands out."""

import zipfile

import pytest

from biotl_core.errors import UserError
from biotl_core.learning.settings import TrainingSettings
from biotl_core.runs.export import twin_config, zip_model
from biotl_core.runs.folder import read_config
from tests.run_folders import make_run


def test_the_zip_holds_the_model_folder_as_it_is(biotl_home, tmp_path):
    folder = make_run(biotl_home, "one")
    packed = zip_model(folder)
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path)
    for path in (folder / "model").iterdir():
        assert (tmp_path / "one" / path.name).read_bytes() == path.read_bytes()
    made_at = packed.stat().st_mtime_ns
    assert zip_model(folder).stat().st_mtime_ns == made_at
    (folder / "model" / "config.json").write_text('{"new": 1}')
    assert zip_model(folder).stat().st_mtime_ns > made_at


def test_a_run_without_a_model_says_so(biotl_home):
    with pytest.raises(UserError, match="holds no model"):
        zip_model(make_run(biotl_home, "open", state="stopped"))


def test_the_twin_is_the_same_run_from_random_weights(biotl_home):
    config = read_config(make_run(biotl_home, "one", method="lora"))
    twin = twin_config(config)
    settings = TrainingSettings(**twin["settings"])
    assert settings.method == "scratch"
    assert settings.learning_rate is None and settings.epochs is None
    assert settings.seed == config["settings"]["seed"]
    assert twin["backbone"] == config["backbone"] and twin["split"] == config["split"]
