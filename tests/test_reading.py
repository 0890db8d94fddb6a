import gzip
import io

import pandas as pd
import pytest

from biotl_core.data.column_names import is_set_aside_name, sequence_rank, target_rank
from biotl_core.data.raw_table import RawTable
from biotl_core.data.reading import guess_reading, read_bytes, read_file, read_pasted
from biotl_core.errors import UserError

PROTEINS = ["MKVLAAGIVQ", "MKVLAAGIVR", "MSTNPKPQRW", "MTEYKLVVVG", "MALWMRLLPL", "MGSSHHHHHH"]
TARGETS = ["1.5", "2.5", "-0.25", "3", "0.75", "1e-3"]


def _csv(separator: str = ",") -> str:
    return "\n".join(
        ["id,sequence,tm", *(f"p{i},{s},{t}" for i, (s, t) in enumerate(zip(PROTEINS, TARGETS, strict=True)))]
    ).replace(",", separator)


def _frame() -> pd.DataFrame:
    return pd.DataFrame(
        {"id": [f"p{i}" for i in range(6)], "sequence": PROTEINS, "tm": list(map(float, TARGETS))}
    )


def _xlsx() -> bytes:
    buffer = io.BytesIO()
    _frame().to_excel(buffer, index=False)
    return buffer.getvalue()


def _parquet() -> bytes:
    buffer = io.BytesIO()
    _frame().set_index("id", drop=False).to_parquet(buffer)
    return buffer.getvalue()


FASTA = "".join(
    f">p{i} tm={t} organism=E. coli\n{s[:5]}\n{s[5:]}\n"
    for i, (s, t) in enumerate(zip(PROTEINS, TARGETS, strict=True))
)
PIPES = "".join(f">p{i}|{t}|train\n{s}\n" for i, (s, t) in enumerate(zip(PROTEINS, TARGETS, strict=True)))


@pytest.mark.parametrize(
    "content",
    [
        _csv().encode(),
        _csv("\t").encode(),
        _csv(";").encode(),
        _csv("|").encode(),
        _xlsx(),
        _parquet(),
        FASTA.encode(),
    ],
    ids=["csv", "tsv", "semicolon", "bar", "xlsx", "parquet", "fasta"],
)
@pytest.mark.parametrize("is_packed", [False, True], ids=["plain", "gzipped"])
def test_the_same_table_in_every_format(tmp_path, content, is_packed):
    """The content tells the format: every file here is called table.txt."""
    path = tmp_path / "table.txt"
    path.write_bytes(gzip.compress(content) if is_packed else content)
    raw = read_file(path)
    reading = guess_reading(raw)
    assert raw.table[reading.sequence_column].tolist() == PROTEINS
    assert [float(value) for value in raw.table["tm"]] == [float(value) for value in TARGETS]
    assert reading.target_columns == ("tm",)
    assert reading.task_name == "regression"
    assert reading.modality == "protein"


def test_pasted_from_a_spreadsheet():
    raw = read_pasted(_csv("\t"))
    assert raw.file_format == "TSV"
    assert guess_reading(raw).sequence_column == "sequence"


def test_fasta_fields_between_bars():
    raw = read_bytes(PIPES.encode(), "x.fasta")
    assert raw.table["name"].tolist()[:2] == ["p0", "p1"]
    assert raw.table["field 2"].tolist() == TARGETS
    reading = guess_reading(raw)
    assert reading.target_columns == ("field 2",)
    assert reading.part_column == "field 3"


def test_fasta_headers_of_databases():
    text = ">sp|P12345|AATM_RABIT Aspartate aminotransferase OS=Oryctolagus cuniculus OX=9986 GN=GOT2 PE=1 SV=2\nMKV\n"
    row = read_bytes(text.encode(), "x").table.iloc[0]
    assert row["name"] == "P12345"
    assert row["description"].startswith("AATM_RABIT")
    assert row["OS"] == "Oryctolagus cuniculus"
    assert row["SV"] == "2"


def test_genbank():
    from Bio import SeqIO
    from Bio.Seq import Seq
    from Bio.SeqRecord import SeqRecord

    records = [
        SeqRecord(
            Seq("ACGTACGTAC" * 3),
            id=f"AB{i}",
            name=f"AB{i}",
            description="a promoter",
            annotations={"molecule_type": "DNA", "organism": "E. coli", "comment": f"strength={i / 2}"},
        )
        for i in range(3)
    ]
    buffer = io.StringIO()
    SeqIO.write(records, buffer, "genbank")
    raw = read_bytes(buffer.getvalue().encode(), "x.gb")
    assert raw.file_format == "GenBank"
    assert raw.table["sequence"].tolist() == ["ACGTACGTAC" * 3] * 3
    assert raw.table["organism"].iloc[0] == "E. coli"
    assert raw.table["strength"].tolist() == ["0.0", "0.5", "1.0"]


