"""How fast the pages answer while a run trains: `python -m benchmarks.clicks`.

Starts a server and a run of full tuning on a built-in example, then goes through the pages in a headless Chromium.
Each click is timed in the browser, from the press until the new page's title is painted. The rival is the same clicks
on an idle machine, before the run starts.
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

from widgets.navigation import PAGES

TITLES = tuple(entry.title for entry in PAGES.values())
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
            page.get_by_test_id("stSidebar").get_by_role("link", name=TITLES[-1], exact=True).wait_for()
            clicks(page, 1)  # the first visit of a page reads its code
            idle = clicks(page, choice.rounds)
            run = start_training(Path(home))
            busy = clicks(page, choice.rounds)
            ratio = report("while a run trains", busy) / report("idle", idle)
            print(f"ratio of the 95th percentiles: {ratio:.2f}")
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


_PRESS = """(title) => new Promise((answered) => {
    const links = [...document.querySelectorAll("[data-testid=stSidebar] a")];
    const link = links.find((one) => one.textContent.trim().endsWith(title));
    const began = performance.now();
    const look = () => {
        const heading = document.querySelector("[data-testid=stMain] h1");
        if (!heading || !heading.textContent.includes(title)) return;
        watcher.disconnect();
        requestAnimationFrame(() => answered(performance.now() - began));
    };
    const watcher = new MutationObserver(look);
    watcher.observe(document.body, { subtree: true, childList: true, characterData: true });
    link.click();
})"""
"""Presses a link of the sidebar; milliseconds until the page of that title is painted, by the browser's own clock."""


def clicks(page: Page, rounds: int) -> dict[str, list[float]]:
    """Page -> milliseconds of each click on its link."""
    found: dict[str, list[float]] = {title: [] for title in TITLES}
    for _ in range(rounds):
        for title in TITLES:
            found[title].append(page.evaluate(_PRESS, title))
            page.wait_for_timeout(400)
    return found


def report(title: str, found: dict[str, list[float]]) -> float:
    """A line for all clicks and one a page: median and 95th percentile, which is returned."""
    everything = [one for times in found.values() for one in times]
    for name, times in {title: everything, **{f"  {page}": times for page, times in found.items()}}.items():
        median, high = np.percentile(times, [50, 95])
        print(f"{name:<22}{len(times):>4} clicks  median {median:4.0f} ms  95th percentile {high:4.0f} ms")
    return float(np.percentile(everything, 95))


if __name__ == "__main__":
    main()
