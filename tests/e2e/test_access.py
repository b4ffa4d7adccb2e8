"""Who may do what: tokens, links, users, sessions, as people and programs meet them."""
import json
import os
import stat

import pytest
import requests
from running import NotStarted, Waybill, run

LOCATION = {"order_id": 1001, "deliverer_id": 7, "delivery_state": "on_the_way", "latitude": 41.15, "longitude": -8.61,
            "timestamp": "2026-01-15T09:00:00Z"}


def token(data, *arguments):
    """Makes a token at the command line: the platform serves the folder, or nobody does."""
    made = run("token", "issue", "--data", data, *arguments)
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


def bearer(issued):
    return {"Authorization": f"Bearer {issued['token']}"}


@pytest.fixture
def guarded(tmp_path):
    """A platform with keys, and a token of each role."""
    data = tmp_path / "data"
    roles = {"admin": token(data, "--role", "admin")}
    with Waybill(data) as waybill:
        for role, subject in [("operator", "ann"), ("service", "shop"), ("deliverer", "7"), ("customer", "1001")]:
            made = waybill.post("/v1/tokens", {"role": role, "subject": subject}, headers=bearer(roles["admin"]))
            assert made.status_code == 201, made.text
            roles[role] = made.json()
        waybill.roles = {role: bearer(issued) for role, issued in roles.items()}
        waybill.ids = {role: issued["id"] for role, issued in roles.items()}
        yield waybill
        waybill.kill()
        waybill.assert_books_balance()


def statuses(waybill, ask):
    return {role: ask(headers).status_code for role, headers in [("nobody", {}), *waybill.roles.items()]}


def test_on_another_address_than_loopback_it_does_not_start_without_keys(tmp_path):
    waybill = Waybill(tmp_path / "data")
    waybill.listen = "0.0.0.0:0"
    with pytest.raises(NotStarted) as refused:
        waybill.start()
    assert "waybill token key" in str(refused.value)
    assert run("token", "key", "--data", tmp_path / "data").returncode == 0
    waybill.start(ready=False)
    assert requests.get(f"http://127.0.0.1:{waybill.port}/v1/orders", timeout=10).status_code == 401
    waybill.kill()


def test_a_key_is_its_owners_alone(tmp_path):
    token(tmp_path / "data", "--role", "admin")
    keys = tmp_path / "data" / "keys"
    assert stat.S_IMODE(os.stat(keys).st_mode) == 0o700
    for key in keys.iterdir():
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        key.chmod(0o644)
    with pytest.raises(NotStarted) as refused:
        Waybill(tmp_path / "data").start()
    assert "chmod 600" in str(refused.value)


def test_each_role_may_do_its_own_work_only(guarded):
    post = statuses(guarded, lambda headers: guarded.post("/v1/locations", LOCATION, headers=headers))
    assert post == {"nobody": 401, "admin": 200, "operator": 403, "service": 200, "deliverer": 200, "customer": 403}
    order = statuses(guarded, lambda headers: guarded.post("/v1/orders", {"order_id": 5}, headers=headers))
    assert order == {"nobody": 401, "admin": 200, "operator": 403, "service": 200, "deliverer": 403, "customer": 403}
    read = statuses(guarded, lambda headers: guarded.get("/v1/orders/1001", headers=headers))
    assert read == {"nobody": 401, "admin": 200, "operator": 200, "service": 403, "deliverer": 403, "customer": 200}
    everything = statuses(guarded, lambda headers: guarded.get("/v1/orders", headers=headers))
    assert everything == {"nobody": 401, "admin": 200, "operator": 200, "service": 403, "deliverer": 403, "customer": 403}
    metrics = statuses(guarded, lambda headers: guarded.get("/metrics", headers=headers))
    assert metrics == {"nobody": 401, "admin": 200, "operator": 200, "service": 403, "deliverer": 403, "customer": 403}
    tokens = statuses(guarded, lambda headers: guarded.get("/v1/tokens", headers=headers))
    assert tokens == {"nobody": 401, "admin": 200, "operator": 403, "service": 403, "deliverer": 403, "customer": 403}
    for path in ("/healthz", "/readyz", "/"):
        assert guarded.get(path).status_code == 200


