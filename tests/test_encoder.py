"""The packed pass equals transformers' own, whatever the lengths, the order and the pack."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from tiny_backbones import make_bert, make_esm, make_roberta, make_t5
from torch.nn import functional
from transformers import AutoModel, AutoModelForTextEncoding, AutoTokenizer

from biotl_core.backbones import attention
from biotl_core.backbones.embeddings import MemoryStore, embed
from biotl_core.backbones.encoder import attention_linears, below_layer, load_encoder, packs_of
from biotl_core.errors import UserError

MAKERS = {
    "esm2": make_esm,
    "esm1b": lambda folder: make_esm(folder, positions="absolute"),
    "bert": make_bert,
    "roberta": make_roberta,
    "t5": make_t5,
}


def random_proteins(lengths, seed=0):
    generator = np.random.default_rng(seed)
    return ["".join(generator.choice(list("ACDEFGHIKLMNPQRSTVWY"), n)) for n in lengths]


@pytest.fixture(scope="module", params=list(MAKERS))
def backbone(request, tmp_path_factory):
    return request.param, MAKERS[request.param](tmp_path_factory.mktemp(request.param))


def plain_states(folder, sequence, spaced):
    """transformers' own forward pass of one sequence, without its special tokens."""
    loader = AutoModelForTextEncoding if "t5" in str(folder) else AutoModel
    model = loader.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(" ".join(sequence) if spaced else sequence, return_tensors="pt")
    inputs.pop("token_type_ids", None)
    with torch.inference_mode():
        return model(**inputs).last_hidden_state[0][1 : 1 + len(sequence)]


def test_packed_pass_equals_the_plain_one(backbone):
    name, folder = backbone
    encoder = load_encoder(folder, "protein")
    assert encoder.is_packed == (name != "t5")
    sequences = random_proteins([7, 1, 40, 40, 300, 2])
    with torch.inference_mode():
        pack = encoder(encoder.encode(sequences))
    assert pack.lengths.tolist() == [7, 1, 40, 40, 300, 2]
    for sequence, own in zip(sequences, pack.states.split(pack.lengths.tolist()), strict=True):
        plain = plain_states(folder, sequence, spaced=name == "bert")
        assert (own - plain).norm() / plain.norm() <= 1e-5


def test_gradients_of_the_packed_pass_equal_the_plain_ones(tmp_path):
    folder = make_esm(tmp_path)
    sequences = random_proteins([5, 19, 19, 64])
    encoder = load_encoder(folder, "protein")
    # The states are normalised, so the sum of their squares says nothing; their squares along one direction do.
    direction = torch.linspace(-1, 2, encoder.width)
    (encoder(encoder.encode(sequences)).states @ direction).square().sum().backward()
    model = AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for sequence in sequences:
        states = model(**tokenizer(sequence, return_tensors="pt")).last_hidden_state[0, 1:-1]
        (states @ direction).square().sum().backward()
    plain = dict(model.named_parameters())
    for name, parameter in encoder.model.named_parameters():
        if parameter.grad is not None:
            difference = (parameter.grad - plain[name].grad).norm()
            assert difference <= 1e-4 * plain[name].grad.norm() + 1e-6, name


@pytest.mark.parametrize("layers", [(), (1,), (2,)])
@pytest.mark.parametrize("name", ["esm2", "esm1b", "bert", "roberta"])
def test_going_on_from_kept_states_equals_reading_from_the_letters_up(name, layers, tmp_path):
    folder = MAKERS[name](tmp_path)
    encoder = load_encoder(folder, "protein")
    encoder.fixed_layers = 1 if encoder.n_layers < 3 else 2
    layers = tuple(layer for layer in layers if layer < encoder.n_layers)
    tokens = encoder.encode(random_proteins([12, 1, 64, 12, 200]))
    store = MemoryStore()
    kept = embed(encoder, random_proteins([12, 1, 64, 12, 200]), "token", store, layers=layers)
    assert [own.shape for own in kept] == [
        (len(ids), encoder.width * len(encoder.kept_layers(layers))) for ids in tokens.ids
    ]
    with torch.inference_mode():
        whole, upper = encoder(tokens, layers), encoder(tokens._replace(kept=kept), layers)
        some = encoder(tokens._replace(kept=kept).at([2, 0]), layers)
    assert (whole.states - upper.states).norm() <= 1e-5 * whole.states.norm()
    assert (whole.first - upper.first).norm() <= 1e-5 * whole.first.norm()
    assert torch.allclose(some.states[:64], whole.states[13:77], atol=1e-5)


def test_weights_below_a_layer_are_the_embedding_and_the_lowest(backbone):
    _, folder = backbone
    model = load_encoder(folder, "protein").model
    below = set(below_layer(model, 1))
    assert below and below < {n for n, _ in model.named_parameters()}
    layered = [n for n in below if any(part.isdigit() for part in n.split("."))]
    assert {next(int(part) for part in n.split(".") if part.isdigit()) for n in layered} == {0}
    assert not [n for n in below_layer(model, 0) if any(part.isdigit() for part in n.split("."))]


def test_order_and_company_change_nothing(tmp_path):
    encoder = load_encoder(make_esm(tmp_path), "protein")
    sequences = random_proteins([30, 3, 120, 30, 64])
    with torch.inference_mode():
        alone = [encoder(encoder.encode([s])).states for s in sequences]
        for order in ([4, 2, 0, 1, 3], [1, 3, 0, 4, 2]):
            pack = encoder(encoder.encode([sequences[i] for i in order]))
            for i, own in zip(order, pack.states.split(pack.lengths.tolist()), strict=True):
                assert torch.allclose(own, alone[i], atol=1e-5)


