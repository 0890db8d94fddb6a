"""A head of similarities: equal to kernel ridge regression by hand, back as it was saved, where it fits the task."""

import numpy as np
import pytest
import torch
from sklearn.kernel_ridge import KernelRidge
from test_training_run import make_run
from tiny_backbones import make_esm

from biotl_core.data.tasks import TASKS
from biotl_core.learning import similarity
from biotl_core.learning.head import Head
from biotl_core.learning.settings import TrainingSettings
from biotl_core.progress import Control
from biotl_core.runs.folder import read_history, read_result
from biotl_core.runs.training_run import train_run

KERNEL = TrainingSettings(head="kernel").resolved(TASKS["regression"])


def solved(widths=(6,), n=80, seed=0, decides=0):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(n, sum(widths), generator=generator)
    targets = (3.0 + 2.0 * features[:, decides].sin() + 0.1 * torch.randn(n, generator=generator)).numpy()
    head = Head(widths, 1, KERNEL).eval()
    head.fit_features(features)
    head.fit_targets(targets)
    head.solve(features, targets, "mse")
    return head, features, targets


def test_it_is_kernel_ridge_regression():
    head, features, targets = solved()
    rows = (head._scaled(features) @ head.feature_turn).numpy().astype(float)
    aims = (targets - float(head.target_mean)) / float(head.target_scale)
    losses = {}
    for noise in np.logspace(-4, 2, 25):
        # Each row left out and predicted from the others, the long way.
        gamma = 1 / float(head.layers.spans[0])
        keeps = ~np.eye(len(rows), dtype=bool)
        said = [
            KernelRidge(alpha=noise, kernel="rbf", gamma=gamma).fit(rows[k], aims[k]).predict(rows[~k])[0]
            for k in keeps
        ]
        losses[noise] = np.square(np.array(said) - aims).mean()
    best = min(losses, key=losses.get)
    assert float(head.layers.left_out_loss) == pytest.approx(losses[best], rel=1e-3)
    expected = KernelRidge(alpha=best, kernel="rbf", gamma=gamma).fit(rows, aims).predict(rows)
    with torch.inference_mode():
        assert np.allclose(head(features)[:, 0].numpy(), expected, atol=1e-3)


def test_kinds_of_features_add_up_and_unknown_targets_are_left_out():
    head, features, targets = solved((4, 40))
    with torch.inference_mode():
        alike = head(features)[:, 0].numpy() * float(head.target_scale) + float(head.target_mean)
    assert np.corrcoef(alike, targets)[0, 1] > 0.9
    targets[:10] = np.nan
    head.solve(features, targets, "mse")
    assert len(head.layers.anchors) == 70


def test_the_kind_that_decides_gets_the_say():
    assert solved((4, 4), decides=1)[0].layers.shares.diff() < -1
    assert solved((4, 4), decides=5)[0].layers.shares.diff() > 1


def test_of_many_rows_some_are_kept(monkeypatch):
    monkeypatch.setattr(similarity, "MOST_ANCHORS", 30)
    head, _, _ = solved()
    assert head.layers.anchors.shape == (30, 6) and head.layers.coefficients.shape == (30, 1)


def test_noise_told_by_some_rows_serves_all(monkeypatch):
    monkeypatch.setattr(similarity, "_NOISE_ROWS", 40)
    monkeypatch.setattr(similarity, "_SHARE_ROWS", 30)
    head, features, targets = solved()
    with torch.inference_mode():
        said = head(features)[:, 0].numpy()
    assert len(head.layers.anchors) == 80 and np.corrcoef(said, targets)[0, 1] > 0.9


def of_two_classes(n=400, is_label=False):
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(n, 5, generator=generator)
    chance = torch.sigmoid(2.0 * features[:, 0])
    is_one = torch.rand(n, generator=generator) < chance
    head = Head((5,), 2, KERNEL).eval()
    head.fit_features(features[:200])
    targets = is_one.long().numpy()
    if is_label:
        targets = np.stack([targets, 1 - targets], axis=1).astype(float)
        targets[:20, 0] = np.nan  # one label of these is known, the other not
        targets[20:30] = np.nan
    head.solve(features[:200], targets[:200], "bce" if is_label else "cross_entropy")
    with torch.inference_mode():
        return head, head(features[200:]), chance[200:], is_one[200:]


def test_classes_get_chances_that_keep_their_word():
    _, logits, chance, is_one = of_two_classes()
    said = logits.softmax(dim=1)[:, 1]
    assert np.corrcoef(said, chance)[0, 1] > 0.9
    assert float((said - chance).abs().mean()) < 0.12
    assert abs(float(said.mean() - is_one.float().mean())) < 0.1


def test_labels_may_be_unknown():
    head, logits, chance, _ = of_two_classes(is_label=True)
    assert len(head.layers.anchors) == 190
    said = logits.sigmoid()
    assert np.corrcoef(said[:, 0], chance)[0, 1] > 0.85 and np.corrcoef(said[:, 1], chance)[0, 1] < -0.85


def test_a_class_that_training_lacks_does_no_harm():
    head = Head((3,), 3, KERNEL).eval()
    features = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    head.fit_features(features)
    head.solve(features, (features[:, 0] > 0).long().numpy(), "cross_entropy")
    with torch.inference_mode():
        assert (head(features).softmax(dim=1)[:, 2] < 0.1).all()


def test_a_head_of_a_former_version_comes_back():
    """It had one column of coefficients, as a vector, and all kinds counted alike."""
    head, features, _ = solved((4, 4), decides=1)
    with torch.no_grad():
        head.layers.shares.fill_(1.0)
    state = {k: v for k, v in head.state_dict().items() if not k.endswith(("shares", "slope", "offsets"))}
    state["layers.coefficients"] = state["layers.coefficients"][:, 0]
    again = Head((4, 4), 1, KERNEL).eval()
    again.load_state_dict(state)
    with torch.inference_mode():
        assert torch.equal(again(features), head(features))


def test_a_run_is_solved_at_once_and_comes_back(tmp_path):
    _, folder = make_run(str(make_esm(tmp_path / "esm")), head="kernel", epochs=50)
    train_run(folder, Control())
    result = read_result(folder)
    assert result["epochs_run"] == 1 and result["reload_difference"] < 1e-3
    (line,) = read_history(folder)
    assert line["train_loss"] > 0 and np.isfinite(line["validation_loss"])


@pytest.mark.parametrize(("method", "task"), [("lora", "regression"), ("frozen", "residue_classification")])
@pytest.mark.parametrize("head", ["kernel", "auto"])
def test_elsewhere_it_is_one_hidden_layer(method, task, head):
    settings = TrainingSettings(method=method, head=head).resolved(TASKS[task]).for_data(100, "protein")
    assert settings.head == "mlp" and settings.epochs > 1


def test_it_is_the_usual_one_where_all_rows_fit():
    settings = TrainingSettings().resolved(TASKS["classification"])
    assert (
        settings.for_data(4000, "protein").head == "kernel" and settings.for_data(4000, "protein").epochs == 1
    )
    assert settings.for_data(4001, "protein").head == "mlp" and settings.for_data(4001, "protein").epochs > 1
    for asked in ({"class_weights": True}, {"loss": "focal"}, {"head": "linear"}):
        assert (
            TrainingSettings(**asked).resolved(TASKS["classification"]).for_data(10, "protein").head
            != "kernel"
        )