def test_every_refusal_is_a_problem_and_in_the_audit(guarded):
    answer = guarded.get("/v1/orders", headers=guarded.roles["customer"])
    assert answer.status_code == 403 and answer.headers["content-type"] == "application/problem+json"
    answer = guarded.get("/v1/orders")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    guarded.stop()
    lines = [json.loads(line) for line in (guarded.data / "audit.ndjson").read_text().splitlines()]
    assert [(line["who"], line["what"], line["status"]) for line in lines if line["event"] == "denied"] == [
        ("", "GET /v1/orders", 401), ("customer 1001", "GET /v1/orders", 403)]


def test_a_deliverer_writes_under_its_own_name_only(guarded):
    mine = guarded.roles["deliverer"]
    other = guarded.post("/v1/locations", {**LOCATION, "deliverer_id": 8}, headers=mine)
    assert other.status_code == 403 and other.json()["failures"][0]["field"] == "deliverer_id"
    nameless = {key: value for key, value in LOCATION.items() if key != "deliverer_id"}
    assert guarded.post("/v1/locations", nameless, headers=mine).status_code == 200
    seen = guarded.get("/v1/deliverers/7", headers=guarded.roles["operator"]).json()
    assert seen["last"]["order_id"] == 1001
    assert guarded.post("/v1/deliverer_location/", {**LOCATION, "deliverer_id": 8}, headers=mine).status_code == 403
    mixed = guarded.post("/v1/locations", [LOCATION, {**LOCATION, "deliverer_id": 8}], headers=mine).json()
    assert mixed["accepted"] == 1 and mixed["failures"][0]["reason"].startswith("is not the deliverer")


def test_a_deliverer_moves_no_order_that_another_one_carries(guarded):
    shop, mine = guarded.roles["service"], guarded.roles["deliverer"]
    assert guarded.post("/v1/orders", [{"order_id": 20, "deliverer_id": 8}, {"order_id": 21, "deliverer_id": 7}],
                        headers=shop).status_code == 200
    # A read waits for what was acknowledged before it; the door goes by what the store shows.
    assert guarded.get("/v1/orders/20", headers=guarded.roles["operator"]).json()["deliverer_id"] == 8
    arrived = {**LOCATION, "delivery_state": "arrived"}
    denied = guarded.post("/v1/locations", {**arrived, "order_id": 20}, headers=mine)
    assert denied.status_code == 403 and denied.json()["failures"][0]["field"] == "order_id"
    assert guarded.post("/v1/locations", {**arrived, "order_id": 21}, headers=mine).status_code == 200
    assert guarded.get("/v1/orders/20", headers=guarded.roles["operator"]).json()["state"] == "open"


def test_nobodys_client_id_swallows_anothers_location(guarded):
    eight = bearer(token(guarded.data, "--role", "deliverer", "--subject", "8"))
    first = guarded.post("/v1/locations", {**LOCATION, "event_id": "same"}, headers=guarded.roles["deliverer"])
    second = guarded.post("/v1/locations", {**LOCATION, "deliverer_id": 8, "event_id": "same"}, headers=eight)
    assert first.status_code == second.status_code == 200
    kept = guarded.get("/v1/custody/same", headers=guarded.roles["operator"]).json()["items"]
    assert sorted(item["deliverer_id"] for item in kept) == ["7", "8"]


