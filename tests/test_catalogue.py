"""The catalogue, what folders tell about themselves, and what may be imported."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tiny_models import ESM_VOCABULARY, write_tiny_esm

from biotl_core.backbones.catalogue import (
    BACKBONES,
    backbone_folder,
    backbone_state,
    find_backbone,
    list_backbones,
    locate_backbone,
)
from biotl_core.backbones.folders import describe_folder, is_complete, read_card
from biotl_core.backbones.importing import has_architecture, import_folder, is_own, remove_backbone
from biotl_core.errors import UserError
from biotl_core.home import safe_name

ON_HUB = [backbone for backbone in BACKBONES.values() if backbone.hub_id]
EMBEDDED = [backbone for backbone in BACKBONES.values() if backbone.hub_id is None]


@pytest.fixture(autouse=True)
def empty_hub_cache(tmp_path, monkeypatch) -> Path:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path / "hf" / "hub"


def test_the_embedded_ones_come_first_one_for_each_modality():
    assert list(BACKBONES)[:3] == ["biotl-protein", "biotl-dna", "biotl-molecule"]
    assert [backbone.modality for backbone in EMBEDDED] == ["protein", "dna", "molecule"]
    assert {backbone_state(backbone) for backbone in EMBEDDED} == {"embedded"}


@pytest.mark.parametrize("backbone", ON_HUB, ids=lambda backbone: backbone.name)
def test_every_entry_is_whole_and_its_numbers_agree(backbone):
    assert backbone.name == safe_name(backbone.name) == backbone.name.lower()
    assert backbone.hub_id.count("/") == 1
    for text in (backbone.title, backbone.licence, backbone.reference, backbone.note):
        assert text
    assert backbone.note.endswith(".")
    assert backbone.max_length > 100
    # A parameter takes two or four bytes; a T5 is fetched with its decoder.
    assert 1.9 < backbone.download_megabytes / backbone.parameters_millions < 6.6
    if backbone.layers and "T5" not in backbone.title:
        # 12 d^2 parameters a layer with the usual inner width, fewer with a narrow one; then the embeddings.
        by_layers = 12 * backbone.layers * backbone.width**2 / 1e6
        assert 0.6 < backbone.parameters_millions / by_layers < 1.5
    assert find_backbone(backbone.name) is backbone
    assert find_backbone(backbone.hub_id) is backbone
    assert backbone_state(backbone) == "download"


def test_a_backbone_that_is_not_here_says_what_to_do():
    with pytest.raises(UserError, match=r"'ESM-2 650M' is not on this computer yet\. Download it"):
        locate_backbone(find_backbone("esm2-650m"))


def test_a_wrong_name_lists_the_nearest():
    with pytest.raises(UserError, match=r"no backbone or folder called 'esm2-650'.*esm2-650m"):
        find_backbone("esm2-650")
    for name in ("", " ", "../..//x", "a/b/c", "no such thing"):
        with pytest.raises(UserError):
            find_backbone(name)


@pytest.mark.parametrize(
    ("hub_id", "modality"),
    [("lab/some-protein", "protein"), ("lab/plant-dnabert", "dna"), ("lab/smiles-bert", "molecule")],
)
def test_any_hub_id_will_do(hub_id, modality):
    backbone = find_backbone(hub_id)
    assert (backbone.hub_id, backbone.modality, backbone.parameters_millions) == (hub_id, modality, 0)
    assert backbone_state(backbone) == "download"
    assert find_backbone(hub_id, "dna").modality == "dna"


def test_a_local_folder_describes_itself(tmp_path):
    folder = write_tiny_esm(tmp_path / "my model", width=8, layers=3)
    backbone = find_backbone(str(folder))
    assert backbone_state(backbone) == "here"
    assert locate_backbone(backbone) == folder
    assert (backbone.modality, backbone.layers, backbone.width) == ("protein", 3, 8)
    assert backbone.max_length == 1026 - 2 - 2
    assert backbone.parameters_millions == 33 * 8 / 1e6
    assert backbone.letters_per_token == 1


def test_the_hub_cache_counts_when_it_is_complete(empty_hub_cache):
    snapshot = empty_hub_cache / "models--facebook--esm2_t6_8M_UR50D" / "snapshots" / "abc"
    backbone = find_backbone("esm2-8m")
    write_tiny_esm(snapshot)
    assert backbone_state(backbone) == "download"  # nothing says that `abc` is the newest
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text("abc")
    assert backbone_state(backbone) == "here"
    assert locate_backbone(backbone) == snapshot
    (snapshot / "model.safetensors").unlink()
    assert backbone_state(backbone) == "download"


def test_a_model_in_parts_is_complete_with_all_its_parts(tmp_path):
    folder = write_tiny_esm(tmp_path / "parts")
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert not is_complete(folder)
    (folder / "model-2.safetensors").write_bytes((folder / "model-1.safetensors").read_bytes())
    assert is_complete(folder)
    assert describe_folder(folder).parameters_millions == 2 * 33 * 8 / 1e6


VOCABULARIES = {
    "protein": ["[PAD]", "[UNK]", *"ACDEFGHIKLMNPQRSTVWYX"],
    "dna": ["<unk>", "<mask>", "A", "C", "G", "T", "N", "AAAAAA", "ACGTAC", "TTTTTT", "GATTAC"],
    "molecule": ["[PAD]", "C", "c", "O", "N", "(", ")", "=", "#", "1", "Cl", "Br"],
    None: ["[PAD]", "the", "house", "##ing", "of", "A", "B"],
}


@pytest.mark.parametrize("modality", VOCABULARIES)
@pytest.mark.parametrize("file", ["vocab.txt", "vocab.json", "tokenizer.json", "unigram"])
def test_the_modality_is_read_from_the_vocabulary(tmp_path, modality, file):
    folder = write_tiny_esm(tmp_path / "model")
    (folder / "vocab.txt").unlink()
    tokens = VOCABULARIES[modality]
    if file == "vocab.txt":
        (folder / file).write_text("\n".join(tokens))
    elif file == "vocab.json":
        (folder / file).write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    elif file == "tokenizer.json":
        (folder / file).write_text(json.dumps({"model": {"vocab": {t: i for i, t in enumerate(tokens)}}}))
    else:
        pieces = [[f"\u2581{token}", 0.0] for token in tokens]
        (folder / "tokenizer.json").write_text(json.dumps({"model": {"type": "Unigram", "vocab": pieces}}))
    facts = describe_folder(folder)
    assert facts.modality == modality
    if modality == "dna":
        assert facts.letters_per_token > 3
        assert facts.max_length > 3 * 1022
    if modality is None:
        with pytest.raises(UserError, match="does not tell whether it reads proteins"):
            find_backbone(str(folder))
        assert find_backbone(str(folder), "protein").modality == "protein"


def test_a_card_is_shown_without_its_front_matter(tmp_path):
    folder = write_tiny_esm(tmp_path / "model")
    assert read_card(folder) == ""
    (folder / "README.md").write_text("---\nlicense: mit\ntags: [a]\n---\n# My model\nText")
    assert read_card(folder) == "# My model\nText"
    assert describe_folder(folder).licence == "mit"


def test_a_folder_is_imported_and_found_by_its_name(tmp_path, biotl_home):
    folder = write_tiny_esm(tmp_path / "source")
    (folder / "train.py").write_text("boom")
    backbone = import_folder(folder, "My enzymes (v2)", "protein")
    assert backbone.name == "My-enzymes-v2"
    assert backbone.title == "My enzymes (v2)"
    assert backbone_state(backbone) == "here"
    assert find_backbone("My-enzymes-v2") == backbone
    assert list_backbones("protein")[-1] == backbone
    assert backbone not in list_backbones("dna")
    assert locate_backbone(backbone) == biotl_home / "backbones" / "My-enzymes-v2"
    assert not (locate_backbone(backbone) / "train.py").exists()
    assert not list((biotl_home / "backbones").glob("*.partial"))
    with pytest.raises(UserError, match="already a backbone called 'My-enzymes-v2'"):
        import_folder(folder, "My enzymes (v2)", "protein")


def test_only_what_biotl_brought_here_is_removed(tmp_path, biotl_home):
    folder = write_tiny_esm(tmp_path / "source")
    imported = import_folder(folder, "mine", "protein")
    assert is_own(imported)
    remove_backbone(imported)
    assert not list((biotl_home / "backbones").iterdir())
    for other in (find_backbone(str(folder)), find_backbone("biotl-protein"), find_backbone("esm2-8m")):
        assert not is_own(other)
        with pytest.raises(UserError, match="is not kept by BioTL"):
            remove_backbone(other)
    assert is_complete(folder)


def test_a_zip_is_imported_by_bare_names(tmp_path):
    folder = write_tiny_esm(tmp_path / "source")
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in folder.iterdir():
            packed.write(path, f"deep/inside/{path.name}")
        packed.writestr("deep/inside/../../../../evil.json", "{}")
        packed.writestr("deep/other/vocab.json", "{}")
    backbone = import_folder(archive, "zipped", "protein")
    found = {path.name for path in locate_backbone(backbone).iterdir()}
    assert found == {"config.json", "vocab.txt", "tokenizer_config.json", "model.safetensors", "biotl.json"}


def _no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def _broken_config(folder: Path) -> None:
    (folder / "config.json").write_text("[1")


def _custom_code(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "esm", "auto_map": {"AutoModel": "evil.Model"}}')


def _unknown(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "../../etc"}')


def _unnamed(folder: Path) -> None:
    (folder / "config.json").write_text("{}")


def _pickle(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _no_tokenizer(folder: Path) -> None:
    (folder / "vocab.txt").unlink()
    (folder / "tokenizer_config.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_no_config, "no readable config.json"),
        (_broken_config, "no readable config.json"),
        (_custom_code, "program code of its own"),
        (_unknown, "architecture '../../etc', which transformers does not know"),
        (_unnamed, "architecture 'not named'"),
        (_pickle, "older pytorch_model.bin is not opened"),
        (_no_tokenizer, "no tokenizer files"),
    ],
)
def test_what_cannot_be_imported_is_said_and_leaves_nothing(tmp_path, biotl_home, spoil, said):
    folder = write_tiny_esm(tmp_path / "source")
    spoil(folder)
    with pytest.raises(UserError, match="(?s)" + said.replace("(", r"\(").replace(".", r"\.")):
        import_folder(folder, "spoiled", "protein")
    assert not list((biotl_home / "backbones").iterdir())


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 but broken"])
def test_a_file_that_is_no_zip_is_said(tmp_path, content):
    path = tmp_path / "model.zip"
    path.write_bytes(content)
    with pytest.raises(UserError, match="neither a folder nor a zip"):
        import_folder(path, "x", "protein")


def test_names_that_are_no_names_are_refused(tmp_path):
    folder = write_tiny_esm(tmp_path / "source")
    for name in ("", " ", "...", "///"):
        with pytest.raises(UserError, match="at least one letter or digit"):
            import_folder(folder, name, "protein")
    with pytest.raises(UserError, match="already a backbone"):
        import_folder(folder, "esm2-8m", "protein")
    backbone = import_folder(folder, "../../escape", "protein")
    assert backbone_folder(backbone).name == "escape"


def test_architectures_are_known_without_importing_them():
    for known in ("esm", "esmc", "bert", "roberta", "modernbert", "t5", "big_bird", "xlm-roberta"):
        assert has_architecture(known)
    for unknown in ("", "mosaicbert", "..", "a b"):
        assert not has_architecture(unknown)
    assert all(len(token) for token in ESM_VOCABULARY)


def test_asking_the_catalogue_imports_no_torch():
    code = (
        "import sys, biotl_core.backbones.catalogue as c, biotl_core.backbones.importing as i\n"
        "[c.backbone_state(b) for b in c.list_backbones()]; i.has_architecture('esm')\n"
        "print(sorted({'torch', 'transformers', 'huggingface_hub', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
