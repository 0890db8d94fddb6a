"""Likelihood: what a backbone that learned to name hidden letters says about each letter of a sequence.

Without any measurement this already ranks variants: a letter that the backbone finds unlikely at its place tends to do
harm (Meier et al. 2021, "Language models enable zero-shot prediction of the effects of mutations on protein function",
NeurIPS 34). Two ways: *wild-type marginals* read the sequence once as it is; *masked marginals* hide each position in
turn, which costs one reading a position and is usually a little better; not where a backbone was taught what its
families allow at letters in sight, which its config then says (`folders.MARGINALS_KEY`).
"""

import functools
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForMaskedLM

from biotl_core.backbones.catalogue import Backbone, locate_backbone
from biotl_core.backbones.embeddings import in_threads
from biotl_core.backbones.encoder import PACK_TOKENS, PACKABLE, Encoder, own_limit, packs_of
from biotl_core.backbones.folders import usual_marginals
from biotl_core.backbones.tokenizer import Tokenizer, Tokens
from biotl_core.data.alphabets import ALPHABETS
from biotl_core.data.dataset import Modality
from biotl_core.data.mutations import sum_of_effects
from biotl_core.data.variants import find_variants
from biotl_core.errors import UserError
from biotl_core.progress import Control

Marginals = Literal["masked", "wild_type"]
ZeroShotMethod = Literal["auto", "masked", "wild_type", "pseudo_likelihood", "single_pass"]
_LANGUAGE_HEADS = ("lm_head", "cls")
_STAGE = "Asking the backbone about each position"


class MaskedModel(NamedTuple):
    """A backbone with the part that names a hidden letter."""

    encoder: Encoder
    head: nn.Module
    """`(n, width)` to one number a token of the vocabulary."""
    letters: str
    """The letters that are judged: those of the alphabet with one meaning."""
    letter_ids: np.ndarray
    """Their token numbers."""
    marginals: Marginals = "masked"
    """How it is best asked."""


class ZeroShot(NamedTuple):
    """Scores without training."""

    scores: np.ndarray
    """float64 `(n,)`, higher: the backbone finds the sequence likelier; comparable within one call only."""
    method: ZeroShotMethod
    """How they were made; never "auto"."""
    parent: str | None
    """The sequence that variants were compared with."""


class _Place(NamedTuple):
    """Where the answer about one letter is found: a window of its sequence, and the letter's place in it."""

    sequence: int
    start: int
    offset: int


def load_masked_model(
    weights_folder: Path, modality: Modality, *, random_weights: bool = False, seed: int = 0
) -> MaskedModel:
    """Load a backbone together with its language head, in float32 and evaluation mode.

    Args:
        weights_folder: a Hugging Face folder; nothing is fetched.
        modality: what its letters mean; proteins or DNA.
        random_weights: the same architecture untrained, for comparison.
        seed: of the random weights.

    Raises:
        UserError: the backbone has no language head or mask token, or joins letters into longer tokens.
    """
    name = Path(weights_folder).name
    if modality == "molecule":
        raise UserError(
            "A molecule has no wild type whose letters could be exchanged. Choose a protein or DNA backbone."
        )
    config = AutoConfig.from_pretrained(weights_folder, local_files_only=True)
    known = AutoModelForMaskedLM._model_mapping
    if type(config) not in known:
        raise UserError(
            f"The backbone '{name}' ({config.model_type}) did not learn to name hidden letters, so it cannot judge "
            "mutations without training. Choose an embedded one, ESM-2 or ProtBert, or train a run."
        )
    attention = "biotl_packed" if config.model_type in PACKABLE else "sdpa"
    model = _load(known[type(config)], weights_folder, config, attention, random_weights, seed)
    tokenizer = Tokenizer(weights_folder, modality)
    if tokenizer.mask_id is None or not tokenizer.is_letterwise:
        raise UserError(
            f"The backbone '{name}' does not read letter by letter with a mask, so it cannot judge single "
            "substitutions. Choose one that does, such as an embedded one or ESM-2."
        )
    limit = own_limit(config, len(tokenizer.prefix) + len(tokenizer.suffix))
    encoder = Encoder(getattr(model, model.base_model_prefix), tokenizer, limit)
    letters = ALPHABETS[modality].letters
    ids = tokenizer.encode([letters])
    numbers = ids.ids[0][ids.n_before :][: len(letters)]
    return MaskedModel(
        encoder, _language_head(model, name), letters, numbers, usual_marginals(weights_folder)
    )


