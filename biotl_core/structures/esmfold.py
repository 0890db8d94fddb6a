"""ESMFold and ESMFold2 through transformers: load, check the memory, fold one sequence a call (torch)."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from transformers.utils import logging as transformers_logging

from biotl_core.errors import UserError
from biotl_core.hardware import Device, resolve_device
from biotl_core.progress import Control
from biotl_core.structures.chains import ProteinChain
from biotl_core.structures.engines import ENGINES, Engine, FoldSettings, Predict, weights_folder
from biotl_core.structures.letters import STANDARD
from biotl_core.structures.results import CHAIN_LETTERS, CHAIN_SEPARATOR, StructureResult, check_sequence

transformers_logging.disable_progress_bar()

LINKER = "G" * 25
"""Glycines between the chains of a complex, taken out of the result."""
CHAIN_JUMP = 512
"""Added to the position of each next chain, so that the network takes it for far away."""
MEMORY_LIMITS = ((12, 300), (16, 900), (24, 1_100), (48, 1_500), (80, 2_000))
"""GB of graphics memory, and residues that ESMFold folds with it, by what its users report."""
MEMORY_LIMITS_2 = ((26, 500), (48, 1_000), (80, 1_792))
"""The same for ESMFold2."""
CPU_RESIDUES = 400
"""On a processor longer chains take hours."""
_CPU_GB = {"esmfold": 16.0, "esmfold2": 30.0}
_SMALLEST_CHUNK = 8
_NOT_NEEDED = ("contact_head", "position_ids", "inv_freq")
"""Weights that published files leave out and that folding does not use."""
EDGES = np.linspace(2.3125, 21.6875, 63)
"""Upper edges of ESMFold's 64 distance bins in Å (as in AlphaFold)."""


class Joined(NamedTuple):
    """The chains of a complex as the one sequence that ESMFold reads."""

    sequence: str
    positions: np.ndarray
    """Position of each letter, with jumps between chains, shape (length,)."""
    chain: np.ndarray
    """Index of the chain of each letter, -1 in linkers, shape (length,)."""


def join_chains(chains: Sequence[str]) -> Joined:
    """Chains with linkers between them.

    >>> joined = join_chains(["MKT", "AY"])
    >>> joined.sequence.replace("G", ""), joined.positions[[0, 2, -1]].tolist(), joined.chain[[0, 3, -1]].tolist()
    ('MKTAY', [0, 2, 541], [0, -1, 1])
    """
    sequence = LINKER.join(chains)
    chain, jumps = [], []
    for number, letters in enumerate(chains):
        if number:
            chain += [-1] * len(LINKER)
            jumps += [CHAIN_JUMP * (number - 1)] * len(LINKER)
        chain += [number] * len(letters)
        jumps += [CHAIN_JUMP * number] * len(letters)
    return Joined(sequence, np.arange(len(sequence)) + np.array(jumps), np.array(chain))


def check_memory(engine: Engine, name: str, length: int, device: Device, over_memory: bool) -> None:
    """UserError when a sequence is longer than the memory of the device allows, unless that was asked for.

    Args:
        engine: ESMFold or ESMFold2.
        name: of the sequence.
        length: residues, linkers included.
        device: where it would run.
        over_memory: try all the same.
    """
    longest = longest_sequence(engine.name, device)
    if length <= longest or over_memory:
        return
    where = f"{device.memory_gb:.0f} GB of {'memory' if device.kind == 'cpu' else 'graphics memory'}"
    fits = f"up to {longest:,} residues fit" if longest else "it does not fit at all"
    raise UserError(
        f"{name} has {length:,} residues; with {where}, {fits} ({engine.title}). Cut it into its domains, use a larger "
        "graphics card, or switch on 'Try even if the memory may not do'."
    )


def longest_sequence(engine: str, device: Device) -> int:
    """Residues that fit into a device's memory by our table; 0 where not even the weights do."""
    if device.kind == "cpu":
        return CPU_RESIDUES if device.memory_gb >= 0.95 * _CPU_GB[engine] else 0
    table = MEMORY_LIMITS if engine == "esmfold" else MEMORY_LIMITS_2
    fitting = [longest for gigabytes, longest in table if device.memory_gb >= 0.95 * gigabytes]
    return max(fitting, default=0)


def first_chunk(length: int, chosen: int) -> int:
    """Rows of pairs at once: as chosen, else by length."""
    return chosen or (64 if length > 700 else 128)


