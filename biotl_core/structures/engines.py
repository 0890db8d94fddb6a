"""ENGINES: every way to predict a structure, and `predict_structure`, the one door to them."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from biotl_core.backbones.catalogue import backbone_state, locate_backbone
from biotl_core.backbones.entries import Backbone
from biotl_core.errors import UserError
from biotl_core.progress import Control
from biotl_core.structures.chains import ProteinChain
from biotl_core.structures.results import StructureResult

Predict = Callable[[str, str, Control], StructureResult]
"""(sequence, name, control) to a result."""


def _setting(default: Any, title: str, help: str, engines: tuple[str, ...]) -> Any:
    return field(default=default, metadata={"title": title, "help": help, "engines": engines})


@dataclass(frozen=True)
class FoldSettings:
    """What can be chosen for a prediction; each engine reads those that name it."""

    backbone: str = _setting(
        "biotl-protein", "Backbone", "Whose features the distances are learned from.", ("distogram",)
    )
    head: str = _setting(
        "", "Run", "The finished run whose distances are used: its name or its folder.", ("learned",)
    )
    adapter: str = _setting(
        "",
        "Adapted in run",
        "A finished run that adapted ESMFold to structures: its name or folder.",
        ("esmfold",),
    )
    passes: int = _setting(
        80,
        "Passes over the structures",
        "How often the distance head sees each structure (epochs).",
        ("distogram",),
    )
    recycles: int = _setting(
        3, "Recycles", "How often the network corrects its own structure (recycles).", ("esmfold",)
    )
    chunk: int = _setting(
        0,
        "Chunk size",
        "Rows of pairs at once; 0 chooses by length, smaller needs less memory.",
        ("esmfold", "esmfold2"),
    )
    loops: int = _setting(
        10, "Loops", "How often the network goes over its pair features (loops).", ("esmfold2",)
    )
    samples: int = _setting(1, "Models a sequence", "Structures drawn; the surest is kept.", ("esmfold2",))
    seed: int = _setting(0, "Random seed", "The same seed gives the same result.", ("distogram", "esmfold2"))
    device: str = _setting(
        "auto",
        "Where it runs",
        "auto takes the graphics card when there is one.",
        ("esmfold", "esmfold2", "distogram", "learned", "attention"),
    )
    over_memory: bool = _setting(
        False,
        "Try even if the memory may not do",
        "Fold sequences that are longer than the memory estimate allows.",
        ("esmfold", "esmfold2"),
    )

    def __post_init__(self) -> None:
        """UserError for numbers that make no sense."""
        for name, low, high in (
            ("passes", 1, 1000),
            ("recycles", 0, 24),
            ("chunk", 0, 1024),
            ("loops", 1, 40),
            ("samples", 1, 16),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise UserError(f"Setting {name}: found {value}; allowed is {low} to {high}.")

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> "FoldSettings":
        """From saved values; unknown names are left out."""
        known = {entry.name for entry in fields(cls)}
        return cls(**{name: value for name, value in given.items() if name in known})

    def of(self, engine: str) -> dict[str, Any]:
        """The settings that an engine reads."""
        values = asdict(self)
        return {
            entry.name: values[entry.name] for entry in fields(self) if engine in entry.metadata["engines"]
        }


@dataclass(frozen=True)
class Engine:
    """A way to predict a structure."""

    name: str
    title: str
    reach: str
    """What it can do and what not, honestly, in a sentence or two."""
    confidence_kind: str
    opens: tuple[str, str]
    """Module and function `(chains, settings, control) -> Predict`."""
    needs_structures: bool = False
    """It learns from, or copies, structures that she gives."""
    takes_complexes: bool = False
    """Several chains may be given with ':' between them."""
    hub_id: str | None = None
    """Where its weights are on the Hugging Face hub; None for engines that need none."""
    licence: str = "Apache-2.0 (part of BioTL)"
    needs: str = ""
    """Size of the download and memory, in words."""
    reference: str = ""


_ROOM = "biotl_core.structures"
_TEMPLATE = Engine(
    "template",
    "From a relative's structure",
    "Copies the fold of the nearest relative among the structures you give. Good where one shares more than about "
    "30 % of the letters, or where the family is given; it refuses where none is near. No download, seconds a chain.",
    "expected lDDT",
    (f"{_ROOM}.templates", "open_templates"),
    needs_structures=True,
    reference="Template modelling as in Sali and Blundell, J Mol Biol 234, 779 (1993); alignment to the family by "
    "BLOSUM62 averaged over structural alignments (Zhang and Skolnick, Nucleic Acids Res 33, 2302, 2005)",
)
_DISTOGRAM = Engine(
    "distogram",
    "Learned from your structures",
    "Learns distances between residues from the structures you give, then folds a new chain by gradient descent. A "
    "sketch: learned from 20 globins it gives held-out globins about half of their fold (TM-score 0.47). Where a "
    "relative is near, its structure is the better way. No download.",
    "expected lDDT",
    (f"{_ROOM}.distogram", "open_distogram"),
    needs_structures=True,
    reference="Distances learned and folded as in Senior et al., Nature 577, 706 (2020)",
)
_LEARNED = Engine(
    "learned",
    "From a run that learned distances",
    "Expects contacts and distances by a finished run of yours (Learn from structures, contacts or distances), and "
    "folds from them. How far to trust it, its test chains say; for a protein unlike them it is a sketch.",
    "expected lDDT",
    (f"{_ROOM}.distogram", "open_learned"),
    reference="Distances learned and folded as in Senior et al., Nature 577, 706 (2020)",
)
_ATTENTION = Engine(
    "attention",
    "Contacts by ESM-2's attention",
    "Which residues touch, as a protein language model tells without having been shown structures; seconds a chain. A "
    "map of contacts to look at; the fold made of it is a sketch.",
    "expected lDDT",
    (f"{_ROOM}.attention_contacts", "open_attention_contacts"),
    hub_id="facebook/esm2_t33_650M_UR50D",
    licence="MIT",
    needs="2.6 GB to download; 4 GB of memory",
    reference="Rao et al., ICLR 2021; Lin et al., Science 379, 1123 (2023)",
)
_ESMFOLD = Engine(
    "esmfold",
    "ESMFold",
    "A large network that folds any protein from its sequence alone; weaker for proteins without relatives. Needs its "
    "weights, and for more than about 400 residues a graphics card.",
    "pLDDT",
    (f"{_ROOM}.esmfold", "open_esmfold"),
    takes_complexes=True,
    hub_id="facebook/esmfold_v1",
    licence="MIT",
    needs="8.4 GB to download; 16 GB of graphics memory, or 16 GB of memory on a processor",
    reference="Lin et al., Science 379, 1123 (2023)",
)
_ESMFOLD2 = Engine(
    "esmfold2",
    "ESMFold2",
    "The newer and larger network for single protein chains. Needs its weights and a large graphics card.",
    "pLDDT",
    (f"{_ROOM}.esmfold", "open_esmfold2"),
    hub_id="biohub/ESMFold2",
    licence="MIT",
    needs="about 13 GB to download; 26 GB of graphics memory and more",
    reference="Biohub, ESMFold2 (2026)",
)

ENGINES: dict[str, Engine] = {
    engine.name: engine for engine in (_TEMPLATE, _DISTOGRAM, _LEARNED, _ATTENTION, _ESMFOLD, _ESMFOLD2)
}
"""Every engine by its name, those that work at once first."""


def find_engine(name: str) -> Engine:
    """An engine by its name; UserError names those there are."""
    if name not in ENGINES:
        raise UserError(f"There is no engine '{name}'; there are {', '.join(ENGINES)}.")
    return ENGINES[name]


def why_out_of_reach(engine: Engine) -> str | None:
    """What is missing for an engine on this computer and what to do, or None when it works now."""
    if engine.hub_id is None or backbone_state(_weights(engine)) != "download":
        return None
    return (
        f"{engine.title} is not on this computer yet ({engine.needs}; licence {engine.licence}). Download "
        f"'{engine.hub_id}' on the page Models, or import its folder there; offline, give structures of relatives and "
        "use the engine 'template'."
    )


def open_engine(
    name: str,
    chains: Sequence[ProteinChain],
    settings: FoldSettings | None = None,
    control: Control | None = None,
) -> Predict:
    """Make an engine ready for any number of sequences: weights loaded, templates read, distances learned.

    Args:
        name: in `ENGINES`.
        chains: structures of relatives, for engines that need them.
        settings: see `FoldSettings`.
        control: progress and stop.

    Raises:
        UserError: no such engine, its weights are not here, or structures are missing.
    """
    engine = find_engine(name)
    if missing := why_out_of_reach(engine):
        raise UserError(missing)
    if engine.needs_structures and not chains:
        raise UserError(
            f"The engine '{engine.title}' needs structures of relatives. Add PDB or mmCIF files, or a folder of them."
        )
    module, function = engine.opens
    return getattr(importlib.import_module(module), function)(
        list(chains), settings or FoldSettings(), control or Control()
    )


def predict_structure(
    sequence: str,
    engine: str,
    chains: Sequence[ProteinChain] = (),
    settings: FoldSettings | None = None,
    name: str = "sequence",
    control: Control | None = None,
) -> StructureResult:
    """The structure of one sequence; arguments and errors as in `open_engine`.

    Raises:
        UserError: the sequence is none, too long for the memory, or out of the engine's reach.
    """
    control = control or Control()
    return open_engine(engine, chains, settings, control)(sequence, name, control)


def weights_folder(engine: Engine) -> Path:
    """Where the weights of an engine lie on this computer; UserError with what to do when they do not."""
    if missing := why_out_of_reach(engine):
        raise UserError(missing)
    return locate_backbone(_weights(engine))


def _weights(engine: Engine) -> Backbone:
    """The weights as an entry that the catalogue finds in BioTL's home or in the cache of the hub."""
    return Backbone(engine.hub_id, engine.title, "protein", engine.hub_id, licence=engine.licence)
