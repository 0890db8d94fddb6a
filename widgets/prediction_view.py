"""A finished prediction: the sentence, the table with how near each sequence is to training, plots, downloads."""

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from biotl_core.plots import plot_residue_classes, plot_residue_track
from biotl_core.plots.new_sequences import plot_predicted_classes, plot_predicted_numbers
from biotl_core.runs.predictions import UNLIKE_BELOW, Prediction, read_prediction
from biotl_core.wording import plain, say_number
from widgets.answers import draw_answer
from widgets.describe import NOUNS, say_rows
from widgets.rows import all_ends, draw_sequence, identity_column, probability_column, value_column

_MOST_CLASS_COLUMNS = 8
_UNLIKE_REASONS = {
    "protein": "Below 30 % identity one can no longer tell from the sequence whether two proteins are related "
    "(Rost 1999), so the model has seen nothing like it.",
    "dna": "Unrelated DNA already agrees at about half of its positions, so below 60 % nothing like it was seen.",
    "molecule": "Unrelated drug-like molecules have a Tanimoto similarity of 0.1 to 0.2; below 0.3 nothing like "
    "it was seen.",
}


def draw_prediction(folder: Path) -> None:
    """Everything about a finished prediction, the answer first; UserError when it cannot be read."""
    prediction, table, shown = _read(str(folder), (folder / "predictions.csv").stat().st_mtime_ns)
    draw_answer(say_answer(prediction))
    row = _draw_table(prediction, shown)
    if {"lower", "set"} & set(table) or any(name.startswith("set_") for name in table):
        far = (
            " For those unlike anything in training nothing is promised."
            if prediction.is_unlike.any()
            else ""
        )
        st.caption(
            f"Ranges and sets hold the true value {prediction.coverage:.0%} of the time for sequences of the kind the "
            f"run was tested on.{far}"
        )
    with st.container(horizontal=True):
        st.download_button(
            "Download as CSV", lambda: (folder / "predictions.csv").open("rb"), f"{folder.name}.csv", "text/csv",
            icon=":material/download:", on_click="ignore", key=f"download-{folder.name}",
        )  # fmt: skip
    if row is not None:
        _draw_one(prediction, table.iloc[row])
    _draw_spread(prediction)


@st.cache_resource(max_entries=4, show_spinner=False)
def _read(folder: str, changed_at: int) -> tuple[Prediction, pd.DataFrame, pd.DataFrame]:
    """A prediction, its table sorted, and the same as it is shown; made once, since it may have 100,000 rows."""
    prediction = read_prediction(Path(folder))
    table = prediction.sorted()
    return prediction, table, _as_shown(prediction, table)


def say_answer(prediction: Prediction) -> str:
    """How many were predicted as what, and how many of them are far from training, as Markdown."""
    table, n_unlike = prediction.table, int(prediction.is_unlike.sum())
    parts = [say_rows(len(table), prediction.modality)]
    if prediction.task_name == "regression" and len(table):
        best = table.loc[table["prediction"].idxmax()]
        low, high = say_number(table["prediction"].min()), say_number(best["prediction"])
        name = plain(prediction.target_name)
        parts = [f"{parts[0]}: {name} from {low} to {high}, the highest for {plain(best['name'])}"]
    elif prediction.task_name == "classification":
        counts = table["prediction"].value_counts()
        said = [f"{n:,} {plain(name)}" for name, n in counts.head(4).items()]
        parts = [f"{parts[0]}: {', '.join(said)}" + (" and others" if len(counts) > 4 else "")]
    far = "none is" if n_unlike == 0 else f"{n_unlike:,} is" if n_unlike == 1 else f"{n_unlike:,} are"
    return f"{parts[0]}; {far} unlike anything in training."


def _draw_table(prediction: Prediction, shown: pd.DataFrame) -> int | None:
    """The rows; returns which of them is looked at."""
    # Rows that are loaded while scrolling cannot be selected, so for very many the first stands for all.
    is_long = len(shown) > 20_000
    event = st.dataframe(
        shown,
        key=f"predictions-{prediction.task_name}",
        hide_index=True,
        lazy=is_long,
        column_config=_column_config(prediction),
        alt="Predictions",
        **({} if is_long else {"on_select": "rerun", "selection_mode": "single-row-required"}),
    )
    selected = [] if is_long else list(event["selection"]["rows"])
    if not len(shown):
        return None
    return selected[0] if selected and selected[0] < len(shown) else 0


def _as_shown(prediction: Prediction, table: pd.DataFrame) -> pd.DataFrame:
    """The columns that a person reads, in her order."""
    columns = {"name": table["name"], "sequence": all_ends(table["sequence"])}
    if prediction.task.is_per_residue:
        columns["length"] = table["sequence"].str.len()
    if prediction.task_name == "residue_regression":
        columns["mean"] = [np.nanmean(_numbers(cell)) if cell else np.nan for cell in table["prediction"]]
    elif prediction.task_name in ("regression", "classification"):
        columns["prediction"] = table["prediction"]
        columns |= {name: table[name] for name in ("lower", "upper", "set") if name in table}
    for name in _class_columns(prediction):
        columns[name] = table[name]
        answer = f"set_{name.removeprefix('probability_')}"
        if prediction.task_name == "multilabel" and answer in table:
            columns[answer] = table[answer]
    if prediction.task_name == "classification" and not _class_columns(prediction):
        names = [f"probability_{name}" for name in prediction.classes]
        columns["probability"] = table[names].max(axis=1)
    columns["identity"] = table["nearest_identity"]
    columns["remark"] = [
        f"unlike anything in training (nearest identity {identity:.0%})" if is_unlike else ""
        for identity, is_unlike in zip(
            table["nearest_identity"], prediction.is_unlike[table.index], strict=True
        )
    ]
    columns["nearest"] = table.get("nearest_name", "")
    return pd.DataFrame(columns)


