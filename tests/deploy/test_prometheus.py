"""Alert rules and dashboard: promtool takes them, and every number that they ask for is one that a running waybill gives."""
import json
import re
import subprocess
from pathlib import Path

import pytest

from running import Waybill

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy/prometheus/waybill.rules.yml"
DASHBOARD = ROOT / "deploy/grafana/waybill.json"
OTHERS = {"up"}  # Prometheus' own
METRIC = re.compile(r"\b(?:waybill|process)_[a-z0-9_]+")
ONLY_WITH_A_CERTIFICATE = {"waybill_tls_certificate_expiry_timestamp_seconds", "waybill_tls_reload_failed_total",
                           "waybill_http_handshakes_failed_total"}
WITH_A_BROKER = {name for source in ("relay", "replica", "listen", "line_door", "line_copy")
                 for name in re.findall(r'"(waybill_\w+)"', (ROOT / f"src/ingest/{source}.cc").read_text())}
LOCATION = {"order_id": 1, "deliverer_id": 1, "latitude": 41, "longitude": -8, "timestamp": "2024-01-15T09:00:00Z"}


def promtool(*arguments, **options):
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=120, **options)


def panels():
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def dashboard_expressions():
    dashboard = json.loads(DASHBOARD.read_text())
    asked = [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]
    return asked + [(note["name"], note["expr"]) for note in dashboard["annotations"]["list"]]


def rule_expressions():
    """The expressions as text: what stands between `expr:` and the next key."""
    return re.findall(r"expr:(.*?)\n        (?:for|labels):", RULES.read_text(), re.S)


@pytest.fixture(scope="module")
def exposed(tmp_path_factory):
    """Name to type of all metrics of a waybill that has had work to do."""
    with Waybill(tmp_path_factory.mktemp("exposed") / "data", arguments=["--store-flush-seconds", "1"]) as waybill:
        assert waybill.post("/v1/locations", LOCATION).status_code == 200
        waybill.last(1)
        assert waybill.post("/v1/webhooks", {"url": "https://receiver.example/"}).status_code == 201  # it is told nothing here
        text = waybill.get("/metrics").text
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M)), text


def test_prometheus_takes_the_example_and_the_rules():
    checked = promtool("check", "config", ROOT / "deploy/prometheus/prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_each_alert_fires_when_it_should_and_only_then(tmp_path):
    (tmp_path / RULES.name).write_text(RULES.read_text())
    tests = tmp_path / "tests.yml"
    tests.write_text((Path(__file__).parent / "waybill.rules.test.yml").read_text())
    told = promtool("test", "rules", tests, cwd=tmp_path)
    assert told.returncode == 0, told.stdout + told.stderr


def test_each_alert_has_a_test():
    alerts = set(re.findall(r"- alert: (\w+)", RULES.read_text()))
    tests = (Path(__file__).parent / "waybill.rules.test.yml").read_text()
    tested = set(re.findall(r"alertname: (\w+)\n        exp_alerts:\n", tests))
    assert len(alerts) > 10 and tested == alerts


def test_each_alert_has_its_place_in_the_runbook():
    headings = re.findall(r"^### (Waybill\w+)$", (ROOT / "docs/OPERATIONS.md").read_text(), re.M)
    assert sorted(headings) == sorted(re.findall(r"- alert: (\w+)", RULES.read_text()))
    links = re.findall(r"runbook: docs/OPERATIONS.md#(\w+)", RULES.read_text())
    assert sorted(links) == sorted(heading.lower() for heading in headings)


def test_prometheus_can_read_every_expression_of_the_dashboard(tmp_path):
    rules = [{"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m").replace("$instance", ".*")}
             for number, (_, expression) in enumerate(dashboard_expressions())]
    assert len(rules) > 20
    path = tmp_path / "panels.yml"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))  # JSON is YAML
    checked = promtool("check", "rules", path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(rules)} rules found" in checked.stdout


def test_every_metric_asked_for_is_one_that_waybill_gives(exposed):
    types, text = exposed
    asked = {name for expression in rule_expressions() + [expression for _, expression in dashboard_expressions()]
             for name in METRIC.findall(expression)}
    assert len(asked) > 20
    for name in sorted(asked - ONLY_WITH_A_CERTIFICATE - OTHERS):
        family = re.sub(r"_(bucket|sum|count)$", "", name)
        if family in WITH_A_BROKER:
            continue
        assert name in types or types.get(family) == "histogram", f"{name} is not in /metrics:\n{text}"


def test_every_label_asked_for_is_one_that_waybill_gives(exposed):
    _, text = exposed
    labels = set(re.findall(r'[{,](\w+)="', text)) | {"instance", "job"}  # the last two are Prometheus' own
    for expression in rule_expressions() + [expression for _, expression in dashboard_expressions()]:
        asked = re.findall(r'[{,]\s*(\w+)\s*=~?"', expression)
        asked += [label for listed in re.findall(r"(?:by|on) \(([\w, ]+)\)", expression) for label in re.split(r", *", listed)]
        assert set(asked) <= labels, expression


def test_every_metric_is_on_the_dashboard_or_only_for_other_programs(exposed):
    types, _ = exposed
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for _, expression in dashboard_expressions()
             for name in METRIC.findall(expression)}
    assert {name for name in types if name.startswith("waybill_")} - shown == set()


def test_panels_do_not_overlap_and_have_ids_of_their_own():
    taken = {}
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"], f"{panel['title']} on {taken[x, y]}"
    ids = [panel["id"] for panel in json.loads(DASHBOARD.read_text())["panels"]]
    assert len(set(ids)) == len(ids)
