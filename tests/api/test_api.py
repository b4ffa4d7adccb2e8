"""schemathesis sends each operation of /openapi.json what its schema allows and what it forbids, to the built server: no 5xx, no
status, header, content type or body that the document does not have, nothing accepted that it forbids.

SCHEMATHESIS names the program (tools/pinned_venv.py makes its environment from requirements.txt)."""
import json
import os
import re
import subprocess
import xml.etree.ElementTree
from pathlib import Path

import pytest

from running import ROOT, Waybill, run

FOLDER = Path(__file__).resolve().parent
API = json.loads((ROOT / "web/openapi.json").read_text())
# An answer without an end (tests/e2e/test_live.py), and folders that would be anywhere on this machine (tests/e2e/test_backup.py).
NOT_DRIVEN = "/live$|^/v1/backup$"
OPERATIONS = [f"{method.upper()} {path}" for path, item in API["paths"].items() for method in item
              if not re.search(NOT_DRIVEN, path)]
SECONDS_MAX = 600
EXAMPLES = 40  # of each operation, besides those that its schema's edges give


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What went wrong, by operation; "" for the rest of the run."""
    folder = tmp_path_factory.mktemp("api")
    made = run("token", "issue", "--role", "admin", "--data", folder / "data")
    assert made.returncode == 0, made.stderr
    bearer = {"Authorization": "Bearer " + json.loads(made.stdout)["token"]}
    with Waybill(folder / "data") as waybill:
        waybill.session.headers.update(bearer)
        assert waybill.get("/openapi.json").json() == API
        # So that the document's examples find what they name.
        assert waybill.post("/v1/orders", {"order_id": 1001, "deliverer_id": 7, "at": "2026-01-15T08:55:00Z"}).status_code == 200
        for minute in range(5):
            assert waybill.post("/v1/locations", {"order_id": 1001, "deliverer_id": 7, "latitude": 41.15, "longitude": -8.6,
                                                  "timestamp": f"2026-01-15T09:0{minute}:00Z"}).status_code == 200
        junit = folder / "report.xml"
        drove = subprocess.run(
            [os.environ.get("SCHEMATHESIS", "st"), "--config-file", FOLDER / "schemathesis.toml", "run",
             waybill.url + "/openapi.json", "--phases", "examples,coverage,fuzzing", "-n", str(EXAMPLES), "--seed", "1", "--exclude-path-regex", NOT_DRIVEN,
             "--continue-on-failure", "-H", f"Authorization: {bearer['Authorization']}", "--report", "junit", "--report-junit-path", junit],
            cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX,
            env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(FOLDER), "PYTHONDONTWRITEBYTECODE": "1"})
        assert junit.exists(), drove.stdout[-5000:] + drove.stderr[-5000:]
        found = {case.get("name"): "\n".join((fault.get("message") or "") + (fault.text or "") for fault in case
                                             if fault.tag in ("failure", "error"))
                 for case in xml.etree.ElementTree.parse(junit).iter("testcase")}
        found[""] = "" if drove.returncode == 0 or any(found.values()) else drove.stdout[-5000:] + drove.stderr[-5000:]
        assert waybill.alive() and waybill.get("/readyz").status_code == 200, waybill.log_text()[-2000:]
        assert waybill.stop() == 0
        waybill.assert_books_balance()
    return found


def test_the_run_came_to_its_end(report):
    assert not report[""], report[""]
    assert len(OPERATIONS) > 15


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_does_what_the_document_says(report, operation):
    assert operation in report, f"was not driven; what was: {sorted(report)}"
    assert not report[operation], report[operation]
