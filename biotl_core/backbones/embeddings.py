"""Embeddings of sequences: computed once per backbone and sequence, and kept on disk by content.

The store is two files: `vectors.bin`, rows of numbers end to end, and `index.bin`, one fixed-size record a sequence
that says where its rows are. Rows are written before their record, so a writer killed in the middle leaves at most
rows that nobody points to, which the next writer overwrites.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import pandas as pd
import torch
from filelock import FileLock

from biotl_core.backbones.encoder import PACK_TOKENS, Encoder, Pack, packs_of
from biotl_core.backbones.flat_pass import is_flat
from biotl_core.backbones.matmul import has_half_products
from biotl_core.backbones.tokenizer import Tokens
from biotl_core.home import home_subfolder
from biotl_core.progress import Control

Level = Literal["sequence", "residue", "token"]
_Run = Callable[[list[int]], list[np.ndarray]]
_RECORD = np.dtype([("key", "S32"), ("offset", "<i8"), ("rows", "<i8")])
_LARGEST = float(np.finfo(np.float16).max)
_SHARE_OF_CARD, _MOST_TOKENS = 0.6, 2**18
"""Of the free memory of a graphics card that a pack may take, and tokens a pack: larger ones are no faster."""
_ALIKE = 0.9999
"""Mean cosine of the vectors in bfloat16 with those in float32, from which they are taken for the same."""
N_POOLED = 5
"""Vectors that `pool` lays side by side."""
N_START = 40
"""Letters of the start of a sequence: signals that lead a protein to its place are mostly shorter."""
_LEAST_VARIANCE = 1e-8
_STAGE = "Reading sequences with the backbone"


def pool(pack: Pack) -> torch.Tensor:
    """Mean, maximum, spread, start and first-token vector of each sequence, side by side: `(n, 5 * width)`.

    The spread is the standard deviation over the letters (statistics pooling, Snyder et al. 2018, X-vectors). The start
    is the mean over the first `N_START` letters, where the signals lie that send a protein to its place (von Heijne
    1990, J Membr Biol 115:195). A spread is never quite 0, where it would have no slope. A sequence without letters
    gives zeros for the others.
    """
    mean = torch.segment_reduce(pack.states, "mean", lengths=pack.lengths, axis=0, initial=0.0)
    highest = torch.segment_reduce(pack.states, "max", lengths=pack.lengths, axis=0)
    # Around each sequence's own mean: a difference of two large sums would lose digits.
    squares = (pack.states - mean.repeat_interleave(pack.lengths, dim=0)).square()
    variance = torch.segment_reduce(squares, "mean", lengths=pack.lengths, axis=0, initial=0.0)
    begins = (pack.lengths.cumsum(0) - pack.lengths).repeat_interleave(pack.lengths)
    is_start = torch.arange(len(begins), device=begins.device) - begins < N_START
    start = torch.segment_reduce(
        pack.states[is_start], "mean", lengths=pack.lengths.clamp(max=N_START), axis=0, initial=0.0
    )
    return torch.cat(
        [
            mean,
            torch.where(pack.lengths[:, None] > 0, highest, 0.0),
            variance.clamp(min=_LEAST_VARIANCE).sqrt(),
            start,
            pack.first,
        ],
        dim=1,
    )


class EmbeddingStore:
    """Arrays of one width on disk, found by key; several processes may read and write it."""

    def __init__(self, folder: Path, width: int, dtype: str):
        folder.mkdir(parents=True, exist_ok=True)
        self.width, self.dtype = width, np.dtype(dtype)
        self._vectors, self._index = folder / "vectors.bin", folder / "index.bin"
        self._lock = FileLock(folder / "write.lock")
        self._records: dict[bytes, tuple[int, int]] = {}
        self._n_read = 0
        self.refresh()

    def refresh(self) -> None:
        """Take up records that others have written since."""
        if not self._index.exists():
            return
        whole = self._index.stat().st_size // _RECORD.itemsize
        new = np.fromfile(
            self._index, dtype=_RECORD, count=whole - self._n_read, offset=self._n_read * _RECORD.itemsize
        )
        for key, offset, rows in new.tolist():
            self._records[key] = (offset, rows)
        self._n_read = whole

    def __contains__(self, key: bytes) -> bool:
        return key in self._records

    def add(self, keys: Sequence[bytes], arrays: Sequence[np.ndarray]) -> None:
        """Write arrays `(rows, width)` under their keys; keys already there are left alone."""
        with self._lock:
            self.refresh()
            fresh = {k: a for k, a in zip(keys, arrays, strict=True) if k not in self._records}
            end = max((offset + rows for offset, rows in self._records.values()), default=0)
            records = []
            with self._open(self._vectors) as file:
                file.seek(end * self.width * self.dtype.itemsize)
                for key, array in fresh.items():
                    file.write(np.ascontiguousarray(array, dtype=self.dtype).tobytes())
                    records.append((key, end, len(array)))
                    end += len(array)
                file.flush()
            with self._open(self._index) as file:
                file.seek(self._n_read * _RECORD.itemsize)
                file.write(np.array(records, dtype=_RECORD).tobytes())
            self.refresh()

    def rows(self, keys: Sequence[bytes]) -> list[np.ndarray]:
        """The arrays of the keys, as views of the file on disk."""
        data = np.memmap(self._vectors, dtype=self.dtype, mode="r").reshape(-1, self.width)
        return [data[offset : offset + rows] for offset, rows in (self._records[key] for key in keys)]

    @staticmethod
    def _open(path: Path) -> BinaryIO:
        path.touch()
        return path.open("r+b")


class MemoryStore(dict[bytes, np.ndarray]):
    """The same three verbs without a disk, for weights that no one will meet again."""

    def add(self, keys: Sequence[bytes], arrays: Sequence[np.ndarray]) -> None:
        """Keep arrays under their keys."""
        self.update(zip(keys, arrays, strict=True))

    def rows(self, keys: Sequence[bytes]) -> list[np.ndarray]:
        """The arrays of the keys."""
        return [self[key] for key in keys]


def sequence_key(sequence: str) -> bytes:
    """The name of a sequence in the store, from its letters alone."""
    return hashlib.sha256(sequence.encode()).hexdigest()[:32].encode()


def open_store(
    weights_folder: Path, encoder: Encoder, level: Level, layers: Sequence[int] = ()
) -> EmbeddingStore:
    """The store on disk for a backbone folder, below BioTL's home; each choice of layers has one of its own."""
    layers = encoder.kept_layers(layers) if level == "token" else layers
    n_vectors = {"sequence": N_POOLED * (len(layers) + 1), "residue": len(layers) + 1, "token": len(layers)}[
        level
    ]
    width = encoder.width * n_vectors
    dtype = "<f2" if level == "residue" else "<f4"
    exactness = [
        *(["half"] if reads_half(encoder, level) else []),
        *([f"{encoder.bits}bit"] if encoder.bits else []),
    ]
    # Stores of a time when less was pooled lie beside.
    name = "-".join([f"{level}{N_POOLED}" if level == "sequence" else level, *map(str, layers), *exactness])
    folder = home_subfolder("embeddings") / fingerprint(weights_folder) / name
    return EmbeddingStore(folder, width, dtype)


