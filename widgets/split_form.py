"""How the parts are made, asked as what will be predicted next; the parts drawn."""

from dataclasses import replace
from typing import NamedTuple

import streamlit as st

from biotl_core.data.dataset import Modality
from biotl_core.data.leaks import LeakReport
from biotl_core.data.reading import Reading
from biotl_core.data.splitting import SplitKind, SplitResult, SplitSettings
from biotl_core.plots.certainty import plot_identities
from biotl_core.plots.datasets import plot_parts
from biotl_core.wording import plain_sentence
from widgets.kept import choices, kept


class _Answer(NamedTuple):
    """One answer to "What will you predict next?"."""

    title: str
    explanation: str


_ANSWERS: dict[SplitKind, dict[Modality | None, _Answer]] = {
    "given": {None: _Answer("What my table says", "Its own column of parts is kept.")},
    "similarity": {
        "protein": _Answer(
            "New proteins",
            "Look-alikes stay in one part, so the test holds only proteins unlike those in training "
            "(split by similarity).",
        ),
        None: _Answer(
            "Sequences unlike these",
            "Look-alikes stay in one part, so the test holds only what is unlike the training set "
            "(split by similarity).",
        ),
        "molecule": _Answer(
            "Molecules unlike these", "Look-alikes stay in one part (split by fingerprint similarity)."
        ),
    },
    "scaffold": {
        None: _Answer(
            "New scaffolds",
            "Molecules that share a ring skeleton stay in one part (scaffold split).",
        )
    },
    "position": {
        None: _Answer(
            "Mutations at positions never tried",
            "The positions mutated in the test part were not mutated in training (split by position).",
        )
    },
    "random": {
        None: _Answer(
            "More of the same",
            "New ones just like these; parts are drawn at random, evenly over the targets.",
        )
    },
    "mutations": {
        None: _Answer(
            "Variants with more mutations",
            "Training has those with few mutations, the test those with more (split by number of mutations).",
        )
    },
    "value": {
        None: _Answer(
            "Something better than all I measured",
            "Training has the lower values, the test the highest: can the model go beyond what it saw "
            "(extrapolation, low to high)?",
        )
    },
    "group": {
        None: _Answer(
            "A new family, lab or batch",
            "Rows with the same value in a column stay in one part (grouped split).",
        )
    },
    "time": {
        None: _Answer(
            "What comes later",
            "Training has the earlier rows, the test the later ones (split by a column of dates or years).",
        )
    },
}
_OF_VARIANTS = _Answer(
    "New variants of this protein", "Other mutants just like these; parts are drawn at random (random split)."
)


def chosen_split(
    store: str, proposed: SplitSettings, kinds: list[SplitKind], columns: list[str]
) -> SplitSettings:
    """The proposed split with what she chose otherwise; the first of the columns as long as she chose none."""
    chosen = choices(store)
    kind = chosen.get("kind")
    validation = chosen.get("validation_share", round(100 * proposed.fractions[1]))
    test = chosen.get("test_share", round(100 * proposed.fractions[2]))
    return replace(
        proposed,
        kind=kind if kind in kinds else proposed.kind,
        fractions=((100 - validation - test) / 100, validation / 100, test / 100),
        seed=chosen.get("split_seed", proposed.seed),
        identity=chosen.get("identity_percent", round(100 * proposed.identity)) / 100,
        coverage=chosen.get("coverage_percent", round(100 * proposed.coverage)) / 100,
        column=chosen.get("split_column") or next(iter(columns), None),
    )


def draw_split_form(
    store: str,
    settings: SplitSettings,
    proposed: SplitSettings,
    kinds: list[SplitKind],
    modality: Modality,
    columns: list[str],
) -> None:
    """The question with its answers; shares and seed folded away.

    Args:
        store: where choices are kept.
        settings: as chosen so far.
        proposed: what is marked as proposed.
        kinds: of splits that make sense.
        modality: of the sequences.
        columns: that may hold groups or times.
    """
    answers = {kind: _ANSWERS[kind].get(modality, _ANSWERS[kind][None]) for kind in kinds}
    if "position" in kinds:
        answers["random"] = _OF_VARIANTS
    st.radio(
        "What will you predict next?",
        kinds,
        format_func=lambda kind: (
            answers[kind].title + (" :gray[(proposed)]" if kind == proposed.kind else "")
        ),
        captions=[answers[kind].explanation for kind in kinds],
        label_visibility="collapsed",
        **kept(store, "kind", settings.kind, kinds),
    )
    if settings.kind in ("group", "time"):
        st.selectbox(
            "Column of the groups" if settings.kind == "group" else "Column of the times",
            columns,
            **kept(store, "split_column", settings.column, columns),
        )
    with st.popover("Shares and seed", icon=":material/tune:", type="tertiary"):
        if settings.kind != "given":
            for part, name in (("validation", "validation_share"), ("test", "test_share")):
                value = round(100 * settings.fractions[1 if part == "validation" else 2])
                st.number_input(f"Share of {part} (%)", 1, 45, **kept(store, name, value))
        if settings.kind == "similarity":
            st.number_input(
                "Alike from this identity on (%)",
                10,
                99,
                help="Sequences at least as alike as this stay in the same part (identity threshold).",
                **kept(store, "identity_percent", round(100 * settings.identity)),
            )
            if modality != "molecule":
                st.number_input(
                    "Over this share of both sequences (%)",
                    0,
                    100,
                    help="A pair counts as alike only where its alignment covers so much of both (coverage).",
                    **kept(store, "coverage_percent", round(100 * settings.coverage)),
                )
        st.number_input(
            "Random seed", 0, 2**31 - 1, help="The same seed gives the same parts.",
            **kept(store, "split_seed", settings.seed),
        )  # fmt: skip


def draw_part_column_choice(store: str, reading: Reading) -> None:
    """Where several columns say train or test: which of them."""
    options = [name for name in dict.fromkeys((reading.part_column, *reading.part_candidates)) if name]
    if len(options) < 2:
        return
    st.selectbox(
        "Column with the parts",
        options,
        index=None,
        placeholder=f"{len(options)} columns say train or test: choose one, or none",
        **kept(store, "part", reading.part_column, options),
    )


def draw_leak(leak: LeakReport) -> None:
    """How near the test part is to training: a warning where that flatters, the sentence, the histogram."""
    if leak.warning:
        st.warning(plain_sentence(leak.warning), icon=":material/warning:")
    st.markdown(
        plain_sentence(leak.sentence), help="Leak report: the nearest training item of each test item."
    )
    if len(leak.identity):
        figure = plot_identities(leak.identity, leak.modality)
        st.plotly_chart(figure, key="leak", config={"displayModeBar": False})


def draw_parts(result: SplitResult, why_not: str | None) -> None:
    """The parts as one bar, how they were made, and what is worth knowing about them.

    Args:
        result: the split.
        why_not: why a more telling split was not possible.
    """
    st.plotly_chart(plot_parts(result.counts), key="parts", config={"displayModeBar": False})
    st.markdown(plain_sentence(result.sentence))
    for note in (why_not, *result.notes):
        if note:
            st.caption(plain_sentence(note))