def with_smaller_chunks(run: Callable[[int], Any], chunk: int, name: str) -> tuple[Any, int]:
    """Run with a chunk size, and with half of it again and again as long as the memory is not enough.

    Returns:
        What came out, and the chunk size that did it.

    Raises:
        UserError: not even the smallest chunk fits.
    """
    while True:
        try:
            return run(chunk), chunk
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not isinstance(error, torch.OutOfMemoryError) and "out of memory" not in str(error).lower():
                raise
            chunk //= 2
            if chunk < _SMALLEST_CHUNK:
                raise UserError(
                    f"The memory is not enough for {name}, even in the smallest pieces. Cut it into its domains, "
                    "or use a larger graphics card."
                ) from error
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def load_esmfold(device: Device, control: Control) -> Any:
    """The network on a device, ready to fold; UserError with what to do when it is not on this computer."""
    from transformers import EsmForProteinFolding

    folder = weights_folder(ENGINES["esmfold"])
    control.step("Loading ESMFold", 0, 0)
    model = _load(EsmForProteinFolding, folder).to(device.name)
    if device.kind == "cuda":
        model.esm.half()  # the language model was trained in half precision; the trunk is not
        torch.backends.cuda.matmul.allow_tf32 = True
    return model


def open_esmfold(chains: list[ProteinChain], settings: FoldSettings, control: Control) -> Predict:
    """Load ESMFold from this computer, with what a run of hers has added to it where one is named.

    Raises:
        UserError: it is not here, or the adapter is damaged.
    """
    del chains  # it needs none
    device = resolve_device(settings.device)
    model = load_esmfold(device, control)
    if settings.adapter:
        from biotl_core.structures.esmfold_adaptation import add_saved_adapter

        add_saved_adapter(model, Path(settings.adapter))
    return folding_with(model, device, settings)


def folding_with(model: Any, device: Device, settings: FoldSettings) -> Predict:
    """A loaded ESMFold as a function from sequences to structures."""
    engine = ENGINES["esmfold"]
    about = _about(engine, weights_folder(engine), settings)

    def predict(sequence: str, name: str, control: Control) -> StructureResult:
        began = time.perf_counter()
        letters = check_sequence(sequence, name, 10_000, allows_chains=True)
        joined = join_chains(letters.split(CHAIN_SEPARATOR))
        check_memory(engine, name, len(joined.sequence), device, settings.over_memory)
        control.step("Folding", 0, 0)

        def run(chunk: int) -> dict[str, np.ndarray]:
            model.trunk.set_chunk_size(chunk)
            return run_esmfold(model, joined, settings.recycles)

        out, chunk = with_smaller_chunks(run, first_chunk(len(joined.sequence), settings.chunk), name)
        return _esmfold_result(name, joined, out, about | {"chunk": chunk}, time.perf_counter() - began)

    return predict


def as_codes(sequence: str, device: Any) -> torch.Tensor:
    """The letters as ESMFold's numbers, shape (1, length)."""
    from transformers.models.esm.openfold_utils import residue_constants

    order = residue_constants.restype_order_with_x
    return torch.tensor([[order.get(letter, order["X"]) for letter in sequence]], device=device)


def run_esmfold(model: Any, joined: Joined, recycles: int) -> dict[str, np.ndarray]:
    """One sequence a call: ESMFold's pTM is of the whole batch, and padding counts."""
    from transformers.models.esm.openfold_utils.feats import atom14_to_atom37

    letters = as_codes(joined.sequence, model.device)
    positions = torch.from_numpy(joined.positions)[None].to(model.device)
    with torch.no_grad():
        out = model(letters, torch.ones_like(letters), position_ids=positions, num_recycles=recycles)
    final = {key: value for key, value in out.items() if isinstance(value, torch.Tensor)}
    atoms = atom14_to_atom37(final["positions"][-1], final)
    atoms = atoms if isinstance(atoms, torch.Tensor) else torch.from_numpy(atoms)
    return {
        "atoms": atoms[0].float().cpu().numpy(),
        "exists": final["atom37_atom_exists"][0].bool().cpu().numpy(),
        "plddt": final["plddt"][0].float().cpu().numpy(),
        "pae": final["predicted_aligned_error"][0].float().cpu().numpy(),
        "ptm": final["ptm"].float().cpu().numpy(),
        "distogram": final["distogram_logits"][0].float().softmax(-1).cpu().numpy(),
    }


def _esmfold_result(
    name: str, joined: Joined, out: dict[str, np.ndarray], about: dict[str, Any], seconds: float
) -> StructureResult:
    from biotite.structure import AtomArray
    from transformers.models.esm.openfold_utils import residue_constants

    keep = joined.chain >= 0
    letters = np.array(list(joined.sequence))[keep]
    chain = joined.chain[keep]
    confidence = np.clip(100 * out["plddt"][keep, 1], 0, 100)  # 0 to 1 at the alpha carbon, here 0 to 100
    residue, atom = np.nonzero(out["exists"][keep])
    first = np.array([int(np.argmax(chain == number)) for number in range(chain.max() + 1)])
    atoms = AtomArray(len(residue))
    atoms.coord = out["atoms"][keep][residue, atom].astype(np.float32)
    atoms.atom_name = np.array(residue_constants.atom_types)[atom]
    atoms.element = np.array([kind[0] for kind in residue_constants.atom_types])[atom]
    atoms.res_id = residue - first[chain[residue]] + 1
    atoms.chain_id = np.array(list(CHAIN_LETTERS))[chain[residue]]
    names = {letter: three for three, letter in STANDARD.items()}
    atoms.res_name = np.array([names.get(letter, "UNK") for letter in letters])[residue]
    atoms.set_annotation("b_factor", confidence[residue])
    atoms.set_annotation("occupancy", np.ones(len(residue)))
    pairs = np.ix_(keep, keep)
    return StructureResult(
        name=name,
        sequence="".join(letters),
        atoms=atoms,
        confidence=confidence,
        confidence_kind="pLDDT",
        engine="esmfold",
        settings=about,
        seconds=seconds,
        pae=out["pae"][pairs],
        distogram=out["distogram"][pairs],
        distance_edges=EDGES,
        scores={"mean_confidence": float(confidence.mean()), "ptm": float(out["ptm"].ravel()[0])},
        notes=_notes(chain),
    )


