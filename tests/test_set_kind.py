"""The kind of a set, in words."""

import pandas as pd
import pytest

from biotl_core.data.dataset import Dataset
from biotl_core.data.set_kind import describe_kind


@pytest.mark.parametrize(
    ("sequences", "modality", "said"),
    [
        (
            ["MKVLA", "MKVIG", "MAVLA"],
            "protein",
            "Variants of one protein: 5 letters, up to 2 mutations each.",
        ),
        (["MKV", "AAAAAAAAAA"], "protein", "Different proteins of 3 to 10 letters"),
        (["ACGTACGTAC", "ACGTACGTAG"], "dna", "Variants of one DNA sequence"),
        (["CCO", "c1ccccc1"], "molecule", "Molecules: those that share a ring skeleton"),
    ],
)
def test_the_kind_is_said(sequences, modality, said):
    assert describe_kind(Dataset(pd.DataFrame({"sequence": sequences}), modality, "regression")).startswith(
        said
    )