def test_smiles_file_with_names_of_several_words():
    text = "CCO ethyl alcohol\nc1ccccc1 benzene\nCC(=O)O acetic acid\nC1CCCCC1 cyclohexane\n"
    raw = read_bytes(text.encode(), "x.smi")
    assert raw.file_format == "SMILES"
    assert raw.table.iloc[:, 0].tolist() == ["CCO", "c1ccccc1", "CC(=O)O", "C1CCCCC1"]
    assert raw.table.iloc[0, 1] == "ethyl alcohol"


def test_sdf_properties_become_columns():
    from rdkit import Chem

    buffer = io.StringIO()
    writer = Chem.SDWriter(buffer)
    for name, smiles, value in (("a", "CCO", 0.5), ("b", "c1ccccc1", -1.25)):
        molecule = Chem.MolFromSmiles(smiles)
        molecule.SetProp("_Name", name)
        molecule.SetDoubleProp("logS", value)
        writer.write(molecule)
    writer.close()
    raw = read_bytes(buffer.getvalue().encode(), "x.sdf")
    assert raw.file_format == "SDF"
    assert raw.table["smiles"].tolist() == ["CCO", "c1ccccc1"]
    assert raw.table["name"].tolist() == ["a", "b"]
    assert raw.table["logS"].astype(float).tolist() == [0.5, -1.25]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
def test_encodings(encoding):
    text = _csv().replace("p0", "Größe")
    raw = read_bytes(text.encode(encoding), "x")
    assert raw.table["id"].iloc[0] == "Größe"
    assert raw.columns == ["id", "sequence", "tm"]


def test_a_table_without_header():
    raw = read_bytes("\n".join(f"{s},{t}" for s, t in zip(PROTEINS, TARGETS, strict=True)).encode(), "x")
    assert len(raw.table) == 6
    assert guess_reading(raw).task_name == "regression"
    assert any("no header" in note for note in raw.notes)


def test_comments_above_the_table():
    raw = read_bytes(f"# made on Monday\n# by us\n{_csv()}".encode(), "x")
    assert raw.columns == ["id", "sequence", "tm"]
    raw = read_bytes(f"#{_csv()}".encode(), "x")
    assert raw.columns == ["id", "sequence", "tm"]


def test_names_and_cells_keep_what_looks_like_markup():
    raw = read_bytes(b"name,sequence,<b>y</b>\n<i>a</i>,MKVLA,1\n=1+1,MKVLC,2\n", "x")
    assert raw.table["name"].tolist() == ["<i>a</i>", "=1+1"]
    assert raw.columns[2] == "<b>y</b>"


def test_list_columns_of_parquet_become_residue_numbers(tmp_path):
    frame = pd.DataFrame(
        {"sequence": ["MKVLAAG", "MKVLAAC"], "disorder": [[0.5] * 7, [1.0] * 6 + [float("nan")]]}
    )
    frame.to_parquet(tmp_path / "x")
    raw = read_file(tmp_path / "x")
    assert raw.table["disorder"].tolist() == ["0.5 0.5 0.5 0.5 0.5 0.5 0.5", "1.0 1.0 1.0 1.0 1.0 1.0 nan"]
    assert guess_reading(raw).task_name == "residue_regression"


def test_formulas_with_saved_values_are_read():
    """A workbook as a spreadsheet program saves it: the formula and, beside it, its value."""
    import zipfile

    plain = zipfile.ZipFile(io.BytesIO(_xlsx()))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in plain.namelist():
            content = plain.read(name)
            if name == "xl/worksheets/sheet1.xml":
                assert b"<v>1.5</v>" in content
                content = content.replace(b"<v>1.5</v>", b"<f>1+0.5</f><v>1.5</v>")
            archive.writestr(name, content)
    raw = read_bytes(buffer.getvalue(), "x.xlsx")
    assert raw.table["tm"].iloc[0] == "1.5"
    assert any("formulas" in note for note in raw.notes)


# Columns -----------------------------------------------------------------------------------------------------------


def _raw(**columns) -> RawTable:
    n = len(next(iter(columns.values())))
    table = pd.DataFrame({name: list(map(str, values)) for name, values in columns.items()}, dtype="str")
    assert len(table) == n
    return RawTable(table, "table.csv", "CSV")


def _many(n: int = 40) -> list[str]:
    letters = "ACDEFGHIKLMNPQRSTVWY"
    return ["M" + "".join(letters[(i * 7 + j * j * (i + 3)) % 20] for j in range(24)) for i in range(n)]


NUMBERS = [round(i * 0.37 % 5 - 1, 2) for i in range(40)]


