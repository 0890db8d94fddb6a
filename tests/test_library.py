"""Libraries of any format, in pieces; fingerprints that survive a kill."""

import gzip
import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from biotl_core.errors import UserError
from biotl_core.progress import Control, Stopped
from biotl_core.screening.drawing import as_sdf
from biotl_core.screening.fingerprints import fingerprints
from biotl_core.screening.library import open_library
from biotl_core.screening.library_store import LibraryStore, describe_piece

SMILES = ["CCO", "c1ccccc1", "CC(=O)Oc1ccccc1C(=O)O", "notone", "CCN.Cl", "C[NH3+]", "C" * 3000, "CCCl"]
NAMES = ["ethanol", "benzene", "aspirin", "broken", "salt", "ion", "long", "chloride"]


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    """Two of the tests start processes; the others need none."""
    monkeypatch.setenv("BIOTL_THREADS", "1")


def written(tmp_path, kind: str):
    rows = list(zip(SMILES, NAMES, strict=True))
    path = tmp_path / f"library.{kind}"
    match kind:
        case "smi":
            path.write_text("".join(f"{s} {n}\n" for s, n in rows))
        case "smi.gz":
            path.write_bytes(gzip.compress("".join(f"{s}\t{n}\n" for s, n in rows).encode()))
        case "csv":
            path.write_text("id,note,smiles,active\n" + "".join(f'{n},"a, b",{s},1\n' for s, n in rows))
        case "parquet":
            pd.DataFrame({"smiles": SMILES, "name": NAMES}).to_parquet(path)
        case "bare":
            path.write_text("\n".join(SMILES[:3]) + "\n")
    return path


@pytest.mark.parametrize("kind", ["smi", "smi.gz", "csv", "parquet"])
def test_every_format_gives_the_same_molecules(tmp_path, kind):
    library = open_library(written(tmp_path, kind))
    pieces = list(library.pieces(size=3))
    assert [s for piece in pieces for s in piece.smiles] == SMILES
    assert [n for piece in pieces for n in piece.names] == NAMES
    assert [piece.names for piece in library.pieces(skip=1, size=3)] == [piece.names for piece in pieces[1:]]
    assert all(label == ("1" if kind == "csv" else "") for piece in pieces for label in piece.labels)


def test_bare_smiles_are_numbered(tmp_path):
    assert next(open_library(written(tmp_path, "bare")).pieces()).names == [
        "molecule 1",
        "molecule 2",
        "molecule 3",
    ]


def test_an_sdf_is_read_block_by_block_and_broken_blocks_stay(tmp_path):
    text = as_sdf(pd.DataFrame({"name": ["a", "b"], "smiles": ["CCO", "c1ccccc1"]}), ())
    broken = "broken\n\n\nnot a block\n$$$$\n\n\n$$$$\n"
    path = tmp_path / "library.sdf"
    path.write_text(text.replace("$$$$\n", "$$$$\n" + broken, 1))
    piece = next(open_library(path).pieces())
    assert piece.names == ["a", "broken", "b"]
    assert piece.smiles == ["CCO", "", "c1ccccc1"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\x1f\x8b damaged", "damaged"),
        (b"PK\x03\x04 and more", "ZIP"),
        (b"PAR1 and more", "damaged Parquet"),
        (b"a,b\n1,2\n3,4\n", "no column holds SMILES"),
    ],
)
def test_what_is_no_library_is_one_sentence(tmp_path, content, said):
    path = tmp_path / "library"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said):
        open_library(path)
    with pytest.raises(UserError, match="not there"):
        open_library(tmp_path / "none")


def test_what_is_kept_equals_fingerprints_of_the_standard_form():
    found = describe_piece(SMILES)
    assert [bool(s) for s in found.smiles] == [True, True, True, False, True, True, False, True]
    expected = fingerprints(["CCO", "c1ccccc1", "CC(=O)Oc1ccccc1C(=O)O", "", "CCN", "CN", "", "CCCl"])
    assert (found.bits.counts == expected.counts).all() and (found.bits.indices == expected.indices).all()


def fill(library, control: Control | None = None) -> LibraryStore:
    store = LibraryStore(library)
    store.fill(control or Control())
    return store


def content(store: LibraryStore) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(store.folder.iterdir())}


def test_a_stopped_and_torn_store_goes_on_to_the_same_files(tmp_path, biotl_home, monkeypatch):
    monkeypatch.setattr("biotl_core.screening.library.Library.pieces.__defaults__", (0, 2))
    library = open_library(written(tmp_path, "smi"))
    whole = fill(library)
    expected = content(whole)
    assert whole.is_complete and whole.n_molecules == len(SMILES)
    for path in whole.folder.iterdir():
        path.unlink()
    stops = iter([False, True])
    with pytest.raises(Stopped):
        fill(library, Control(should_stop=lambda: next(stops)))
    store = LibraryStore(library)
    assert not store.is_complete and store.n_molecules == 4
    # A kill in the middle of a write leaves more bytes than the last record tells of.
    for name in ("bits.bin", "smiles.txt", "pieces.bin"):
        with (store.folder / name).open("ab") as file:
            file.write(b"torn")
    assert content(fill(library)) == expected


def test_several_processes_give_the_same_files(tmp_path, biotl_home, monkeypatch):
    library = open_library(written(tmp_path, "smi"))
    expected = content(fill(library))
    for path in LibraryStore(library).folder.iterdir():
        path.unlink()
    monkeypatch.setenv("BIOTL_THREADS", "2")
    # A test of a page leaves its script as the main module, which the new processes would run.
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    assert content(fill(library)) == expected


def test_blocks_and_lines_are_in_the_order_of_the_file(tmp_path, biotl_home):
    store = fill(open_library(written(tmp_path, "csv")))
    blocks = list(store.blocks(3))
    together = np.concatenate([np.asarray(block.counts) for block in blocks])
    assert len(blocks) == 3 and (together > 0).tolist() == [bool(s) for s in describe_piece(SMILES).smiles]
    assert store.lines("names", np.array([7, 0, 2])) == ["chloride", "ethanol", "aspirin"]
    assert store.labels().tolist() == [1.0] * len(SMILES)
