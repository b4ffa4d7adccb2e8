"""The documents name what the code has: no setting and no metric more, none less."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPERATIONS = (ROOT / "docs" / "OPERATIONS.md").read_text()


def code():
    return "\n".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.cc"))
                     if not re.search(r"_(test|fuzz|bench)\.cc$", path.name))


def rows(title):
    """First cells of the table below the line that begins with `title`."""
    table = OPERATIONS.split(f"\n| {title} |", 1)[1].split("\n\n", 1)[0]
    return re.findall(r"^\| `([^`]+)` \|", table, re.M)


def test_operations_lists_every_setting():
    text = (ROOT / "src" / "app" / "config.cc").read_text()
    settings = re.findall(r'"([a-z0-9_.]+)",\s*(?:\.flag = )?"--[a-z0-9-]+"', text)
    assert len(settings) > 5
    assert sorted(rows("setting")) == sorted(settings)


def test_operations_lists_every_metric():
    metrics = set(re.findall(r'(?:counter|gauge|histogram)\(\s*"(waybill_[a-z0-9_]+)"', code()))
    assert len(metrics) > 5
    assert sorted(rows("metric")) == sorted(metrics)
