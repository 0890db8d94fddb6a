"""What to cite: the backbone, the methods and the tools that a run used, with BibTeX."""

from typing import NamedTuple

from biotl_core.reports.record import Record


class Citation(NamedTuple):
    """One work."""

    key: str
    """Of the BibTeX entry."""
    short: str
    """As it stands in a sentence: "Lin et al. 2023"."""
    bibtex: str


def _article(key: str, short: str, author: str, title: str, journal: str, year: int, **more: str) -> Citation:
    return _entry("article", key, short, author=author, title=title, journal=journal, year=str(year), **more)


def _entry(kind: str, key: str, short: str, **given: str) -> Citation:
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in given.items())
    return Citation(key, short, f"@{kind}{{{key},\n{lines}\n}}")


CITATIONS: dict[str, Citation] = {
    one.key: one
    for one in (
        _article(
            "lin2023esm2", "Lin et al. 2023", "Lin, Zeming and Akin, Halil and Rao, Roshan and others",
            "Evolutionary-scale prediction of atomic-level protein structure with a language model", "Science", 2023,
            volume="379", pages="1123--1130", doi="10.1126/science.ade2574",
        ),
        _article(
            "elnaggar2022prottrans", "Elnaggar et al. 2022", "Elnaggar, Ahmed and Heinzinger, Michael and others",
            "ProtTrans: toward understanding the language of life through self-supervised learning",
            "IEEE Transactions on Pattern Analysis and Machine Intelligence", 2022, volume="44", pages="7112--7127",
            doi="10.1109/TPAMI.2021.3095381",
        ),
        _article(
            "elnaggar2023ankh", "Elnaggar et al. 2023", "Elnaggar, Ahmed and Essam, Hazem and others",
            "Ankh: optimized protein language model unlocks general-purpose modelling", "arXiv:2301.06568", 2023,
        ),
        _article(
            "dallatorre2025nt", "Dalla-Torre et al. 2025", "Dalla-Torre, Hugo and Gonzalez, Liam and others",
            "Nucleotide Transformer: building and evaluating robust foundation models for human genomics",
            "Nature Methods", 2025, volume="22", pages="287--297", doi="10.1038/s41592-024-02523-z",
        ),
        _article(
            "chithrananda2020chemberta", "Chithrananda et al. 2020", "Chithrananda, Seyone and Grand, Gabriel and "
            "Ramsundar, Bharath", "ChemBERTa: large-scale self-supervised pretraining for molecular property "
            "prediction",
            "arXiv:2010.09885", 2020,
        ),
        _article(
            "ahmad2022chemberta2", "Ahmad et al. 2022", "Ahmad, Walid and Simon, Elana and Chithrananda, Seyone "
            "and others",
            "ChemBERTa-2: towards chemical foundation models", "arXiv:2209.01712", 2022,
        ),
        _entry(
            "inproceedings", "wolf2020transformers", "Wolf et al. 2020", author="Wolf, Thomas and others",
            title="Transformers: state-of-the-art natural language processing",
            booktitle="EMNLP: System Demonstrations", year="2020", pages="38--45",
        ),
        _entry(
            "inproceedings", "paszke2019pytorch", "Paszke et al. 2019", author="Paszke, Adam and others",
            title="PyTorch: an imperative style, high-performance deep learning library",
            booktitle="Advances in Neural Information Processing Systems 32", year="2019",
        ),
        _entry(
            "inproceedings", "hu2022lora", "Hu et al. 2022", author="Hu, Edward J. and Shen, Yelong and others",
            title="LoRA: low-rank adaptation of large language models", booktitle="ICLR", year="2022",
        ),
        _article(
            "pedregosa2011sklearn", "Pedregosa et al. 2011", "Pedregosa, Fabian and others",
            "Scikit-learn: machine learning in Python", "Journal of Machine Learning Research", 2011, volume="12",
            pages="2825--2830",
        ),
        _entry(
            "book", "efron1993bootstrap", "Efron and Tibshirani 1993", author="Efron, Bradley and Tibshirani, "
            "Robert J.",
            title="An introduction to the bootstrap", publisher="Chapman and Hall", year="1993",
        ),
        _entry(
            "misc", "rdkit", "RDKit", title="RDKit: open-source cheminformatics", howpublished="https://www.rdkit.org",
        ),
        _article(
            "rogers2010ecfp", "Rogers and Hahn 2010", "Rogers, David and Hahn, Mathew",
            "Extended-connectivity fingerprints", "Journal of Chemical Information and Modeling", 2010, volume="50",
            pages="742--754", doi="10.1021/ci100050t",
        ),
        _article(
            "bemis1996scaffolds", "Bemis and Murcko 1996", "Bemis, Guy W. and Murcko, Mark A.",
            "The properties of known drugs. 1. Molecular frameworks", "Journal of Medicinal Chemistry", 1996,
            volume="39", pages="2887--2893", doi="10.1021/jm9602928",
        ),
        _entry(
            "book", "vovk2005conformal", "Vovk et al. 2005", author="Vovk, Vladimir and Gammerman, Alex and "
            "Shafer, Glenn",
            title="Algorithmic learning in a random world", publisher="Springer", year="2005",
        ),
        _entry(
            "inproceedings", "guo2017calibration", "Guo et al. 2017", author="Guo, Chuan and Pleiss, Geoff and others",
            title="On calibration of modern neural networks", booktitle="ICML", year="2017",
        ),
        _article(
            "walsh2021dome", "Walsh et al. 2021", "Walsh, Ian and Fishman, Dmytro and others",
            "DOME: recommendations for supervised machine learning validation in biology", "Nature Methods", 2021,
            volume="18", pages="1122--1127", doi="10.1038/s41592-021-01205-4",
        ),
        _entry(
            "misc", "biotl", "BioTL", title="BioTL: transfer learning for biologists",
            note="Version of the run as told in its record; Apache-2.0",
        ),
    )
}  # fmt: skip
"""Every work that a run may rest on."""

_OF_BACKBONES = (
    ("esm2", "lin2023esm2"),
    ("prot", "elnaggar2022prottrans"),
    ("ankh", "elnaggar2023ankh"),
    ("nt-", "dallatorre2025nt"),
    ("chemberta-77m", "ahmad2022chemberta2"),
    ("chemberta", "chithrananda2020chemberta"),
)
"""How the names of backbones begin, and what to cite for them."""


def citations_of(record: Record) -> list[Citation]:
    """The works that a run used, the backbone first."""
    keys = [backbone_key(record), "biotl", "paszke2019pytorch", "wolf2020transformers"]
    keys += ["hu2022lora"] if record.result["method"] == "lora" else []
    keys += ["pedregosa2011sklearn", "efron1993bootstrap"]
    if record.result["modality"] == "molecule":
        keys += ["rdkit", "rogers2010ecfp"]
    keys += ["bemis1996scaffolds"] if record.result.get("split") == "scaffold" else []
    if record.result.get("certainty"):
        keys += ["vovk2005conformal"] + (["guo2017calibration"] if record.task.is_class else [])
    return [CITATIONS[key] for key in [*keys, "walsh2021dome"] if key]


def backbone_key(record: Record) -> str | None:
    """The key of the backbone's paper; None where none is known (its reference is then given in words)."""
    name = record.backbone.name.lower()
    return next((key for start, key in _OF_BACKBONES if name.startswith(start)), None)
