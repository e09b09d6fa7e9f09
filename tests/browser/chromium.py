"""Where Chromium is, for the tests of pages; run as a program it gets one where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """That of the environment variable HARNESS_CHROMIUM, one on the path, or the one that Playwright has fetched; None: there is none."""
    for name in (os.environ.get("HARNESS_CHROMIUM", ""), *NAMES):
        if name and (found := shutil.which(name)):
            return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).is_file() else None


def get() -> int:
    """Get one: the system's own where this user may install that, else Playwright's, into the user's cache. Returns 0 if there is one."""
    if find() is not None:
        return 0
    print("getting Chromium, once", flush=True)
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
            subprocess.run(["apt-get", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, check=False)
    if find() is None:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    if find() is None:
        print("NO CHROMIUM: it could not be installed, so the tests that open pages in it are left out", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(get())
