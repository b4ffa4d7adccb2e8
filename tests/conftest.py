"""Fixtures of all tests that drive the built binary. WAYBILL names it; without it, build/dev/waybill is taken."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from running import Waybill  # noqa: E402


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """One running waybill for all tests that only add to it; each takes ids of its own."""
    with Waybill(tmp_path_factory.mktemp("shared") / "data") as waybill:
        yield waybill
        assert waybill.stop() == 0
        waybill.assert_books_balance()


@pytest.fixture
def fresh(tmp_path):
    """A running waybill with an empty folder."""
    with Waybill(tmp_path / "data") as waybill:
        yield waybill