def reads_half(encoder: Encoder, level: Level) -> bool:
    """Whether sequences are read in bfloat16: where that is faster and this backbone's vectors point the same way.

    On a processor the layers above what is kept ("token") learn in float32, so what they begin with is float32 too.
    """
    if not encoder.allows_half:
        return False
    if encoder.device.type == "cuda":
        is_quick = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        is_quick = level != "token" and encoder.is_packed and has_half_products() and is_flat(encoder.model)
    if is_quick and encoder.agrees_in_half is None:
        encoder.agrees_in_half = _agrees_in_half(encoder)
    return is_quick and bool(encoder.agrees_in_half)


def _agrees_in_half(encoder: Encoder) -> bool:
    """Whether the vectors of made-up sequences have a cosine of `_ALIKE` with those in float32, on average."""
    generator = np.random.default_rng(0)
    letters = list(encoder.tokenizer.letters)
    tokens = encoder.encode(["".join(generator.choice(letters, n)) for n in (30, 90)])
    with torch.inference_mode():
        exact = encoder(tokens).states.double()
        with torch.autocast(encoder.device.type, torch.bfloat16):
            half = encoder(tokens).states.double()
    return float(torch.cosine_similarity(exact, half, dim=-1).mean()) >= _ALIKE


def fingerprint(weights_folder: Path) -> str:
    """A short hash that changes when the weights change: names, sizes and the first and last megabyte of each file."""
    digest = hashlib.sha256()
    for path in sorted(Path(weights_folder).glob("*.safetensors")) + sorted(
        Path(weights_folder).glob("config.json")
    ):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}".encode())
        with path.open("rb") as file:
            digest.update(file.read(1 << 20))
            file.seek(max(0, size - (1 << 20)))
            digest.update(file.read())
    return digest.hexdigest()[:16]


def embed(
    encoder: Encoder,
    sequences: Sequence[str],
    level: Level,
    store: EmbeddingStore | MemoryStore,
    control: Control | None = None,
    layers: Sequence[int] = (),
) -> list[np.ndarray]:
    """Vectors of sequences, from the store where it has them, else computed and put there.

    Args:
        encoder: the backbone; in evaluation mode.
        sequences: letters; equal ones are computed once.
        level: "sequence" gives `(1, 5 * width)` float32 (see `pool`), "residue" `(letters read, width)` float16,
            "token" the states below the layers that learn, special tokens included (see `Encoder.lower_states`).
        store: where they are kept.
        control: progress and stop; what is computed before a stop stays in the store.
        layers: to read beside the last (see `Encoder.forward`); they make every array so much wider.
    """
    control = control or Control()
    keys = [sequence_key(s[: encoder.max_length]) for s in sequences]
    missing = list({key: s for key, s in zip(keys, sequences, strict=True) if key not in store}.values())
    done = len(sequences) - len(missing)
    control.step(_STAGE, done, len(sequences))
    for indices, arrays in _computed(encoder, missing, level, layers):
        store.add([sequence_key(missing[i][: encoder.max_length]) for i in indices], arrays)
        done += len(indices)
        control.step(_STAGE, done, len(sequences))
    return store.rows(keys)


