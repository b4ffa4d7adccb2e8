"""`waybill upgrade`: a folder of an older data format becomes one of ours, with everything that it acknowledged."""
import pytest

from formats import assert_holds, unpack
from running import NotStarted, Waybill, run

FORMATS = [1]


def contents(folder):
    """But for the locks, which are empty files."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "LOCK"}


def newest():
    """Of this binary."""
    return run("version").stdout.split("data format ")[1].strip()


@pytest.mark.parametrize("number", FORMATS)
def test_an_older_folder_is_refused_with_what_to_do_and_left_alone(tmp_path, number):
    data = unpack(number, tmp_path)
    before = contents(data)
    for refused in (run("verify", "--data", data), run("up", "--listen", "127.0.0.1:0", "--data", data)):
        assert refused.returncode == 1
        assert f"waybill upgrade --data {data}" in refused.stderr and f"data format {number}" in refused.stderr
    assert contents(data) == before


@pytest.mark.parametrize("number", FORMATS)
def test_upgraded_it_has_everything_and_takes_more(tmp_path, number):
    data = unpack(number, tmp_path)
    upgraded = run("upgrade", "--data", data)
    assert upgraded.returncode == 0, upgraded.stderr
    assert f"from data format {number} to {newest()}" in upgraded.stdout and "the books balance" in upgraded.stdout
    again = run("upgrade", "--data", data)
    assert again.returncode == 0 and "nothing to do" in again.stdout
    with Waybill(data) as waybill:
        assert_holds(waybill, number)
        one = {"order_id": "new", "latitude": 41, "longitude": -8, "timestamp": "2024-01-16T09:00:00.000Z"}
        assert waybill.post("/v1/locations", one).status_code == 200
        assert len(waybill.track("new")) == 1
        assert waybill.stop() == 0
        waybill.assert_books_balance()


def test_what_is_no_folder_of_ours_is_not_made_one(tmp_path):
    for data in (tmp_path / "nothing", tmp_path):
        refused = run("upgrade", "--data", data)
        assert refused.returncode == 1 and "FORMAT" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_being_written_is_not_upgraded(fresh):
    refused = run("upgrade", "--data", fresh.data)
    assert refused.returncode == 1 and "another waybill process" in refused.stderr


def test_a_folder_whose_books_differ_keeps_its_format(tmp_path):
    data = unpack(1, tmp_path)
    books = (data / "trimmed").read_text()
    (data / "trimmed").write_text(books.replace("count 65536", "count 65537"))
    refused = run("upgrade", "--data", data)
    assert refused.returncode == 1 and "DIFFERS" in refused.stdout and "stays of data format 1" in refused.stderr
    assert (data / "FORMAT").read_text() == "waybill data format 1\n"
    (data / "trimmed").write_text(books)
    assert run("upgrade", "--data", data).returncode == 0
