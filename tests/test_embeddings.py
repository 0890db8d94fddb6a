"""Embeddings: the same from the store as anew, only new ones computed, no harm from two writers or a kill."""

import multiprocessing
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from test_encoder import random_proteins
from tiny_backbones import make_esm

from biotl_core.backbones import embeddings
from biotl_core.backbones.catalogue import find_backbone, locate_backbone
from biotl_core.backbones.embeddings import EmbeddingStore, MemoryStore, embed, embed_table, open_store, pool
from biotl_core.backbones.encoder import Pack, load_encoder
from biotl_core.backbones.tokenizer import Tokens
from biotl_core.progress import Control, Stopped


@pytest.fixture
def folder(tmp_path):
    return make_esm(tmp_path / "esm")


def test_pool_by_hand():
    states = torch.tensor([[1.0, 5.0], [3.0, -1.0], [7.0, 7.0]])
    pack = Pack(states, torch.tensor([2, 1, 0]), torch.tensor([[9.0, 9.0], [8.0, 8.0], [6.0, 6.0]]))
    none = 1e-4  # a spread that is never quite 0
    expected = [
        [2, 2, 3, 5, 1, 3, 2, 2, 9, 9],
        [7, 7, 7, 7, none, none, 7, 7, 8, 8],
        [0, 0, 0, 0, none, none, 0, 0, 6, 6],
    ]
    assert np.allclose(pool(pack), expected, rtol=1e-6)


def test_the_start_is_the_mean_of_the_first_letters(monkeypatch):
    monkeypatch.setattr(embeddings, "N_START", 2)
    pack = Pack(torch.arange(6.0)[:, None], torch.tensor([1, 2, 3]), torch.zeros(3, 1))
    assert pool(pack)[:, 3].tolist() == [0.0, 1.5, 3.5]


def test_the_slope_of_a_spread_that_is_nothing_is_finite():
    states = torch.full((3, 2), 7.0, requires_grad=True)
    pool(Pack(states, torch.tensor([2, 1]), torch.zeros(2, 2))).sum().backward()
    assert torch.isfinite(states.grad).all()


def test_the_spread_keeps_its_digits_far_from_zero():
    near = torch.tensor([[0.0], [0.25], [1.0]])
    near_spread, far_spread = (
        pool(Pack(states, torch.tensor([3]), torch.zeros(1, 1)))[0, 2] for states in (near, near + 4096)
    )
    assert float(far_spread) == pytest.approx(float(near_spread), rel=1e-6)


@pytest.mark.parametrize("level", ["sequence", "residue"])
def test_stored_equals_computed_whatever_the_pack(folder, level, monkeypatch):
    encoder = load_encoder(folder, "protein")
    sequences = random_proteins([12, 80, 3, 80, 41, 5])
    first = embed(encoder, sequences, level, open_store(folder, encoder, level))
    again = embed(encoder, sequences[::-1], level, open_store(folder, encoder, level))[::-1]
    monkeypatch.setitem(embeddings.PACK_TOKENS, "cpu", 16)
    small_packs = embed(encoder, sequences, level, MemoryStore())
    for one, two, three, sequence in zip(first, again, small_packs, sequences, strict=True):
        assert one.shape == ((1, 160) if level == "sequence" else (len(sequence), 32))
        assert np.array_equal(one, two)
        assert np.allclose(one.astype(float), three.astype(float), atol=2e-3 if level == "residue" else 1e-5)


def test_only_new_sequences_are_computed(folder, monkeypatch):
    encoder = load_encoder(folder, "protein")
    seen = []
    run = embeddings._run_pack
    monkeypatch.setattr(
        embeddings, "_run_pack", lambda e, t, *v: seen.extend(map(len, t.ids)) or run(e, t, *v)
    )
    store = open_store(folder, encoder, "sequence")
    a, b, c = random_proteins([10, 20, 30])
    embed(encoder, [a, b, a], "sequence", store)
    assert sorted(seen) == [12, 22]
    embed(encoder, [c, b, a, c], "sequence", open_store(folder, encoder, "sequence"))
    assert sorted(seen) == [12, 22, 32]


def test_threads_give_the_same(folder, monkeypatch):
    encoder = load_encoder(folder, "protein")
    sequences = random_proteins([30] * 20)
    monkeypatch.setitem(embeddings.PACK_TOKENS, "cpu", 64)
    alone = embed(encoder, sequences, "sequence", MemoryStore())
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(torch, "set_num_threads", lambda n: None)
    together = embed(encoder, sequences, "sequence", MemoryStore())
    assert np.array_equal(np.concatenate(alone), np.concatenate(together))


def test_what_was_computed_before_a_stop_is_kept(folder, monkeypatch):
    encoder = load_encoder(folder, "protein")
    monkeypatch.setitem(embeddings.PACK_TOKENS, "cpu", 32)
    store = open_store(folder, encoder, "sequence")
    looks = iter([False, False, False, True])
    with pytest.raises(Stopped):
        embed(
            encoder, random_proteins([28] * 10), "sequence", store, Control(should_stop=lambda: next(looks))
        )
    kept = open_store(folder, encoder, "sequence")
    assert sum(embeddings.sequence_key(s) in kept for s in random_proteins([28] * 10)) == 3


def test_torn_files_are_mended(tmp_path):
    store = EmbeddingStore(tmp_path, 2, "<f4")
    store.add([b"a", b"b"], [np.ones((1, 2)), np.full((3, 2), 2.0)])
    with (tmp_path / "vectors.bin").open("ab") as file:
        file.write(b"x" * 13)  # rows of a writer killed before its record
    with (tmp_path / "index.bin").open("ab") as file:
        file.write(b"half a record")
    store = EmbeddingStore(tmp_path, 2, "<f4")
    store.add([b"c"], [np.full((2, 2), 3.0)])
    a, b, c = EmbeddingStore(tmp_path, 2, "<f4").rows([b"a", b"b", b"c"])
    assert a.tolist() == [[1, 1]] and b.tolist() == [[2, 2]] * 3 and c.tolist() == [[3, 3]] * 2


