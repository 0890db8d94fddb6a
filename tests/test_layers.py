"""Who may know whom: pages -> widgets -> core, inside the core each floor only those below, torch only where marked."""

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

FLOORS = (
    ("errors", "home", "progress", "hardware", "wording"),
    ("data",),
    ("backbones", "evaluation"),
    ("learning", "structures", "screening", "planning", "genomes"),
    ("runs",),
    ("plots", "shell"),
    ("reports",),
    ("answers", "verbs", "cli", "__main__"),
)
"""From the ground up. A module knows its own package and the floors below; rooms on one floor do not know another."""

GROUND_AND_ROOF = (0, len(FLOORS) - 1)
"""Floors whose modules belong together."""

TORCH = {"torch", "transformers", "peft", "accelerate", "safetensors"}
TORCH_MODULES = re.compile(
    r"backbones/(encoder|attention|tokenizer|embeddings|conversion|likelihood|matmul|flat_pass)"
    r"|genomes/(homology_head|transfer)"
    r"|structures/(attention_contacts|distance_head|distance_rivals|esmfold(?!_memory))"
    r"|learning/(model|head|similarity|letters|exchanges|words|simple_features|training|training_races|scaling|rivals|adaptation|prediction|losses|examples|certainty|two_towers|tower_adapters|blank_backbone)"
    r"|runs/(training_run|pair_features|tuning|reload_check|prediction_run|probe_run|study_run|scan_run|plan_run|assay_run|pair_run|screen_run|screen_race|adapt_run|distance_run|homology_run|esmfold_run)"
)
"""Where torch and its kin may be imported; no page imports one of these, directly or through others."""


def files_of(*names: str) -> list[Path]:
    found = [ROOT / name for name in names]
    return [file for path in found for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path])]


CORE = files_of("biotl_core")
SKIN = files_of("app.py", "pages", "widgets")


def module_name(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def imports(file: Path, only_at_import: bool = False) -> frozenset[str]:
    """Full names of what a file imports; on request only what is imported when the file itself is."""
    return frozenset(_imported_names(file, only_at_import))


def _imported_names(file: Path, only_at_import: bool) -> Iterator[str]:
    for node in _nodes(ast.parse(file.read_text()), only_at_import):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                is_module = (ROOT / Path(*name.split("."))).with_suffix(".py").exists()
                yield name if is_module else node.module


def _nodes(node: ast.AST, only_at_import: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        is_later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        is_for_types = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
        if only_at_import and (is_later or is_for_types):
            continue
        yield child
        yield from _nodes(child, only_at_import)


def room(module: str) -> str:
    """`biotl_core.data.dataset` -> `data`."""
    return module.split(".")[1]


def floor(module: str) -> int:
    found = [i for i, rooms in enumerate(FLOORS) if room(module) in rooms]
    assert found, f"{module} is on no floor: add its room to FLOORS"
    return found[0]


def packages(file: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(file)}


@pytest.mark.parametrize("file", [f for f in CORE if module_name(f) != "biotl_core"], ids=module_name)
def test_core_knows_only_the_floors_below(file):
    own = module_name(file)
    assert not packages(file) & {"app", "pages", "widgets", "streamlit", "tests"}
    for name in imports(file):
        if name.split(".")[0] != "biotl_core" or name == "biotl_core" or room(name) == room(own):
            continue
        is_together = floor(name) == floor(own) and floor(own) in GROUND_AND_ROOF
        assert floor(name) < floor(own) or is_together, f"{own} must not know {name}"


@pytest.mark.parametrize("file", SKIN, ids=module_name)
def test_skin_knows_only_what_is_inside(file):
    own = module_name(file).split(".")[0]
    allowed = {"app": {"widgets"}, "pages": {"widgets", "biotl_core"}, "widgets": {"widgets", "biotl_core"}}[
        own
    ]
    assert packages(file) & {"app", "pages", "widgets", "biotl_core"} <= allowed
    for name in imports(file):
        if name.startswith("biotl_core."):
            assert room(name) not in FLOORS[-1], f"{own} must not know the shell's {name}"


@pytest.mark.parametrize("file", CORE + SKIN, ids=module_name)
def test_heavy_packages_stay_where_they_are_marked(file):
    place = file.relative_to(ROOT).as_posix()
    if not TORCH_MODULES.search(place):
        assert not packages(file) & TORCH, f"{place} must not import torch"
    if not place.startswith(("biotl_core/plots/", "biotl_core/structures/figures.py")):
        assert "plotly" not in packages(file), f"{place} must not import plotly"
    at_import = {name.split(".")[0] for name in imports(file, only_at_import=True)}
    if not TORCH_MODULES.search(place):
        assert not at_import & {"sklearn", "rdkit"}, (
            f"{place} imports at the start what only a function needs"
        )


def test_imports_make_no_circle():
    graph = {}
    for file in CORE + SKIN:
        known = set(imports(file, only_at_import=True))
        graph[module_name(file)] = {name for name in known if name.split(".")[0] in ("biotl_core", "widgets")}
    for name, known in graph.items():
        known -= {
            name,
            "widgets",
            "biotl_core",
        }  # `from widgets import x` is one of the modules that it lists
    list(graphlib.TopologicalSorter(graph).static_order())


def test_first_paint_leaves_torch_alone():
    wanted = {
        name for file in SKIN for name in imports(file, only_at_import=True) if name.startswith("biotl_core.")
    }
    script = (
        f"import importlib, sys\nfor name in {sorted(wanted)!r}: importlib.import_module(name)\n"
        "print(sorted({'torch', 'transformers', 'peft', 'accelerate', 'sklearn', 'rdkit'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("file", CORE + SKIN, ids=module_name)
def test_names_say_what_a_module_is(file):
    assert not re.search(r"(^|_)(utils?|helpers?|common|misc|managers?|stuff)(_|$|\d)", file.stem)
    if "noqa: BLE001" in file.read_text():
        assert module_name(file) == "biotl_core.runs.worker", "only the worker may catch everything"
