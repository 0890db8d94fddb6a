"""What the name of a column says: a sequence, a target, or neither."""

import re

_SEQUENCE_NAMES = {
    4: ("sequence", "seq", "sequences", "smiles"),
    3: (
        "protein_sequence", "protein_seq", "aa_seq", "aa_sequence", "aaseq", "amino_acid_sequence", "dna_sequence",
        "dna_seq", "nucleotide_sequence", "nt_seq", "nt_sequence", "rna_sequence", "mutated_sequence",
        "mutant_sequence", "full_sequence", "peptide_sequence", "promoter_sequence", "canonical_smiles",
        "isomeric_smiles", "smile", "primary", "peptide",
    ),
    2: ("protein", "dna", "rna", "drug", "mol", "molecule", "structure", "promoter", "oligo", "insert"),
}  # fmt: skip
_SEQUENCE_WORDS = {"sequence", "sequences", "seq", "seqs", "smiles", "aaseq", "peptide"}

# The names everybody uses for what is to be predicted, the surest first.
_TARGET_NAMES = ("target", "targets", "label", "labels", "y", "y_true", "ground_truth")
_TARGET_WORDS = {
    "fitness", "score", "scores", "activity", "active", "value", "values", "measured", "measurement",
    "measurements", "experimental", "exp", "expt", "observed", "response", "readout", "affinity", "kd", "ki",
    "ic50", "pic50", "ec50", "pec50", "pki", "pkd", "tm", "temperature", "melting", "solubility", "logs",
    "logp", "logd", "lipo", "lipophilicity", "stability", "dg", "ddg", "binding", "expression", "fluorescence",
    "brightness", "intensity", "enrichment", "toxicity", "toxic", "location", "localization", "localisation",
    "compartment", "class", "classes", "category", "stage", "phenotype", "function", "property", "yield",
    "topt", "phopt", "strength", "halflife", "psi", "efficiency", "growth", "resistance", "permeability",
    "potency", "titer",
}  # fmt: skip
# Names that describe the row or the measurement, or hold someone else's prediction.
_ASIDE_WORDS = {
    "id", "ids", "uid", "index", "idx", "name", "names", "accession", "acc", "uniprot", "pdb", "chain", "entry",
    "gene", "organism", "species", "taxid", "tax", "cluster", "clusters", "fold", "folds", "family",
    "superfamily", "weight", "weights", "reads", "read", "count", "counts", "num", "number", "nmut",
    "mutations", "mutation", "mutant", "mutants", "variant", "variants", "hgvs", "position", "positions", "pos",
    "start", "end", "length", "len", "year", "date", "source", "origin", "file", "reference", "ref", "doi",
    "pmid", "ec", "std", "sd", "stdev", "sem", "se", "stderr", "error", "err", "replicate", "replicates",
    "pval", "pvalue", "predicted", "prediction", "predictions", "pred", "calc", "calculated", "wt", "wildtype",
    "split", "splits", "set", "part", "partition", "subset", "mask", "batch", "plate", "well", "barcode",
    "comment", "comments", "note", "notes", "description", "unnamed", "genome", "strand", "chromosome", "chrom",
    "row", "rank", "os", "ox", "gn", "pe", "sv", "cas", "inchi", "inchikey", "iupac", "formula", "baseline",
    "confidence", "interval", "lower", "upper", "ci",
}  # fmt: skip
_WILD_TYPE_WORDS = {"wt", "wildtype", "wild", "reference", "ref", "parent", "template", "germline"}

_ROW_NAMES = (
    "name",
    "id",
    "seq_id",
    "protein_id",
    "entry",
    "accession",
    "uniprot",
    "variant",
    "mutant",
    "mutation",
)


def name_words(name: str) -> set[str]:
    """The words of a column name, lower case; counting digits at the end of a word are dropped.

    >>> sorted(name_words("log_Fitness score")), sorted(name_words("DMS-score2")), sorted(name_words("pIC50"))
    (['fitness', 'log', 'score'], ['dms', 'score'], ['pic50'])
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", name)
    words = {word.lower() for word in re.split(r"[^A-Za-z0-9]+", spaced) if word}
    return {word if word in _TARGET_WORDS else re.sub(r"\d+$", "", word) or word for word in words}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def is_time_name(name: str) -> bool:
    """Whether a column of this name says when something was measured or published.

    >>> [is_time_name(name) for name in ("Date", "document_year", "measured on", "time_min", "updated")]
    [True, True, False, False, False]
    """
    words = name_words(name)
    return bool(words & {"date", "year"}) or _plain(name) in ("time", "timestamp", "when")


def sequence_rank(name: str) -> int:
    """How surely a column of this name holds the sequences: 4 (surely) to 0 (nothing speaks for it).

    >>> [sequence_rank(name) for name in ("Sequence", "aa_seq", "seq1", "wt_sequence", "fitness")]
    [4, 3, 2, 0, 0]
    """
    words = name_words(name)
    if words & _WILD_TYPE_WORDS:
        return 0
    rank = next((rank for rank, names in _SEQUENCE_NAMES.items() if _plain(name) in names), 0)
    return rank or (2 if words & _SEQUENCE_WORDS else 0)


def target_rank(name: str) -> int:
    """How surely a column of this name is the target: larger is surer, 0 where nothing speaks for it.

    `target`, `label`, `y` in this order; then one telling word ("fitness"), a name with "measured" in it, a name
    with such a word among others ("log fitness").

    >>> target_rank("target") > target_rank("label") > target_rank("fitness") > target_rank("log fitness") > 0
    True
    >>> target_rank("DMS_score") > target_rank("DMS_score_bin"), target_rank("published_prediction")
    (True, 0)
    """
    plain = _plain(name)
    if plain in _TARGET_NAMES:
        return 20 + len(_TARGET_NAMES) - _TARGET_NAMES.index(plain)
    words = name_words(name)
    if words & _ASIDE_WORDS and "measured" not in words:
        return 0
    if words & {"measured", "expt"} or plain in _TARGET_WORDS or plain == "dms_score":
        return 12
    if words & _TARGET_WORDS:
        return 5 if words & {"bin", "binary", "binned", "rounded"} else 10
    return 0


def is_set_aside_name(name: str) -> bool:
    """Whether a name tells that the column describes the row (id, reads, weights, a prediction, a split).

    >>> [is_set_aside_name(name) for name in ("num_mutations", "published_prediction", "target", "membrane", "n")]
    [True, True, False, False, True]
    """
    words = name_words(name)
    is_model = (
        any(word.startswith(("esm", "proteinnpt", "tranception")) for word in words) and "esol" not in words
    )
    # Blank headers were named "column 3"; the first of them is a row number in most files.
    return target_rank(name) == 0 and (bool(words & _ASIDE_WORDS) or is_model or words in ({"n"}, {"x"}))


def name_rank(name: str) -> int:
    """How surely a column of this name names the rows: larger is surer, 0 where nothing speaks for it.

    >>> name_rank("name") > name_rank("id") > name_rank("variant") > name_rank("Compound ID") > 0
    True
    >>> name_rank("fitness")
    0
    """
    plain = _plain(name)
    if plain in _ROW_NAMES:
        return 2 + len(_ROW_NAMES) - _ROW_NAMES.index(plain)
    return 1 if name_words(name) & {"id", "name", "accession", "entry", "identifier", "chemblid"} else 0
