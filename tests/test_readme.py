"""The README says what is true: commands that are there, every backbone and every setting by name."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from biotl_core.backbones.catalogue import BACKBONES
from biotl_core.learning.settings import METHODS, TrainingSettings
from biotl_core.shell import POSITIONAL

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_is_named(name):
    assert f"`{name}`" in README


@pytest.mark.parametrize("setting", fields(TrainingSettings), ids=lambda setting: setting.name)
def test_every_setting_is_named_with_its_title(setting):
    assert f"| `{setting.name}` | {setting.metadata['title']} |" in README


def test_every_verb_and_method_is_named():
    for verb in POSITIONAL:
        assert f"python -m biotl_core {verb}" in README
    for method in METHODS:
        assert method in README


def test_what_it_points_to_is_there():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
    for script in re.findall(r"^bash (\S+)$", README, re.MULTILINE):
        assert (ROOT / script).exists(), script
    for module in re.findall(r"python -m (benchmarks\.\w+|pretraining\.\w+)", README):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists(), module