def _load(architecture, folder: Path, config, attention: str, random_weights: bool, seed: int) -> nn.Module:
    if isinstance(architecture, tuple):
        architecture = architecture[0]
    if not random_weights:
        model, about = architecture.from_pretrained(
            folder, config=config, dtype=torch.float32, attn_implementation=attention, local_files_only=True,
            use_safetensors=True, output_loading_info=True,
        )  # fmt: skip
        # transformers fills what a file lacks with random numbers; an untrained head would look like an answer.
        lacking = [key for key in about["missing_keys"] if key.split(".")[0] in _LANGUAGE_HEADS]
        if lacking:
            raise UserError(
                f"The folder '{Path(folder).name}' holds no weights for naming hidden letters ({lacking[0]}), so it "
                "cannot judge mutations without training. Choose another backbone, or train a run."
            )
        return model.eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config._attn_implementation = attention
        return architecture(config).eval()


def _language_head(model: nn.Module, name: str) -> nn.Module:
    for attribute in _LANGUAGE_HEADS:
        if attribute in dict(model.named_children()):
            return getattr(model, attribute)
    raise UserError(
        f"The backbone '{name}' names hidden letters in a way BioTL does not know. Choose another one."
    )


def letter_log_probabilities(
    model: MaskedModel,
    sequences: Sequence[str],
    marginals: Marginals = "masked",
    control: Control | None = None,
) -> list[np.ndarray]:
    """How likely the backbone finds each letter at each position.

    Args:
        model: a backbone with its head.
        sequences: letters; one longer than the backbone reads is read in windows around each position.
        marginals: "masked" hides a position while asking about it; "wild_type" asks with the letter in sight.
        control: progress and stop.

    Returns:
        For each sequence natural logarithms `(length, n_letters)`; each row sums to 1 as probabilities over
        `model.letters`.
    """
    control = control or Control()
    answers = [np.zeros((len(sequence), len(model.letters))) for sequence in sequences]
    questions = list(_questions(sequences, marginals, model.encoder.max_length))
    lengths = [question[1] for question in questions]
    total, done = sum(len(question[0]) for question in questions), 0
    packs = [pack for same in _by_length(lengths) for pack in _packs(same, lengths, model.encoder)]
    run = functools.partial(_answer, model, sequences, questions, marginals)
    control.step(_STAGE, 0, total)
    for pack, found in zip(packs, in_threads(run, packs, model.encoder.device), strict=True):
        places = [place for i in pack for place in questions[i][0]]
        for place, row in zip(places, found, strict=True):
            answers[place.sequence][place.start + place.offset] = row
        done += len(places)
        control.step(_STAGE, done, total)
    return answers


def _questions(
    sequences: Sequence[str], marginals: Marginals, limit: int | None
) -> Iterator[tuple[list[_Place], int]]:
    """The readings to make: what each answers, and how many letters it reads."""
    for i, sequence in enumerate(sequences):
        places = [_place(i, position, len(sequence), limit) for position in range(len(sequence))]
        length = min(len(sequence), limit or len(sequence))
        if marginals == "masked":
            yield from (([place], length) for place in places)
        else:
            for _, same in groupby(places, key=lambda place: place.start):
                yield list(same), length