def _class_columns(prediction: Prediction) -> list[str]:
    """The probabilities that get a bar each; none where there are too many classes, or one a residue."""
    is_labels = prediction.task_name == "multilabel"
    few = len(prediction.classes) <= _MOST_CLASS_COLUMNS
    if prediction.task.is_per_residue or not prediction.task.is_class or not (is_labels or few):
        return []
    return [f"probability_{name}" for name in prediction.classes]


def _column_config(prediction: Prediction) -> dict[str, dict | str]:
    limit = UNLIKE_BELOW[prediction.modality]
    help = f"Said below {limit:.0%}. {_UNLIKE_REASONS[prediction.modality]}"
    measured = prediction.target_name if prediction.task_name == "regression" else "Prediction"
    return {
        "name": "Name",
        "sequence": st.column_config.TextColumn("Sequence", help="Its ends; select a row to see it in full."),
        "length": st.column_config.NumberColumn("Length", format="localized"),
        "mean": st.column_config.NumberColumn("Mean", format="%.3g", help="Over all residues."),
        "prediction": value_column(measured, prediction.task_name),
        "lower": st.column_config.NumberColumn("From", format="%.3g", help=_range_help(prediction)),
        "upper": st.column_config.NumberColumn("To", format="%.3g", help=_range_help(prediction)),
        "set": st.column_config.TextColumn(
            f"Counted with ({prediction.coverage:.0%})", help=_range_help(prediction) + _SET_HELP
        ),
        **{
            f"set_{name}": st.column_config.TextColumn(f"{name} ({prediction.coverage:.0%})", help=_SET_HELP)
            for name in prediction.classes
        },
        "probability": probability_column("Its probability"),
        **{f"probability_{name}": probability_column(name) for name in prediction.classes},
        "identity": identity_column(),
        "nearest": "Nearest in training",
        "remark": st.column_config.TextColumn("Remark", help=help, width=_remark_width(prediction)),
    }


def _range_help(prediction: Prediction) -> str:
    return (
        f"The true value lies in this range {prediction.coverage:.0%} of the time, for sequences of the kind the run "
        "was tested on (conformal prediction). "
    )


def draw_how_computed() -> None:
    """Method and citations of what a prediction says."""
    with st.expander("How was this computed", icon=":material/functions:"):
        st.markdown(
            "Ranges and sets: split conformal prediction (Papadopoulos et al. 2002; Lei et al., J. Am. Stat. Assoc. "
            "113:1094, 2018) with limits from the run's validation part. Ranges are scaled by how far the nearest "
            "training sequences are and how little their values agree (Papadopoulos, Vovk and Gammerman, J. Artif. "
            "Intell. Res. 40:815, 2011). Sets have one limit a class (Sadinle, Lei and Wasserman, J. Am. Stat. Assoc. "
            "114:223, 2019); probabilities are calibrated by a temperature (Guo et al., ICML 2017). Identity: best "
            "local alignment, identical positions over the shorter sequence, or half the longer one where that is "
            "more; Tanimoto similarity of Morgan fingerprints for molecules."
        )


_SET_HELP = "All answers that cannot be ruled out at this level; empty where none looks usual."


def _remark_width(prediction: Prediction) -> int | None:
    """Wide enough for the sentence, where there is one."""
    return 330 if prediction.is_unlike.any() else None


def _draw_one(prediction: Prediction, row: pd.Series) -> None:
    """The chosen sequence in full; for tasks per residue, the prediction along it."""
    draw_sequence(row["name"], row["sequence"])
    if prediction.task_name == "residue_regression":
        tracks = {"predicted": _numbers(row["prediction"])}
        st.plotly_chart(plot_residue_track(row["sequence"], tracks, prediction.target_name), key="new-track")
    elif prediction.task_name == "residue_classification":
        figure = plot_residue_classes(row["sequence"], {"predicted": row["prediction"]}, prediction.classes)
        st.plotly_chart(figure, key="new-track")


def _numbers(cell: str) -> np.ndarray:
    return np.array(cell.split(), dtype=np.float64)


def _draw_spread(prediction: Prediction) -> None:
    """How the predictions are spread."""
    table, things, classes = prediction.table, NOUNS[prediction.modality][1], prediction.classes
    st.markdown("**How the predictions are spread**")
    match prediction.task_name:
        case "regression":
            figure = plot_predicted_numbers(table["prediction"].to_numpy(), prediction.target_name, things)
        case "residue_regression":
            values = np.concatenate([np.zeros(0), *(_numbers(cell) for cell in table["prediction"])])
            figure = plot_predicted_numbers(values, prediction.target_name, "residues")
        case "multilabel":
            counts = [int((table[f"probability_{name}"] > 0.5).sum()) for name in classes]
            figure = plot_predicted_classes(classes, counts, len(table), things)
        case "classification":
            counts = [int((table["prediction"] == name).sum()) for name in classes]
            figure = plot_predicted_classes(classes, counts, len(table), things)
        case _:
            letters = "".join(table["prediction"])
            counts = [letters.count(name) for name in classes]
            figure = plot_predicted_classes(classes, counts, len(letters), "residues")
    st.plotly_chart(figure, key="spread")
