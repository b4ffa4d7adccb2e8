"""Data folders that older waybills left behind (tests/data), and what they acknowledged."""
import tarfile

from running import ROOT, read_ndjson

DATA = ROOT / "tests/data"


def unpack(number, into):
    """The folder of that data format, as its waybill left it when it was killed."""
    with tarfile.open(DATA / f"format-{number}.tar.gz") as packed:
        packed.extractall(into)
    return into / "data"


def acknowledged(number):
    return read_ndjson(DATA / f"format-{number}.ndjson")


def assert_holds(waybill, number):
    """Every location and order that the older waybill acknowledged is shown as it showed it."""
    for line in acknowledged(number):
        if "shown" in line:
            now = waybill.get(f"/v1/orders/{line['order']}").json()
            assert placeless({name: now[name] for name in line["shown"]}) == placeless(line["shown"])
            track = waybill.track(line["order"])
            assert len(track) == line["track"] and placeless(track[-1]) == placeless(line["newest"])
        elif "position" in line:
            answer = waybill.get(f"/v1/custody/{line['position']}")
            assert answer.status_code == 200, answer.text
            [item] = answer.json()["items"]
            assert item["durable"] and item["stored"] and item["quarantined"] == line.get("quarantined", False), item


def placeless(shown):
    """Without what says where it stands in the journal."""
    if isinstance(shown, dict):
        return {name: placeless(value) for name, value in shown.items() if name != "position"}
    return shown