def test_a_customer_sees_its_order_and_nothing_of_anybody_else(guarded):
    guarded.post("/v1/locations", [{**LOCATION, "battery": 55}, {**LOCATION, "order_id": 1002}], headers=guarded.roles["service"])
    mine = guarded.roles["customer"]
    order = guarded.get("/v1/orders/1001", headers=mine).json()
    assert order["position"] == "exact" and order["last"]["latitude"] == 41.15
    assert not {"deliverer_id", "assignments", "attributes"} & order.keys()
    track = guarded.get("/v1/orders/1001/track", headers=mine).json()
    assert [set(location) & {"deliverer_id", "battery", "position"} for location in track["locations"]] == [set()]
    last = guarded.get("/v1/deliverer_location/last/1001", headers=mine).json()["data"]
    assert last[0]["deliverer_id"] is None and last[0]["latitude"] == 41.15
    for path in ("/v1/orders/1002", "/v1/orders/1002/track", "/v1/deliverer_location/last/1002"):
        assert guarded.get(path, headers=mine).status_code == 403


def test_far_from_its_turn_a_customer_sees_an_area_and_after_delivery_no_place(guarded):
    shop = guarded.roles["service"]
    stops = [{"order_id": number, "deliverer_id": 7, "sequence": number} for number in range(995, 1002)]
    guarded.post("/v1/orders", stops, headers=shop)
    guarded.post("/v1/locations", LOCATION, headers=shop)
    order = guarded.get("/v1/orders/1001", headers=guarded.roles["customer"]).json()
    assert order["position"] == "area" and order["stops_before"] == 6
    assert order["last"]["radius_m"] == 1000 and order["last"]["latitude"] != 41.15
    assert guarded.get("/v1/orders/1001/track", headers=guarded.roles["customer"]).json()["locations"] == []
    assert guarded.get("/v1/deliverer_location/last/1001", headers=guarded.roles["customer"]).json() == {"data": []}
    guarded.post("/v1/orders/995/close", headers=shop)
    order = guarded.get("/v1/orders/1001", headers=guarded.roles["customer"]).json()
    assert order["position"] == "exact" and order["stops_before"] == 5
    guarded.post("/v1/orders/1001/close", headers=shop)
    order = guarded.get("/v1/orders/1001", headers=guarded.roles["customer"]).json()
    assert order["position"] == "none" and order["last"] is None and order["state"] == "closed"


def test_an_order_whose_time_is_over_is_gone_for_its_customer(guarded):
    shop = guarded.roles["service"]
    guarded.post("/v1/locations", LOCATION, headers=shop)
    guarded.post("/v1/orders/1001/close", {"at": "2026-01-15T10:00:00Z"}, headers=shop)
    assert guarded.get("/v1/orders/1001", headers=guarded.roles["customer"]).status_code == 410
    assert guarded.get("/v1/orders/1001", headers=guarded.roles["operator"]).status_code == 200


def test_a_link_shows_its_one_order_until_it_is_taken_back(guarded):
    guarded.post("/v1/locations", LOCATION, headers=guarded.roles["service"])
    made = guarded.post("/v1/orders/1001/links", {"hours": 2}, headers=guarded.roles["service"])
    assert made.status_code == 201
    link = made.json()["link"]
    assert guarded.get(made.json()["read"]).json()["order_id"] == 1001
    page = guarded.get(made.json()["page"], headers={"Authorization": ""})
    assert page.status_code == 200 and page.headers["Content-Type"].startswith("text/html")
    assert guarded.get(f"/v1/orders/1002?link={link}").status_code == 403
    listed = run("token", "list", "--data", guarded.data).stdout
    assert "link" in listed and link not in listed
    taken = guarded.session.delete(f"{guarded.url}/v1/links/{link}", headers=guarded.roles["service"], timeout=60)
    assert taken.status_code == 200
    guarded.wait_until(lambda: guarded.get(made.json()["read"]).status_code == 401)


def test_what_was_taken_back_stays_so_after_a_kill(guarded):
    assert run("token", "revoke", guarded.ids["service"], "--data", guarded.data).returncode == 0
    guarded.kill()
    guarded.start()
    assert guarded.post("/v1/locations", LOCATION, headers=guarded.roles["service"]).status_code == 401
    assert "revoked by admin console" in run("token", "list", "--data", guarded.data).stdout


