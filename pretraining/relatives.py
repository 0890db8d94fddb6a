"""Where proteins of the corpus align with one another: which letters a family has at a place."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
_FILE = "protein_relatives.parquet"
_OTHER_WAY = {
    "query": "target",
    "target": "query",
    "query_begin": "target_begin",
    "target_begin": "query_begin",
}


def each_pair_once(hits: pd.DataFrame) -> pd.DataFrame:
    """Of two sequences found by one another one alignment, told from the one with the smaller number.

    Args:
        hits: `query, target, query_begin, target_begin` (from 1) and `cigar` (I: letters of the query alone, D: of the
            target alone), as MMseqs2 tells them; a sequence found by itself is left out.
    """
    turned = hits[hits["query"] > hits["target"]].rename(columns=_OTHER_WAY)
    turned["cigar"] = turned["cigar"].str.translate(str.maketrans("ID", "DI"))
    told = pd.concat([hits[hits["query"] < hits["target"]], turned[list(hits)]])
    return told.drop_duplicates(["query", "target"]).sort_values(["query", "target"], ignore_index=True)


def write_alignments(hits: pd.DataFrame, folder: Path) -> None:
    """Keep alignments beside the corpus, as small as they can be: they travel to a machine with a graphics card."""
    numbers = ["query", "target", "query_begin", "target_begin"]
    hits.astype(dict.fromkeys(numbers, "int32")).to_parquet(
        folder / _FILE, compression="zstd", compression_level=19, use_dictionary=False, index=False
    )


@dataclass(frozen=True)
class Relatives:
    """Stretches without a gap in which two sequences of the corpus align, told from each of them, sorted by `query`."""

    blocks: pd.DataFrame
    """Numbers of the sequences (`query, target`), where the stretch begins in each (from 0), and its `length`."""

    @classmethod
    def of(cls, hits: pd.DataFrame) -> "Relatives":
        """From alignments as `each_pair_once` gives them."""
        runs = hits["cigar"].str.extractall(r"(\d+)([MID])")
        hit = runs.index.get_level_values(0)
        length, kind = runs[0].astype("int64").to_numpy(), runs[1].to_numpy()
        steps = pd.DataFrame({"hit": hit, "query": length * (kind != "D"), "target": length * (kind != "I")})
        gone = (
            steps.groupby("hit")[["query", "target"]].cumsum().to_numpy()
            - steps[["query", "target"]].to_numpy()
        )
        known = hits.loc[hit]
        blocks = pd.DataFrame(
            {
                "query": known["query"].to_numpy(np.int32),
                "target": known["target"].to_numpy(np.int32),
                "query_begin": (known["query_begin"].to_numpy() - 1 + gone[:, 0]).astype(np.int16),
                "target_begin": (known["target_begin"].to_numpy() - 1 + gone[:, 1]).astype(np.int16),
                "length": length.astype(np.int16),
            }
        )
        blocks = blocks[kind == "M"]
        both = pd.concat([blocks, blocks.rename(columns=_OTHER_WAY)])
        return cls(both.sort_values("query", kind="stable", ignore_index=True))

    @classmethod
    def read(cls, folder: Path) -> "Relatives":
        """What `write_alignments` kept."""
        return cls.of(pd.read_parquet(folder / _FILE))

    @cached_property
    def _columns(self) -> dict[str, np.ndarray]:
        return {name: self.blocks[name].to_numpy() for name in self.blocks}

    def counts(self, index: int, begin: int, length: int, letters: "Letters") -> np.ndarray:
        """How many relatives have which amino acid at each place of a stretch: `(length, 20)`."""
        found = self._columns
        # asked in another type, numpy would turn all of the column into it
        first, last = np.searchsorted(found["query"], np.array([index, index + 1], np.int32))
        here = {name: column[first:last].astype(np.int64) for name, column in found.items()}
        shift = np.maximum(begin - here["query_begin"], 0)
        ends = np.minimum(here["query_begin"] + here["length"], begin + length)
        taken = np.maximum(ends - here["query_begin"] - shift, 0)
        within = np.arange(taken.sum()) - np.repeat(np.cumsum(taken) - taken, taken)
        places = np.repeat(here["query_begin"] + shift - begin, taken) + within
        there = np.repeat(letters.starts[here["target"]] + here["target_begin"] + shift, taken) + within
        acids = letters.acids[there].astype(np.int64)
        is_known = acids < len(AMINO_ACIDS)
        cells = places[is_known] * len(AMINO_ACIDS) + acids[is_known]
        counts = np.bincount(cells, minlength=length * len(AMINO_ACIDS))
        return counts.reshape(length, len(AMINO_ACIDS))


class Letters:
    """The letters of all sequences end to end, as numbers of amino acids; what is none has the number 20."""

    def __init__(self, sequences: list[str]):
        table = np.full(256, len(AMINO_ACIDS), np.uint8)
        table[np.frombuffer(AMINO_ACIDS.encode(), np.uint8)] = np.arange(len(AMINO_ACIDS))
        self.acids = table[np.frombuffer("".join(sequences).encode(), np.uint8)]
        lengths = np.array([len(s) for s in sequences], np.int64)
        self.starts = np.cumsum(lengths) - lengths