@pytest.mark.parametrize(
    "name", ["seq", "protein_sequence", "aa_seq", "mutated_sequence", "Sequence", "primary"]
)
def test_sequence_names(name):
    reading = guess_reading(_raw(**{"index": range(40), name: _many(), "fitness": NUMBERS}))
    assert reading.sequence_column == name
    assert reading.target_columns == ("fitness",)


@pytest.mark.parametrize(
    "name",
    [
        "fitness",
        "score",
        "y",
        "value",
        "DMS_score",
        "log_fluorescence",
        "measured log solubility in mols per litre",
        "Tm (C)",
        "anything at all",
    ],
)
def test_numeric_target_names(name):
    raw = _raw(
        id=range(40),
        seq=_many(),
        reads=[i % 9 for i in range(40)],
        published_prediction=NUMBERS[::-1],
        **{name: NUMBERS},
    )
    reading = guess_reading(raw)
    assert reading.target_columns == (name,)
    assert reading.task_name == "regression"


@pytest.mark.parametrize(
    "values", [["0", "1"] * 20, ["0.0", "1.0"] * 20, ["0", "1", "2", "2"] * 10, ["Nucleus", "Membrane"] * 20]
)
def test_classes(values):
    assert guess_reading(_raw(seq=_many(), label=values)).task_name == "classification"


def test_few_whole_numbers_are_classes_only_when_they_are_called_so():
    values = [1, 2, 3, 4] * 10
    assert guess_reading(_raw(seq=_many(), stage=values)).task_name == "classification"
    assert guess_reading(_raw(seq=_many(), score=values)).task_name == "regression"


def test_a_measured_column_wins_over_descriptors():
    raw = _raw(
        **{
            "Compound ID": [f"c{i}" for i in range(40)],
            "ESOL predicted log solubility": NUMBERS,
            "Molecular Weight": range(40),
            "Polar Surface Area": NUMBERS[::-1],
            "measured log solubility in mols per litre": NUMBERS,
            "smiles": ["C" * (i + 1) + "O" for i in range(40)],
        }
    )
    reading = guess_reading(raw)
    assert reading.target_columns == ("measured log solubility in mols per litre",)
    assert reading.modality == "molecule"


def test_equally_plausible_columns_are_listed():
    with pytest.raises(UserError, match=r"several columns may be the target: first, second.*--target"):
        guess_reading(_raw(seq=_many(), first=NUMBERS, second=NUMBERS[::-1]))


def test_several_yes_no_columns_are_labels():
    raw = _raw(
        smiles=["C" * (i + 1) + "(=O)O" for i in range(40)],
        a=[0, 1] * 20,
        b=["", 1, 0, 0] * 10,
        mol_id=range(40),
    )
    reading = guess_reading(raw)
    assert reading.task_name == "multilabel"
    assert reading.target_columns == ("a", "b")


def test_what_is_named_is_kept_whatever_the_guess_would_be():
    raw = _raw(
        seq=_many(),
        target=NUMBERS,
        other=[0, 1] * 20,
        mine=["train", "test"] * 20,
        split=["test", "train"] * 20,
    )
    reading = guess_reading(raw, targets="other", part="mine", task="regression", modality="dna")
    assert (reading.target_columns, reading.part_column) == (("other",), "mine")
    assert (reading.task_name, reading.modality) == ("regression", "dna")


def test_columns_are_found_in_any_case_and_missing_ones_are_told():
    raw = _raw(seq=_many(), Target=NUMBERS)
    assert guess_reading(raw, targets="target").target_columns == ("Target",)
    with pytest.raises(UserError, match=r"no column 'tm' for the target; the columns are seq, Target"):
        guess_reading(raw, targets="tm")


def test_residue_targets():
    sequences = _many(20)
    classes = ["HEC"[i % 3] * 25 for i in range(20)]
    numbers = [" ".join(["0.5", "nan"] * 12 + ["1"]) for _ in range(20)]
    assert guess_reading(_raw(sequence=sequences, labels=classes)).task_name == "residue_classification"
    assert guess_reading(_raw(sequence=sequences, labels=numbers)).task_name == "residue_regression"
    spaced = [" ".join("01"[i % 2] * 25) for i in range(20)]
    assert guess_reading(_raw(sequence=sequences, labels=spaced)).task_name == "residue_classification"


def test_several_part_columns_are_never_chosen_from_silently():
    raw = _raw(seq=_many(), target=NUMBERS, split_a=["train", "test"] * 20, split_b=["test", "train"] * 20)
    reading = guess_reading(raw)
    assert reading.part_column is None
    assert reading.part_candidates == ("split_a", "split_b")
    assert any("split_a, split_b" in note and "--part" in note for note in reading.notes)
    assert guess_reading(raw, part="split_b").part_column == "split_b"