def test_tokens_are_made_and_taken_back_while_nobody_serves(tmp_path):
    data = tmp_path / "data"
    kept, lost = token(data, "--role", "service"), token(data, "--role", "service", "--note", "old")
    assert run("token", "revoke", lost["id"], "--data", data).returncode == 0
    with Waybill(data) as waybill:
        assert waybill.post("/v1/locations", LOCATION, headers=bearer(kept)).status_code == 200
        assert waybill.post("/v1/locations", LOCATION, headers=bearer(lost)).status_code == 401
        waybill.kill()
        waybill.assert_books_balance()


def test_tokens_that_are_none_are_refused(guarded):
    good = guarded.roles["admin"]["Authorization"].split()[1]
    head, body, signature = good.split(".")
    for bad in (f"eyJhbGciOiJub25lIn0.{body}.", f"eyJhbGciOiJIUzI1NiJ9.{body}.{signature}", f"{head}.{body}.{signature[:-4]}AAAA",
                f"{head}.{body}", "x" * 10_000, ".." ):
        assert guarded.get("/v1/tokens", headers={"Authorization": f"Bearer {bad}"}).status_code in (401, 429), bad


def test_phones_send_the_token_as_a_password_or_in_the_address(guarded):
    mine = guarded.roles["deliverer"]["Authorization"].split()[1]
    assert guarded.post("/v1/locations", LOCATION, auth=("phone", mine)).status_code == 200
    assert guarded.post(f"/v1/locations?token={mine}", LOCATION).status_code == 200
    assert mine not in guarded.log_text()


def test_a_person_logs_in_with_a_password_and_out_again(guarded):
    run("user", "set", "ann", "--data", guarded.data, input="correct horse battery\n")
    with requests.Session() as browser:
        browser.trust_env = False
        wrong = browser.post(f"{guarded.url}/v1/session", json={"name": "ann", "password": "wrong"}, timeout=60)
        assert wrong.status_code == 401
        right = browser.post(f"{guarded.url}/v1/session", json={"name": "ann", "password": "correct horse battery"}, timeout=60)
        assert right.json() == {"role": "operator", "subject": "ann"}
        flags = right.headers["set-cookie"]
        assert "HttpOnly" in flags and "SameSite=Strict" in flags
        assert browser.get(f"{guarded.url}/v1/orders", timeout=60).status_code == 200
        stolen = dict(browser.cookies)
        out = browser.delete(f"{guarded.url}/v1/session", headers={"Sec-Fetch-Site": "same-origin"}, timeout=60)
        assert out.status_code == 200
        assert browser.get(f"{guarded.url}/v1/orders", timeout=60).status_code == 401
    guarded.wait_until(lambda: guarded.get("/v1/orders", cookies=stolen).status_code == 401)


def test_another_page_cannot_write_with_somebodys_cookie(guarded):
    opened = guarded.post("/v1/session", headers=guarded.roles["admin"])
    cookies = {"waybill_session": opened.cookies["waybill_session"]}
    foreign = guarded.post("/v1/orders", {"order_id": 66}, cookies=cookies, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    own = guarded.post("/v1/orders", {"order_id": 66}, cookies=cookies, headers={"Origin": guarded.url})
    assert own.status_code == 200


def test_who_guesses_tokens_is_told_to_wait_and_others_go_on(guarded):
    for _ in range(40):
        answer = guarded.get("/v1/orders", headers={"Authorization": "Bearer a.b.c"})
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) >= 1


def test_a_body_without_a_right_to_send_it_is_not_taken(guarded):
    answer = guarded.post("/v1/locations", b"x" * (12 << 20))
    assert answer.status_code == 401 and answer.headers["connection"] == "close"
