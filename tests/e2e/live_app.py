"""A real server and a real headless Chromium, as plain context managers; the fixtures are in conftest.py."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

REPOSITORY = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# WebGL without a graphics card, in a container without a sandbox.
FLAGS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    # Nothing but this machine has an address. (Refusing requests one by one would switch the browser's cache off.)
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
START_SECONDS = 90
TIMEOUT_MS = 60_000
"""A loaded machine takes long for the first large script of a page."""


def find_browser() -> str | None:
    """The system's Chromium, wherever it is called so."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


@dataclass
class Server:
    """A running `streamlit run app.py`."""

    url: str
    """Address of the application, without a slash at the end."""
    home: Path
    """Its BIOTL_HOME."""
    log: Path
    process: subprocess.Popen = field(repr=False)

    def kill(self) -> None:
        """As the system does when memory runs out."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def running_server(
    home: Path, *options: str, port: int | None = None, base_path: str = "", **variables: str
) -> Iterator[Server]:
    """Start the application on a home of its own, wait until it answers, and end it afterwards.

    `variables` are added to its environment; an empty one counts as not set for the hub's client.
    """
    port = port or free_port()
    home.mkdir(parents=True, exist_ok=True)
    log = home / "server.log"
    command = [
        sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port),
        "--server.address", "127.0.0.1", "--server.headless", "true", "--server.fileWatcherType", "none",
        *(["--server.baseUrlPath", base_path] if base_path else []), *options,
    ]  # fmt: skip
    environment = {**os.environ, "BIOTL_HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    environment |= variables
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}" + (f"/{base_path}" if base_path else "")
    try:
        _wait_until_healthy(url, process, log)
        yield Server(url, home, log, process)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _wait_until_healthy(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"The server ended at once:\n{log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise RuntimeError(f"The server did not answer within {START_SECONDS} s:\n{log.read_text()[-2000:]}")


def wait_until(is_true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something that happens outside the browser."""
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"It did not happen within {seconds:.0f} s.")
        time.sleep(0.05)


@dataclass
class Visit:
    """What a page asked of whom."""

    outside: list[str] = field(default_factory=list)
    """Addresses outside this machine that were asked for; none was answered."""
    errors: list[str] = field(default_factory=list)
    """Uncaught exceptions of scripts."""


@contextmanager
def browsing(browser, visit: Visit, **options):
    """A tab in a context of its own (size, theme and the like are `options` of playwright's `new_context`)."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
    try:
        yield open_tab(context, visit)
    finally:
        context.close()


def open_tab(context, visit: Visit):
    """A new tab that writes down whom it asks and what goes wrong in it."""
    from playwright.sync_api import expect

    expect.set_options(timeout=TIMEOUT_MS)
    context.set_default_timeout(TIMEOUT_MS)
    tab = context.new_page()
    tab.on("request", lambda request: note_outside(visit, request.url))
    tab.on("pageerror", lambda error: visit.errors.append(str(error)))
    return tab


def note_outside(visit: Visit, url: str) -> None:
    """Write an address down when it is not on this machine."""
    if urlsplit(url).hostname not in ("127.0.0.1", "localhost", None):
        visit.outside.append(url)


def settle(page) -> None:
    """Wait until the script of the page has ended: before, a widget may still be replaced by its next copy."""
    page.get_by_test_id("stSidebar").wait_for()
    page.locator("[data-testid='stApp'][data-test-script-state='notRunning']").wait_for()
    page.wait_for_timeout(300)
    page.locator("[data-testid='stApp'][data-test-script-state='notRunning']").wait_for()
