"""What genes do, in a few classes told from the words of their annotation."""

import re

import pandas as pd

FUNCTION_CLASSES: dict[str, str] = {
    "mobile elements and phages": r"transpos|integrase|phage|prophage|insertion element|insertion sequence|recombinase|"
    r"mobile element|\bIS\d|tail fiber|capsid|terminase|holin|conjugati",
    "translation": r"ribosom|tRNA|translation|elongation factor|initiation factor|aminoacyl|peptide chain release",
    "replication and repair": r"DNA polymerase|helicase|topoisomerase|gyrase|DNA repair|recombination|replicat|"
    r"DNA ligase|mismatch|exonuclease|endonuclease|primase|excinuclease|restriction|methylase",
    "transcription and its control": r"transcription|RNA polymerase|sigma factor|regulator|repressor|activator|"
    r"antitermin|DNA-binding",
    "signals and movement": r"sensor|two-component|chemotaxis|histidine kinase|flagell|motility|pilus|fimbri|pilin",
    "cell wall and envelope": r"peptidoglycan|murein|lipopolysaccharide|outer membrane|lipoprotein|cell division|"
    r"cell wall|penicillin|O-antigen|capsul|porin|septum",
    "transport": r"transport|permease|ABC|efflux|symporter|antiporter|uptake|PTS system|exporter|channel|secretion",
    "energy": r"NADH|cytochrome|ATP synthase|ATPase|dehydrogenase|oxidoreductase|ferredoxin|photosystem|quinone|"
    r"reductase|hydrogenase|oxidase",
    "protein fate and stress": r"chaperon|protease|peptidase|heat shock|stress|proteas|thioredoxin|glutaredoxin|"
    r"catalase|superoxide|toxin",
    "metabolism": r"synthase|synthetase|transferase|kinase|isomerase|hydrolase|lyase|mutase|phosphatase|"
    r"carboxylase|aldolase|biosynth|metabol|epimerase|esterase|dehydratase|cyclase|deaminase|amidase|oxygenase|ligase",
}
"""Class and the words of a product that belong to it; the first that fits counts."""
UNKNOWN = "not known"
_UNKNOWN_WORDS = re.compile(
    r"hypothetical|uncharacteri[sz]ed|unknown|DUF\d+|UPF\d+|putative protein|predicted protein|FIG\d+",
    re.IGNORECASE,
)
_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in FUNCTION_CLASSES.items()}


def function_class(product: str) -> str:
    """The class of a product, told from its words.

    >>> function_class("30S ribosomal protein S12"), function_class("hypothetical protein"), function_class("lyase")
    ('translation', 'not known', 'metabolism')
    """
    if not product or (_UNKNOWN_WORDS.search(product) and len(product) < 60):
        return UNKNOWN
    return next((name for name, pattern in _PATTERNS.items() if pattern.search(product)), "other")


def has_function(product: str) -> bool:
    """Whether an annotation says what a gene does.

    >>> has_function("thr operon leader peptide"), has_function("FIG01222423: hypothetical protein")
    (True, False)
    """
    return bool(product) and not _UNKNOWN_WORDS.search(product)


def function_classes(products: pd.Series) -> pd.Series:
    """The class of each product."""
    classes = {product: function_class(product) for product in products.unique()}
    return products.map(classes)
