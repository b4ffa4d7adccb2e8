"""A real browser before the pages: Debian's chromium, driven by the playwright of requirements.txt.

Whatever a test does, at its end no page has asked another host, and none has written an error to its console."""
import site
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parents[1] / "tools")]

import fetched  # noqa: E402
import pinned_venv  # noqa: E402

VENV = pinned_venv.pinned_venv(FOLDER / "requirements.txt")
site.addsitedir(str(next(VENV.glob("lib/python*/site-packages"))))

from browsing import Watched  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

CHROMIUM = "/usr/bin/chromium"
# WebGL by the processor, so that the map is drawn where there is no graphics card.
FLAGS = ["--no-sandbox", "--disable-gpu", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
AXE = ("npm", "axe-core@4.14.1", "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745", ["package/axe.min.js"])


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe():
    return (fetched.fetched(*AXE) / "package" / "axe.min.js").read_text()


@pytest.fixture
def screens(chromium):
    watched = Watched(chromium)
    yield watched
    watched.close()
    assert {url.split("/")[2].split(":")[0] for url in watched.asked if url.startswith(("http", "ws"))} <= {"127.0.0.1"}
    assert not [error for error in watched.errors if not error.startswith(tuple(watched.expected) or ("\0",))]
