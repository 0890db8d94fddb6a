"""The curves of an adaptation."""

from biotl_core.plots.adaptation import plot_adaptation

POINTS = [
    {"step": 0, "tokens": 0, "loss": None, "perplexity": 15.0},
    {"step": 5, "tokens": 500, "loss": 2.5, "perplexity": 14.0},
    {"step": 9, "tokens": 1010, "loss": 2.4, "perplexity": 13.0},
]


def test_loss_and_perplexity_over_the_letters_read():
    figure = plot_adaptation(POINTS, 1000)
    loss, perplexity = figure.data
    assert list(loss.x) == [500, 1010] and list(loss.y) == [2.5, 2.4]
    assert list(perplexity.x) == [0, 500, 1010] and list(perplexity.y) == [15.0, 14.0, 13.0]
    assert any(note.text == "before: 15" for note in figure.layout.annotations)
    assert figure.layout.xaxis.range[1] > 1010


def test_before_the_first_step_it_says_so():
    for points in ([], POINTS[:1]):
        assert any(note.text == "no value yet" for note in plot_adaptation(points, 1000).layout.annotations)
