"""Backbone, and the entries of the catalogue that lie on the Hugging Face hub: all data.

To add a backbone, add one entry to `HUB_BACKBONES`. Only what transformers loads natively belongs here;
sizes are of the files that BioTL fetches.
"""

from dataclasses import dataclass
from pathlib import Path

from biotl_core.data.dataset import Modality


@dataclass(frozen=True)
class Backbone:
    """A pretrained encoder that `transformers` loads without custom code."""

    name: str
    """The short name, unique; or the folder or hub id it was given by."""
    title: str
    """What the page calls it."""
    modality: Modality
    hub_id: str | None = None
    """`owner/name` on the Hugging Face hub; None for embedded ones and local folders."""
    revision: str | None = None
    """The commit on the hub; None takes the newest."""
    parameters_millions: float = 0.0
    """Of the part that is used (the encoder half of a T5); 0 where not known before the download."""
    download_megabytes: float = 0.0
    max_length: int = 1024
    """Letters it reads at once, without special tokens; longer sequences are cut."""
    licence: str = ""
    reference: str = ""
    """The citation, in one line."""
    note: str = ""
    """One sentence: when to take it."""
    layers: int = 0
    width: int = 0
    """Size of the vector at each position."""
    letters_per_token: float = 1.0
    """1 where each letter is its own token, as targets per residue need; else about how many it joins."""
    folder: Path | None = None
    """Where it lies, for embedded backbones and folders on this computer; None for those of the hub."""


_UNDECLARED = "licence not declared; check its hub page"
_AFL = "Academic Free License 3.0"
_NC = "CC BY-NC-SA 4.0 (not for commercial use)"
_LIN = "Lin et al., Science 379, 1123 (2023)"
_ELNAGGAR = "Elnaggar et al., IEEE TPAMI 44, 7112 (2022)"
_ANKH = "Elnaggar et al., arXiv 2301.06568 (2023)"
_DALLA_TORRE = "Dalla-Torre et al., Nature Methods 22, 287 (2025)"
_CHEMBERTA = "Chithrananda et al., arXiv 2010.09885 (2020)"
_CHEMBERTA_2 = "Ahmad et al., arXiv 2209.01712 (2022)"
_BIOHUB = "Biohub, ESM Cambrian (2026); first released by EvolutionaryScale (2024)"


def _esm2(
    size: str, hub_name: str, parameters: float, megabytes: float, layers: int, width: int, note: str
) -> Backbone:
    return Backbone(
        f"esm2-{size.lower()}",
        f"ESM-2 {size}",
        "protein",
        f"facebook/{hub_name}",
        parameters_millions=parameters,
        download_megabytes=megabytes,
        max_length=1022,
        licence="MIT",
        reference=_LIN,
        note=note,
        layers=layers,
        width=width,
    )


def _esmc(size: str, parameters: float, megabytes: float, layers: int, width: int, note: str) -> Backbone:
    return Backbone(
        f"esmc-{size.lower()}",
        f"ESM-C {size}",
        "protein",
        f"biohub/ESMC-{size}",
        parameters_millions=parameters,
        download_megabytes=megabytes,
        max_length=2046,
        licence="MIT, with third-party notices on its hub page",
        reference=_BIOHUB,
        note=note,
        layers=layers,
        width=width,
    )


def _nucleotide_transformer(
    name: str,
    title: str,
    hub_name: str,
    parameters: float,
    megabytes: float,
    layers: int,
    width: int,
    note: str,
) -> Backbone:
    return Backbone(
        name,
        title,
        "dna",
        f"InstaDeepAI/{hub_name}",
        parameters_millions=parameters,
        download_megabytes=megabytes,
        max_length=5994,
        licence=_NC,
        reference=_DALLA_TORRE,
        note=note,
        layers=layers,
        width=width,
        letters_per_token=6.0,
    )


def _chemberta(
    name: str,
    title: str,
    hub_id: str,
    parameters: float,
    megabytes: float,
    layers: int,
    width: int,
    note: str,
) -> Backbone:
    return Backbone(
        name,
        title,
        "molecule",
        hub_id,
        parameters_millions=parameters,
        download_megabytes=megabytes,
        max_length=510,
        licence=_UNDECLARED,
        reference=_CHEMBERTA_2 if "77M" in hub_id else _CHEMBERTA,
        note=note,
        layers=layers,
        width=width,
        letters_per_token=1.2,
    )