def test_a_validation_column_beside_the_parts():
    raw = _raw(
        sequence=_many(), target=NUMBERS, set=["train", "test"] * 20, validation=["True", "False"] * 20
    )
    reading = guess_reading(raw)
    assert (reading.part_column, reading.validation_column) == ("set", "validation")


def test_a_column_with_another_meaning_is_the_target_only_when_nothing_else_can_be():
    families = ["PF1", "PF2", "PF3", "PF4"] * 10
    reading = guess_reading(_raw(id=[f"x{i}" for i in range(40)], sequence=_many(), family=families))
    assert (reading.target_columns, reading.task_name) == (("family",), "classification")
    assert any("Nothing but column *family*" in note for note in reading.notes)
    reading = guess_reading(_raw(sequence=_many(), family=families, tm=NUMBERS))
    assert reading.target_columns == ("tm",)


def test_rows_are_named_by_what_is_called_so():
    named = {"Compound ID": [f"x{i}" for i in range(40)], "sequence": _many(), "tm": NUMBERS}
    assert guess_reading(_raw(**named)).name_column == "Compound ID"
    assert guess_reading(_raw(**named, variant=[f"A{i}C" for i in range(40)])).name_column == "variant"
    assert guess_reading(_raw(sequence=_many(), tm=NUMBERS, id=["same"] * 40)).name_column is None


def test_name_ranks():
    assert (
        target_rank("target") > target_rank("y") > target_rank("DMS_score") > target_rank("DMS_score_bin") > 0
    )
    assert sequence_rank("smiles") > sequence_rank("canonical_smiles") > sequence_rank("seq2") > 0
    for name in (
        "id",
        "num_mutations",
        "weights",
        "reads",
        "esm1v_t33_650M_UR90_1",
        "mutation_effect_prediction_vae",
    ):
        assert is_set_aside_name(name)


# The real sets -----------------------------------------------------------------------------------------------------

REAL = [
    (
        "sequences/protein_seq_regression/meltome_human_flip2021.csv.gz",
        "protein",
        "regression",
        ("target",),
        "split",
    ),
    (
        "sequences/protein_seq_classification/deeploc_subcellular.csv.gz",
        "protein",
        "classification",
        ("label",),
        "split",
    ),
    (
        "sequences/protein_seq_classification/amp_amplify_balanced.csv.gz",
        "protein",
        "classification",
        ("label",),
        "split",
    ),
    (
        "sequences/protein_residue/secondary_structure_flip.csv.gz",
        "protein",
        "residue_classification",
        ("labels",),
        "split",
    ),
    (
        "sequences/protein_residue/disorder_chezod.csv.gz",
        "protein",
        "residue_regression",
        ("labels",),
        "split",
    ),
    (
        "sequences/dna_seq_classification/promoter_ecoli_sigma70.csv.gz",
        "dna",
        "classification",
        ("label",),
        "split",
    ),
    ("sequences/dna_seq_regression/mpsa_5ss_brca2.csv.gz", "dna", "regression", ("target",), "split"),
    ("sequences/dna_seq_regression/ecoli_promoter_lafleur.csv.gz", "dna", "regression", ("target",), "split"),
    ("sequences/protein_seq_regression/gb1_flip.csv.gz", "protein", "regression", ("target",), None),
    ("molecule/esol.csv.gz", "molecule", "regression", ("logS",), None),
    ("molecule/bbbp.csv.gz", "molecule", "classification", ("p_np",), None),
]


@pytest.mark.data
@pytest.mark.parametrize(
    "file, modality, task, targets, part", REAL, ids=[row[0].rsplit("/", 1)[1] for row in REAL]
)
def test_real_sets_are_read_without_any_option(shared_data, file, modality, task, targets, part):
    reading = guess_reading(read_file(shared_data / file))
    assert (reading.modality, reading.task_name) == (modality, task)
    assert (reading.target_columns, reading.part_column) == (targets, part)


@pytest.mark.data
def test_real_sets_of_many_labels_masks_and_splits(shared_data):
    tox21 = guess_reading(read_file(shared_data / "molecule/tox21.csv.gz"))
    assert tox21.task_name == "multilabel"
    assert len(tox21.target_columns) == 12
    structure = read_file(shared_data / "sequences/protein_residue/secondary_structure_flip.csv.gz")
    assert guess_reading(structure).mask_column == "mask"
    gb1 = read_file(shared_data / "sequences/protein_seq_regression/gb1_flip.csv.gz")
    assert len(guess_reading(gb1).part_candidates) == 5
    assert guess_reading(gb1, part="split_three_vs_rest").part_column == "split_three_vs_rest"