def _computed(
    encoder: Encoder, sequences: list[str], level: Level, layers: Sequence[int]
) -> Iterator[tuple[list[int], list[np.ndarray]]]:
    """Indices and arrays, pack after pack."""
    tokens = encoder.encode(sequences)
    packs = list(packs_of([len(ids) for ids in tokens.ids], _budget(encoder, tokens, level, layers)))

    def run(pack: list[int]) -> list[np.ndarray]:
        return _run_pack(encoder, tokens.at(pack), level, layers)

    yield from zip(packs, in_threads(run, packs, encoder.device), strict=True)


def _budget(encoder: Encoder, tokens: Tokens, level: Level, layers: Sequence[int]) -> int:
    """Tokens a pack; on a graphics card as many as fit, by what a first small pack of the longest sequences took."""
    device, usual = encoder.device, PACK_TOKENS[encoder.device.type]
    if device.type != "cuda" or not tokens.ids:
        return usual
    small = next(packs_of([len(ids) for ids in tokens.ids], usual // 4))
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    _run_pack(encoder, tokens.at(small), level, layers)
    taken = max(torch.cuda.max_memory_allocated(device) - before, 1)
    bytes_each = taken / sum(len(tokens.ids[i]) for i in small)
    # What torch has reserved and does not use is free too.
    free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device) - before
    return int(np.clip(_SHARE_OF_CARD * free / bytes_each, usual // 4, _MOST_TOKENS))


def _run_pack(encoder: Encoder, tokens: Tokens, level: Level, layers: Sequence[int]) -> list[np.ndarray]:
    """Arrays of one pack; a pack that does not fit the memory is halved."""
    try:
        is_half = reads_half(encoder, level)
        with torch.inference_mode(), torch.autocast(encoder.device.type, torch.bfloat16, enabled=is_half):
            if level == "token":
                states = encoder.lower_states(tokens, layers).float().cpu().numpy()
                return np.split(states, np.cumsum([len(ids) for ids in tokens.ids])[:-1])
            pack = encoder(tokens, layers)
            if level == "sequence":
                return list(pool(pack._replace(states=pack.states.float())).float().cpu().numpy()[:, None, :])
            # Inner layers of large backbones can hold numbers that half precision cannot.
            states = pack.states.clamp(-_LARGEST, _LARGEST).to(torch.float16).cpu().numpy()
            return np.split(states, np.cumsum(pack.lengths.cpu().numpy())[:-1])
    except torch.OutOfMemoryError:
        if len(tokens.ids) == 1:
            raise
        places = range(len(tokens.ids))
        half = len(places) // 2
        first, second = tokens.at(places[:half]), tokens.at(places[half:])
        return _run_pack(encoder, first, level, layers) + _run_pack(encoder, second, level, layers)


def in_threads(run: _Run, packs: list[list[int]], device: torch.device) -> Iterator[list[np.ndarray]]:
    """Results in the order of the packs; on a CPU one thread a core, each with packs of its own.

    Threads over packs lose nothing to waiting for each other, as threads inside each small operation do.
    """
    n_threads = torch.get_num_threads() if device.type == "cpu" else 1
    if n_threads == 1:
        yield from map(run, packs)
        return
    waiting: deque[Future] = deque()
    threads = ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        for pack in packs:
            waiting.append(threads.submit(run, pack))
            if len(waiting) > 2 * n_threads:  # never far ahead of who takes the results
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        threads.shutdown(cancel_futures=True)


def embed_table(
    encoder: Encoder,
    weights_folder: Path,
    names: Sequence[str],
    sequences: Sequence[str],
    level: Level,
    output: Path,
    control: Control | None = None,
) -> None:
    """Write a Parquet table `name, sequence, embedding`.

    At level "sequence" the embedding is the mean vector over all letters, `width` numbers; at level "residue" it is
    the letters' vectors one after the other, `length * width` numbers, with the column `length` beside it.
    """
    arrays = embed(encoder, sequences, level, open_store(weights_folder, encoder, level), control)
    table = pd.DataFrame({"name": names, "sequence": sequences})
    if level == "sequence":
        table["embedding"] = [array[0, : encoder.width] for array in arrays]
    else:
        table["length"] = [len(array) for array in arrays]
        table["embedding"] = [array.astype(np.float32).ravel() for array in arrays]
    aside = output.with_name(output.name + ".new")
    table.to_parquet(aside, index=False)
    aside.replace(output)
