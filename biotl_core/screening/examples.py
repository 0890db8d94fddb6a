"""The example of the Screening page, made by this project with `examples/make_screening.py`."""

from pathlib import Path

_FOLDER = Path(__file__).resolve().parents[2] / "examples" / "screening"
EXAMPLE_ASSAY = _FOLDER / "assay.csv"
EXAMPLE_LIBRARY = _FOLDER / "library.smi"
HOW_MADE = (
    "Simulated, not measured: molecules put together from cores, linkers and tails. The potency is a sum of "
    "what the parts "
    "add, one pair of parts that help each other, and noise of 0.3 log units. Some rows are repeats, salts, limits or "
    "unreadable on purpose."
)
