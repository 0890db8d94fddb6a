"""How fast the pages answer while a run trains: `python -m benchmarks.clicks`.

Starts a server and a run of full tuning on a built-in example, then goes through the pages in a headless Chromium.
Each click is timed from the press until the new page shows its title. The rival is the same clicks on an idle
machine, before the run starts.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

PAGES = ("Data", "Train", "Runs", "Predict", "Structures", "Models")
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def main() -> None:
    """Print the median and the 95th percentile, idle and while training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    choice = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, sync_playwright() as play:
        os.environ["BIOTL_HOME"] = home
        server, address = start_server()
        try:
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=_ARGUMENTS)
            page = browser.new_page()
            page.goto(address)
            clicks(page, 1)  # the first visit of a page reads its code
            idle = clicks(page, choice.rounds)
            run = start_training(Path(home))
            busy = clicks(page, choice.rounds)
            report("idle", idle)
            report("while a run trains", busy)
            print(f"ratio of the 95th percentiles: {np.percentile(busy, 95) / np.percentile(idle, 95):.2f}")
            run.terminate()
            browser.close()
        finally:
            server.terminate()


def start_server() -> tuple[subprocess.Popen, str]:
    """A server on a free port, answering."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app.py",
        "--server.port",
        str(port),
        "--server.headless",
        "true",
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).read()
            return server, address
        except OSError:
            time.sleep(0.1)
    sys.exit("The server did not start.")


def start_training(home: Path) -> subprocess.Popen:
    """Full tuning of the protein example, long enough to be there during all clicks."""
    example = Path("examples/protein_variants.csv")
    command = [
        sys.executable,
        "-m",
        "biotl_core",
        "train",
        str(example),
        "--method",
        "full",
        "--epochs",
        "500",
    ]
    run = subprocess.Popen(
        [*command, "--patience", "0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not list(home.glob("runs/*/history.jsonl")):
        time.sleep(0.5)
        if run.poll() is not None:
            sys.exit("The run ended before it trained.")
    return run


def clicks(page: Page, rounds: int) -> list[float]:
    """Milliseconds of each click on each page's link."""
    found = []
    for _ in range(rounds):
        for title in PAGES:
            link = page.get_by_test_id("stSidebar").get_by_role("link", name=title, exact=True)
            began = time.perf_counter()
            link.click()
            page.get_by_test_id("stMain").get_by_role("heading", level=1).filter(
                has_text=title
            ).first.wait_for()
            found.append(1000 * (time.perf_counter() - began))
            page.wait_for_timeout(400)
    return found


def report(title: str, milliseconds: list[float]) -> None:
    """One line: median and 95th percentile."""
    median, high = np.percentile(milliseconds, [50, 95])
    print(f"{title:<22} {len(milliseconds)} clicks  median {median:.0f} ms  95th percentile {high:.0f} ms")


if __name__ == "__main__":
    main()
