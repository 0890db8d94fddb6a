"""Fixtures of the browser tests: `server`, `start_server`, `browser`, `page`, `visit`.

Nothing here downloads a browser: a system Chromium (or Chrome) is used, and without one every test skips itself.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from live_app import FLAGS, Server, Visit, find_browser, open_tab, running_server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here as e2e, and skip it where there is no browser."""
    folder = Path(__file__).parent
    skip = pytest.mark.skip(reason="no Chromium on this machine")
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            if find_browser() is None:
                item.add_marker(skip)


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable]:
    """`start_server(*options, port=None, base_path="", home=None, **variables)`: as many as a test needs."""
    with ExitStack() as stack:

        def start(
            *options: str,
            home: Path | None = None,
            port: int | None = None,
            base_path: str = "",
            **variables: str,
        ) -> Server:
            folder = home or tmp_path / "served-home"
            server = running_server(folder, *options, port=port, base_path=base_path, **variables)
            return stack.enter_context(server)

        yield start


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests of a module."""
    with running_server(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    """A Chromium for the tests of a module; ended with it, since its event loop must not outlive it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_browser(), args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def context(browser):
    """A window for the tests of a module: with one cache, Streamlit's scripts are read once."""
    window = browser.new_context(viewport={"width": 1280, "height": 900})
    yield window
    window.close()


@pytest.fixture
def visit() -> Visit:
    """The record of this test's `page`."""
    return Visit()


@pytest.fixture
def page(context, visit: Visit):
    """A browser tab that can reach nothing but this machine, and tells when something tried."""
    tab = open_tab(context, visit)
    yield tab
    tab.close()