def _notes(chain: np.ndarray) -> tuple[str, ...]:
    if chain.max() == 0:
        return ()
    return (
        f"A complex of {chain.max() + 1} chains, folded as one sequence with linkers that were taken out again; "
        "ESMFold was not trained on complexes, so judge the interface by the expected errors.",
    )


def open_esmfold2(chains: list[ProteinChain], settings: FoldSettings, control: Control) -> Predict:
    """Load ESMFold2 from this computer; UserError with what to do when it is not here."""
    del chains
    from transformers import EsmFold2Model

    engine = ENGINES["esmfold2"]
    folder, device = weights_folder(engine), resolve_device(settings.device)
    control.step("Loading ESMFold2", 0, 0)
    model = _load(EsmFold2Model, folder).to(device.name)
    about = _about(engine, folder, settings)

    def predict(sequence: str, name: str, control: Control) -> StructureResult:
        began = time.perf_counter()
        letters = check_sequence(sequence, name, 10_000)
        check_memory(engine, name, len(letters), device, settings.over_memory)
        control.step("Folding", 0, 0)
        run = lambda chunk: _run_esmfold2(model, letters, settings, chunk)  # noqa: E731
        (out, features), chunk = with_smaller_chunks(run, first_chunk(len(letters), settings.chunk), name)
        return _esmfold2_result(
            name, letters, out, features, about | {"chunk": chunk}, time.perf_counter() - began
        )

    return predict


def _run_esmfold2(model: Any, letters: str, settings: FoldSettings, chunk: int) -> tuple[Any, dict]:
    from transformers.models.esmfold2.protein_utils import prepare_protein_features

    for module in model.modules():
        if hasattr(module, "chunk_size"):
            module.chunk_size = chunk
    torch.manual_seed(settings.seed)
    features = prepare_protein_features(letters, device=model.device)
    with torch.no_grad():
        out = model.fold(**dict(features), num_loops=settings.loops, num_diffusion_samples=settings.samples)
    return out, features


def _esmfold2_result(
    name: str, letters: str, out: Any, features: dict, about: dict[str, Any], seconds: float
) -> StructureResult:
    import io

    from biotite.structure.io.pdb import PDBFile
    from transformers.models.esmfold2.protein_utils import output_to_pdb

    best = int(out.complex_plddt.argmax())
    text = output_to_pdb(out, features, sample_idx=best)
    atoms = PDBFile.read(io.StringIO(text)).get_structure(model=1)
    # 0 to 1 in the network, 0 to 100 here.
    confidence = np.clip(100 * out.plddt_ca[best].float().cpu().numpy()[: len(letters)], 0, 100)
    atoms.res_id = atoms.res_id - atoms.res_id.min() + 1
    atoms.chain_id[:] = "A"
    atoms.set_annotation("b_factor", confidence[atoms.res_id - 1])
    atoms.set_annotation("occupancy", np.ones(len(atoms)))
    return StructureResult(
        name=name,
        sequence=letters,
        atoms=atoms,
        confidence=confidence,
        confidence_kind="pLDDT",
        engine="esmfold2",
        settings=about,
        seconds=seconds,
        pae=out.pae[best].float().cpu().numpy()[: len(letters), : len(letters)],
        scores={"mean_confidence": float(confidence.mean()), "ptm": float(out.ptm[best])},
        notes=("ESMFold2 may be too sure of parts that are disordered.",),
    )


def _load(architecture: Any, folder: Path) -> Any:
    """The network in float32 and evaluation mode; UserError where weights are damaged or missing.

    transformers fills missing weights with random numbers, and a network so filled still draws a fold.
    """
    try:
        model, told = architecture.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"The folder '{folder.name}' could not be loaded ({first_line}). Download the model again on the page "
            "Models."
        ) from error
    missing = [name for name in told["missing_keys"] if not any(word in name for word in _NOT_NEEDED)]
    if missing:
        raise UserError(
            f"The folder '{folder.name}' lacks {len(missing):,} weights of {architecture.__name__} (such as "
            f"{sorted(missing)[0]}), so it would fold at random. Download the model again on the page Models."
        )
    return model.float().eval()


def _about(engine: Engine, folder: Path, settings: FoldSettings) -> dict[str, Any]:
    return {"weights": engine.hub_id, "folder": folder.name, **settings.of(engine.name)}