def _place(sequence: int, position: int, length: int, limit: int | None) -> _Place:
    """The window that holds a position about in its middle; windows start at steps of a quarter of their length."""
    if limit is None or length <= limit:
        return _Place(sequence, 0, position)
    step = max(1, limit // 4)
    start = min(max(0, round((position - limit / 2) / step) * step), length - limit)
    return _Place(sequence, start, position - start)


def _by_length(lengths: Sequence[int]) -> list[list[int]]:
    """Readings of equal length together: ESM-2 scales its input by the share of hidden letters, which in a pack is
    that of each sequence only where all are of one length.
    """
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    return [list(same) for _, same in groupby(order, key=lambda i: lengths[i])]


def _packs(same: list[int], lengths: Sequence[int], encoder: Encoder) -> Iterator[list[int]]:
    for pack in packs_of([lengths[i] + 2 for i in same], PACK_TOKENS[encoder.device.type]):
        yield [same[i] for i in pack]


@torch.inference_mode()
def _answer(
    model: MaskedModel,
    sequences: Sequence[str],
    questions: list[tuple[list[_Place], int]],
    marginals: Marginals,
    pack: list[int],
) -> np.ndarray:
    """Log-probabilities of the letters `(places, n_letters)` for one pack of readings."""
    asked = [questions[i] for i in pack]
    texts = [sequences[p[0].sequence][p[0].start : p[0].start + length] for p, length in asked]
    tokens = model.encoder.tokenizer.encode(texts)
    if marginals == "masked":
        tokens = Tokens([ids.copy() for ids in tokens.ids], tokens.n_before, tokens.n_after)
        for ids, (places, _) in zip(tokens.ids, asked, strict=True):
            ids[tokens.n_before + places[0].offset] = model.encoder.tokenizer.mask_id
    ends = np.cumsum([length for _, length in asked])
    rows = np.concatenate(
        [
            end - length + np.array([p.offset for p in places])
            for end, (places, length) in zip(ends, asked, strict=True)
        ]
    )
    states = model.encoder(tokens).states
    logits = model.head(states[torch.from_numpy(rows).to(states.device)])
    wanted = logits[:, torch.from_numpy(model.letter_ids).to(logits.device)].double()
    return wanted.log_softmax(dim=1).cpu().numpy()


def substitution_scores(log_probabilities: np.ndarray, sequence: str, letters: str) -> np.ndarray:
    """Log-odds of every substitution: log p(new letter) - log p(letter that is there), `(length, n_letters)`.

    0 for the letter that is there; nan at positions whose letter is none of `letters` (X, N). Meier et al. 2021, eq. 1.
    """
    own = np.array([letters.find(letter) for letter in sequence])
    scores = log_probabilities - np.take_along_axis(log_probabilities, np.maximum(own, 0)[:, None], axis=1)
    scores[own < 0] = np.nan
    return scores


def log_likelihoods(
    log_probabilities: Sequence[np.ndarray], sequences: Sequence[str], letters: str
) -> np.ndarray:
    """Mean log-probability of the letters that are there, `(n,)`; with masked marginals the pseudo-log-likelihood
    (Salazar et al. 2020) a letter, so that a long sequence is not worse for being long.
    """
    found = []
    for one, sequence in zip(log_probabilities, sequences, strict=True):
        own = np.array([letters.find(letter) for letter in sequence], dtype=np.int64)
        known = np.flatnonzero(own >= 0)
        found.append(one[known, own[known]].mean() if len(known) else np.nan)
    return np.array(found, dtype=np.float64)


def zero_shot_scores(
    backbone: Backbone | MaskedModel,
    sequences: Sequence[str],
    *,
    method: ZeroShotMethod = "auto",
    parent: str | None = None,
    device: str = "cpu",
    control: Control | None = None,
) -> ZeroShot:
    """Rank sequences without any training, by how likely a backbone finds them.

    Args:
        backbone: an entry of the catalogue that is on this computer, or a model already loaded.
        sequences: proteins or DNA.
        method: "masked" and "wild_type" sum the log-odds of a variant's mutations against the parent, which takes one
            look at the parent for all variants, and treats mutations as independent. "pseudo_likelihood" reads each
            sequence once a letter, "single_pass" once. "auto" takes what the backbone is best at ("masked", unless
            its config says otherwise) for variants of one sequence, else "single_pass".
        parent: the sequence that variants are compared with; the commonest letters where None.
        device: where to run, such as "cuda".
        control: progress and stop.

    Raises:
        UserError: the backbone cannot name hidden letters; or variants were asked for and these are none.
    """
    if method not in get_args(ZeroShotMethod):
        raise UserError(f"There is no method '{method}'; there are {', '.join(get_args(ZeroShotMethod))}.")
    model = backbone
    if isinstance(backbone, Backbone):
        model = load_masked_model(locate_backbone(backbone), backbone.modality)
        model.encoder.to(device)
        model.head.to(device)
    sequences = list(sequences)
    parent = parent or _common_parent(sequences)
    are_variants = parent is not None and all(len(sequence) == len(parent) for sequence in sequences)
    if method == "auto":
        method = model.marginals if are_variants else "single_pass"
    if method in ("pseudo_likelihood", "single_pass"):
        marginals: Marginals = "masked" if method == "pseudo_likelihood" else "wild_type"
        answers = letter_log_probabilities(model, sequences, marginals, control)
        return ZeroShot(log_likelihoods(answers, sequences, model.letters), method, None)
    if not are_variants:
        raise UserError(
            f"The method '{method}' compares variants with their parent, but these sequences differ in length or are "
            "no variants of one. Choose 'pseudo_likelihood' or 'single_pass'."
        )
    answer = letter_log_probabilities(model, [parent], method, control)[0]
    odds = np.nan_to_num(substitution_scores(answer, parent, model.letters))
    return ZeroShot(sum_of_effects(odds, sequences, model.letters), method, parent)


def _common_parent(sequences: Sequence[str]) -> str | None:
    variants = find_variants(sequences)
    return None if variants is None else variants.parent