def test_one_kernel_gelu_is_the_four_step_formula():
    from transformers.models.esm import modeling_esm

    x = torch.linspace(-6, 6, 1001)
    assert torch.allclose(modeling_esm.gelu(x), x * 0.5 * (1 + torch.erf(x / math.sqrt(2))), atol=1e-6)


def test_letter_table_equals_the_slow_tokenizer(backbone):
    name, folder = backbone
    encoder = load_encoder(folder, "protein")
    sequence = random_proteins([50])[0] + "XBZ"
    slow = AutoTokenizer.from_pretrained(folder)(" ".join(sequence) if name == "bert" else sequence)[
        "input_ids"
    ]
    assert encoder.encode([sequence]).ids[0].tolist() == slow
    assert encoder.tokenizer.is_letterwise


def test_sequences_are_cut_at_the_limit(tmp_path):
    encoder = load_encoder(make_esm(tmp_path), "protein", max_length=10)
    with torch.inference_mode():
        pack = encoder(encoder.encode(["MKTAYIAKQRQISFVK", "MKT"]))
    assert pack.lengths.tolist() == [10, 3]


def test_absolute_positions_limit_the_length(tmp_path):
    encoder = load_encoder(make_esm(tmp_path, positions="absolute"), "protein")
    assert encoder.max_length == 1026 - 2 - 2
    with torch.inference_mode():
        assert encoder(encoder.encode(random_proteins([1500]))).lengths.tolist() == [1022]


def test_random_weights_depend_on_the_seed_alone(tmp_path):
    folder = make_esm(tmp_path)
    first, again, other = (
        load_encoder(folder, "protein", random_weights=True, seed=seed).model.state_dict()
        for seed in (1, 1, 2)
    )
    name = "encoder.layer.0.attention.self.query.weight"
    assert torch.equal(first[name], again[name])
    assert not torch.equal(first[name], other[name])
    assert not torch.equal(first[name], load_encoder(folder, "protein").model.state_dict()[name])


def test_attention_linears_are_found(tmp_path):
    model = load_encoder(make_esm(tmp_path, layers=2), "protein").model
    assert len(attention_linears(model)) == 2 * 3
    assert len(attention_linears(model, everywhere=True)) == 2 * 6


def test_packs_hold_all_once_and_keep_the_budget():
    lengths = [5, 100, 7, 7, 30, 2]
    packs = list(packs_of(lengths, 40))
    assert sorted(i for pack in packs for i in pack) == list(range(6))
    assert all(len(pack) == 1 or sum(lengths[i] for i in pack) <= 40 for pack in packs)


def test_a_folder_without_a_model_is_one_sentence(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="could not be loaded as a backbone"):
        load_encoder(tmp_path, "protein")


LONG_MAKERS = {
    "esm2": make_esm,
    "esm1b": lambda folder: make_esm(folder, positions="absolute", places=2010),
    "bert": lambda folder: make_bert(folder, places=2010),
    "roberta": lambda folder: make_roberta(folder, places=2010),
}


@pytest.mark.parametrize("name", LONG_MAKERS)
def test_lengths_from_1_to_2000_in_any_order_read_as_the_plain_model(name, tmp_path):
    folder = LONG_MAKERS[name](tmp_path)
    encoder = load_encoder(folder, "protein")
    sequences = random_proteins([2000, 1, 64, 700, 64, 2, 350])
    with torch.inference_mode():
        own = encoder(encoder.encode(sequences), layers=(0, 1))
    model = AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for sequence, found in zip(sequences, own.states.split(own.lengths.tolist()), strict=True):
        inputs = tokenizer(" ".join(sequence) if name == "bert" else sequence, return_tensors="pt")
        with torch.inference_mode():
            out = model(**inputs, output_hidden_states=True)
        layers = torch.cat([*out.hidden_states[:2], out.last_hidden_state], dim=-1)[0, 1:-1]
        assert (found - layers).norm() / layers.norm() <= 1e-5


def test_a_model_that_learns_between_two_readings_is_read_as_it_is(tmp_path):
    encoder = load_encoder(make_esm(tmp_path), "protein")
    tokens = encoder.encode(random_proteins([9, 30]))
    with torch.no_grad():
        before = encoder(tokens).states
        encoder.model.encoder.layer[0].attention.self.query.weight.mul_(-2.0)
        after = encoder(tokens).states
    with torch.enable_grad():
        plain = encoder(tokens).states
    assert (before - after).norm() > 1e-2 * before.norm()
    assert (after - plain).norm() <= 1e-5 * plain.norm()


def test_sequences_of_many_lengths_reach_the_kernel_of_a_card_as_they_lie(monkeypatch):
    """The kernel itself needs a card; what it is given is checked against attention of each sequence by itself."""

    def kernel(query, key, value, starts, key_starts, longest, longest_key, *, scale):
        assert query.is_contiguous() and starts.dtype == torch.int32 and torch.equal(starts, key_starts)
        assert longest == longest_key == int(starts.diff().max())
        parts = [
            functional.scaled_dot_product_attention(
                *(t[a:b].transpose(0, 1) for t in (query, key, value)), scale=scale
            ).transpose(0, 1)
            for a, b in pairwise(starts.tolist())
        ]
        return torch.cat(parts)

    lengths = [5, 1, 12, 12, 40]
    query, key, value = torch.randn(3, 4, sum(lengths), 8, generator=torch.Generator().manual_seed(0))
    plain = attention.attention_by_sequence(query, key, value, lengths, 0.3)
    assert not attention.has_varlen(query)  # a processor
    monkeypatch.setattr(attention, "has_varlen", lambda _: True)
    monkeypatch.setattr(attention, "varlen_attn", kernel)
    assert torch.allclose(attention.attention_by_sequence(query, key, value, lengths, 0.3), plain, atol=1e-6)
