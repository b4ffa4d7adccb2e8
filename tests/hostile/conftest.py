"""One waybill for each module; at its end it still answers, stops in order, and its books balance."""
import os

import pytest

from running import Waybill

REQUEST_S_MAX = 3


@pytest.fixture(scope="module")
def waybill(tmp_path_factory):
    # Freed memory is given back soon, so that what is measured is what is held.
    sanitizer = os.environ.get("ASAN_OPTIONS", "detect_leaks=1") + ":quarantine_size_mb=8:allocator_release_to_os_interval_ms=100"
    with Waybill(tmp_path_factory.mktemp("hostile") / "data", environment={"ASAN_OPTIONS": sanitizer},
                 arguments=["--http-request-seconds-max", REQUEST_S_MAX]) as running:
        yield running
        assert running.alive(), running.log_text()[-5000:]
        assert running.get("/readyz").status_code == 200
        assert running.stop() == 0, running.log_text()[-5000:]
        running.assert_books_balance()