HUB_BACKBONES = (
    _esm2("8M", "esm2_t6_8M_UR50D", 7.5, 31, 6, 320, "Small and quick, even without a graphics card."),
    _esm2("35M", "esm2_t12_35M_UR50D", 33.5, 136, 12, 480, "The best balance for a laptop."),
    _esm2("150M", "esm2_t30_150M_UR50D", 148, 595, 30, 640, "Better features; minutes on a processor."),
    _esm2(
        "650M", "esm2_t33_650M_UR50D", 651, 2610, 33, 1280,
        "The one most papers use; wants a graphics card, or patience.",
    ),
    _esm2("3B", "esm2_t36_3B_UR50D", 2841, 11370, 36, 2560, "For a graphics card with 24 GB or more."),
    _esm2("15B", "esm2_t48_15B_UR50D", 15136, 60600, 48, 5120, "The largest ESM-2; for cards with 80 GB."),
    _esmc("300M", 333, 1330, 30, 960, "Newer than ESM-2, about as good as its 650M at half the size."),
    _esmc("600M", 575, 2300, 36, 1152, "Newer than ESM-2, about as good as its 3B; wants a graphics card."),
    _esmc("6B", 6350, 25400, 80, 2560, "The strongest protein backbone here; for a card with 48 GB or more."),
    Backbone(
        "protbert", "ProtBert", "protein", "Rostlab/prot_bert", parameters_millions=420,
        download_megabytes=1680, max_length=2046, licence=_AFL, reference=_ELNAGGAR, layers=30, width=1024,
        note="An older BERT trained on UniRef100; take it to compare with published work.",
    ),
    Backbone(
        "protbert-bfd", "ProtBert-BFD", "protein", "Rostlab/prot_bert_bfd", parameters_millions=420,
        download_megabytes=1680, max_length=2046, licence=_AFL, reference=_ELNAGGAR,
        layers=30, width=1024,
        note="ProtBert trained on the larger BFD set; an older model too.",
    ),
    Backbone(
        "prott5", "ProtT5-XL (encoder)", "protein", "Rostlab/prot_t5_xl_half_uniref50-enc",
        parameters_millions=1208, download_megabytes=2420, max_length=2000, licence=_AFL,
        reference=_ELNAGGAR, layers=24, width=1024,
        note="Strong features for each residue; wants a graphics card.",
    ),
    Backbone(
        "ankh-base", "Ankh base (encoder)", "protein", "ElnaggarLab/ankh-base", parameters_millions=453,
        download_megabytes=2950, max_length=2000, licence=_NC,
        reference=_ANKH, layers=48, width=768, note="Good features for its size; the decoder is left out.",
    ),
    Backbone(
        "ankh-large", "Ankh large (encoder)", "protein", "ElnaggarLab/ankh-large", parameters_millions=1152,
        download_megabytes=7520, max_length=2000, licence=_NC,
        reference=_ANKH, layers=48, width=1536, note="Ankh for a graphics card; the decoder is left out.",
    ),
    Backbone(
        "grover", "GROVER", "dna", "PoetschLab/GROVER", parameters_millions=87, download_megabytes=350,
        max_length=2040, licence=_UNDECLARED,
        reference="Sanabria et al., Nature Machine Intelligence 6, 911 (2024)",
        layers=12, width=768, letters_per_token=4.0, note="The human genome, in words of about four letters.",
    ),
    Backbone(
        "modernbert-dna", "ModernBERT-DNA 37M (human)", "dna", "RaphaelMourad/ModernBERT-DNA-v1-37M-hg38",
        parameters_millions=36.8, download_megabytes=74, max_length=8000, licence="Apache-2.0",
        reference="huggingface.co/RaphaelMourad/ModernBERT-DNA-v1-37M-hg38 (2025)", letters_per_token=5.0,
        note="Small; the human genome in pieces of 10,000 letters.",
    ),
    Backbone(
        "gena-lm-bigbird", "GENA-LM BigBird", "dna", "AIRI-Institute/gena-lm-bigbird-base-t2t",
        parameters_millions=110, download_megabytes=456, max_length=32000, licence=_UNDECLARED,
        reference="Fishman et al., Nucleic Acids Research 53, gkae1310 (2025)", layers=12, width=768,
        letters_per_token=8.0, note="Human DNA, up to 32,000 letters at once, in longer words.",
    ),
    _nucleotide_transformer(
        "nt-500m-human", "Nucleotide Transformer 500M (human)", "nucleotide-transformer-500m-human-ref",
        480, 1940, 24, 1280, "The human reference genome, in words of six letters; wants a graphics card.",
    ),
    _nucleotide_transformer(
        "nt-500m-1000g", "Nucleotide Transformer 500M (1000 Genomes)", "nucleotide-transformer-500m-1000g",
        480, 1940, 24, 1280, "3,202 human genomes, in words of six letters; wants a graphics card.",
    ),
    _nucleotide_transformer(
        "nt-2.5b-multi", "Nucleotide Transformer 2.5B (850 species)",
        "nucleotide-transformer-2.5b-multi-species",
        2537, 10190, 32, 2560, "Genomes of 850 species; for a graphics card with 24 GB or more.",
    ),
    _chemberta(
        "chemberta-77m-mlm", "ChemBERTa-2 77M (masked)", "DeepChem/ChemBERTa-77M-MLM", 3.4, 14, 3, 384,
        "Tiny, learned from 77 million molecules by filling in hidden parts.",
    ),
    _chemberta(
        "chemberta-77m-mtr", "ChemBERTa-2 77M (properties)", "DeepChem/ChemBERTa-77M-MTR", 3.4, 14, 3, 384,
        "Tiny, learned from 77 million molecules by predicting their computed properties.",
    ),
    _chemberta(
        "chemberta-zinc", "ChemBERTa (ZINC)", "seyonec/ChemBERTa-zinc-base-v1", 44, 179, 6, 768,
        "Learned from drug-like molecules of ZINC.",
    ),
    Backbone(
        "roberta-zinc", "RoBERTa (ZINC, 480 million)", "molecule", "entropy/roberta_zinc_480m",
        parameters_millions=102, download_megabytes=410, max_length=126, licence="MIT",
        reference="huggingface.co/entropy/roberta_zinc_480m (2023)",
        layers=12, width=768, letters_per_token=1.2,
        note="The largest molecule backbone here; trained on molecules of up to 128 tokens.",
    ),
)  # fmt: skip
