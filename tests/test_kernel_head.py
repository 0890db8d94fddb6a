"""A head of similarities: equal to kernel ridge regression by hand, back as it was saved, where it fits the task."""

import numpy as np
import pytest
import torch
from sklearn.kernel_ridge import KernelRidge
from test_training_run import make_run
from tiny_backbones import make_esm

from biotl_core.data.tasks import TASKS
from biotl_core.learning import head as head_module
from biotl_core.learning.head import Head
from biotl_core.learning.settings import TrainingSettings
from biotl_core.progress import Control
from biotl_core.runs.folder import read_history, read_result
from biotl_core.runs.training_run import train_run

KERNEL = TrainingSettings(head="kernel").resolved(TASKS["regression"])


def solved(widths=(6,), n=80, seed=0):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(n, sum(widths), generator=generator)
    targets = (3.0 + 2.0 * features[:, 0].sin() + 0.1 * torch.randn(n, generator=generator)).numpy()
    head = Head(widths, 1, KERNEL).eval()
    head.fit_features(features)
    head.fit_targets(targets)
    head.solve(features, targets)
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
    head.solve(features, targets)
    assert len(head.layers.anchors) == 70


def test_of_many_rows_some_are_kept(monkeypatch):
    monkeypatch.setattr(head_module, "_MOST_ANCHORS", 30)
    head, _, _ = solved()
    assert head.layers.anchors.shape == (30, 6) and head.layers.coefficients.shape == (30,)


def test_a_run_is_solved_at_once_and_comes_back(tmp_path):
    _, folder = make_run(str(make_esm(tmp_path / "esm")), head="kernel", epochs=50)
    train_run(folder, Control())
    result = read_result(folder)
    assert result["epochs_run"] == 1 and result["reload_difference"] < 1e-3
    (line,) = read_history(folder)
    assert line["train_loss"] > 0 and np.isfinite(line["validation_loss"])


@pytest.mark.parametrize(("method", "task"), [("lora", "regression"), ("frozen", "classification")])
def test_elsewhere_it_is_one_hidden_layer(method, task):
    settings = TrainingSettings(method=method, head="kernel").resolved(TASKS[task])
    assert settings.head == "mlp" and settings.epochs > 1