def _write_many(folder, begin):
    store = EmbeddingStore(folder, 3, "<f4")
    for i in range(begin, begin + 60):
        store.add([str(i).encode()], [np.full((1 + i % 3, 3), i, dtype=np.float32)])


def test_two_writers_at_once(tmp_path):
    context = multiprocessing.get_context("fork")  # a spawned one would import torch anew for many seconds
    writers = [context.Process(target=_write_many, args=(tmp_path, begin)) for begin in (0, 30)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    store = EmbeddingStore(tmp_path, 3, "<f4")
    for i, rows in enumerate(store.rows([str(i).encode() for i in range(90)])):
        assert rows.shape == (1 + i % 3, 3) and (rows == i).all()


def test_fingerprint_follows_the_weights(tmp_path):
    first, second = make_esm(tmp_path / "a"), make_esm(tmp_path / "b", width=64)
    assert embeddings.fingerprint(first) != embeddings.fingerprint(second)
    assert embeddings.fingerprint(first) == embeddings.fingerprint(first)


def test_embed_table(folder, tmp_path):
    encoder = load_encoder(folder, "protein")
    embed_table(encoder, folder, ["p", "q"], ["MKTAY", "MK"], "residue", tmp_path / "out.parquet")
    table = pd.read_parquet(tmp_path / "out.parquet")
    assert table["length"].tolist() == [5, 2]
    assert len(table["embedding"][0]) == 5 * 32


def test_half_precision_points_the_same_way_on_trained_weights(monkeypatch):
    encoder = load_encoder(locate_backbone(find_backbone("biotl-protein")), "protein")
    sequences = random_proteins([30, 400, 3, 120, 120])
    encoder.allows_half = False
    exact = {level: embed(encoder, sequences, level, MemoryStore()) for level in ("sequence", "residue")}
    monkeypatch.setattr(embeddings, "reads_half", lambda *_: True)
    for level, own in exact.items():
        half = embed(encoder, sequences, level, MemoryStore())
        for a, b in zip(map(torch.from_numpy, own), map(torch.from_numpy, half), strict=True):
            cosine = torch.cosine_similarity(a.double(), b.double(), dim=-1)
            assert 0.9999 <= cosine.mean() < 1.0


def test_a_sequence_is_read_the_same_whatever_else_is_in_the_pack():
    encoder = load_encoder(locate_backbone(find_backbone("biotl-protein")), "protein")
    sequences = random_proteins([33] * 60)
    together = embed(encoder, sequences, "sequence", MemoryStore())
    alone = embed(encoder, sequences[7:8], "sequence", MemoryStore())
    np.testing.assert_allclose(alone[0], together[7], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("has_products", [True, False])
def test_half_precision_is_for_processors_that_have_it(folder, monkeypatch, has_products):
    monkeypatch.setattr(embeddings, "has_half_products", lambda: has_products)
    encoder = load_encoder(folder, "protein")
    assert (
        embeddings.reads_half(encoder, "sequence")
        == embeddings.reads_half(encoder, "residue")
        == has_products
    )
    assert not embeddings.reads_half(encoder, "token")
    name = open_store(folder, encoder, "sequence")._vectors.parent.name
    assert name == ("sequence5-half" if has_products else "sequence5")
    encoder.allows_half = False
    assert not embeddings.reads_half(encoder, "sequence")


def test_a_backbone_whose_vectors_turn_in_half_precision_is_read_in_whole(folder, monkeypatch):
    monkeypatch.setattr(embeddings, "has_half_products", lambda: True)
    encoder = load_encoder(folder, "protein")
    read = encoder.packed_states

    def turning(*asked):
        found = read(*asked)
        return found.roll(1, dims=-1) if torch.is_autocast_enabled("cpu") else found

    monkeypatch.setattr(encoder, "packed_states", turning)
    assert not embeddings.reads_half(encoder, "sequence")


@pytest.mark.parametrize(
    ("bytes_each", "free", "expected"), [(1000, 10**8, 60_000), (1000, 10**12, 2**18), (10**6, 10**8, 4096)]
)
def test_packs_for_a_card_are_sized_by_what_a_small_one_takes(monkeypatch, bytes_each, free, expected):
    """The memory of a card is made up here; the sum is not."""
    reserved, used, tried = 5000, 2000, []
    monkeypatch.setattr(
        embeddings, "_run_pack", lambda _, tokens, *rest: tried.append(sum(map(len, tokens.ids)))
    )
    for name, said in {
        "reset_peak_memory_stats": lambda: None,
        "memory_allocated": lambda: used,
        "max_memory_allocated": lambda: used + bytes_each * tried[-1],
        "mem_get_info": lambda: (free - reserved + used, 0),
        "memory_reserved": lambda: reserved,
    }.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, said=said: said())
    tokens = Tokens([np.zeros(n, np.int64) for n in (2000, 10, 1500, 600, 900)], 1, 1)
    card = SimpleNamespace(device=torch.device("cuda"))
    assert embeddings._budget(card, tokens, "sequence", ()) == pytest.approx(expected, abs=1)
    assert tried == [3500]  # the longest that a quarter of a usual pack holds
    assert embeddings._budget(SimpleNamespace(device=torch.device("cpu")), tokens, "sequence", ()) == 2048
