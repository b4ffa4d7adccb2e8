"""The books of a crash test: what was sent, what was acknowledged; and couriers' phones that fill them."""
import http.client
import json
import threading
from datetime import datetime, timedelta, timezone

DAY = datetime(2024, 1, 15, 9, tzinfo=timezone.utc)


class Books:
    def __init__(self):
        self.lock = threading.Lock()
        self.sent = {}          # order: {timestamp: location}
        self.acknowledged = {}  # order: {timestamp}

    def write_sent(self, locations):
        with self.lock:
            for one in locations:
                self.sent.setdefault(one["order_id"], {})[one["timestamp"]] = one

    def write_acknowledged(self, locations):
        with self.lock:
            for one in locations:
                self.acknowledged.setdefault(one["order_id"], set()).add(one["timestamp"])

    def count(self):
        return sum(map(len, self.acknowledged.values()))

    def assert_tracks(self, waybill, orders=None):
        """acknowledged ⊆ kept ⊆ sent, and nothing twice."""
        for order in (self.sent if orders is None else orders):
            sent, acknowledged = self.sent[order], self.acknowledged.get(order, set())
            answer = waybill.get(f"/v1/orders/{order}")
            if answer.status_code == 404:
                assert not acknowledged, f"{order}: {len(acknowledged)} were acknowledged, the order is not known"
                continue
            kept = waybill.track(order)
            times = [one["timestamp"] for one in kept]
            assert len(times) == len(set(times)), f"{order}: kept twice"
            assert times == sorted(times), f"{order}: not in order"
            lost = acknowledged - set(times)
            assert not lost, f"{order}: {len(lost)} of {len(acknowledged)} acknowledged are lost: {sorted(lost)[:3]}"
            for one in kept:
                ours = sent.get(one["timestamp"])
                assert ours is not None, f"{order}: kept but never sent: {one}"
                assert all(one.get(name) == value for name, value in ours.items()), (ours, one)


class Phone:
    """One courier's phone, one thread: single posts and batches, repeats, newest first; what was not answered is sent again."""

    def __init__(self, name, books, chance):
        self.name, self.books, self.chance = name, books, chance
        self.second = 0
        self.order = 0
        self.unanswered = []
        self.answered = []
        self.connection = None

    def new_order(self):
        self.order += 1
        self.answered = []
        return f"{self.name}-{self.order}"

    def fixes(self, count):
        made = []
        for _ in range(count):
            self.second += 1
            made.append({"order_id": f"{self.name}-{self.order}", "deliverer_id": self.name, "delivery_state": "on_the_way",
                         "latitude": round(41 + self.second / 1_000_000, 6), "longitude": -8.6, "number": self.second,
                         "timestamp": (DAY + timedelta(seconds=self.second)).strftime("%Y-%m-%dT%H:%M:%S.000Z")})
        return made

    def post(self, port, locations):
        """True where it was acknowledged. What was not may have been kept."""
        self.books.write_sent(locations)
        body = json.dumps(locations[0]) if len(locations) == 1 else "\n".join(map(json.dumps, locations))
        kind = "application/json" if len(locations) == 1 else "application/x-ndjson"
        try:
            if self.connection is None or self.connection.port != port:
                self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            self.connection.request("POST", "/v1/locations", body, {"Content-Type": kind})
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection = None
            return False
        if answer.status == 503:
            return False
        assert answer.status == 200, text
        said = json.loads(text)
        assert said["accepted"] == len(locations), said
        self.books.write_acknowledged(locations)
        return True

    def step(self, port):
        """Some of what phones do. False: it was not acknowledged."""
        kind = self.chance.random()
        if self.unanswered:
            locations = self.unanswered
        elif kind < 0.5:
            locations = self.fixes(1)
        elif kind < 0.7:
            locations = self.fixes(self.chance.randint(2, 50))
        elif kind < 0.9:
            locations = self.fixes(self.chance.randint(2, 50))[::-1]
        elif self.answered:
            locations = self.chance.sample(self.answered, min(len(self.answered), 10))
        else:
            locations = self.fixes(1)
        done = self.post(port, locations)
        self.unanswered = [] if done else locations
        if done:
            self.answered = (self.answered + locations)[-100:]
        return done

    def work(self, port, over):
        while not over.is_set() and self.step(port):
            pass


def start_phones(phones, port):
    """Lets them work at once; gives the event that ends it and the threads. They end by themselves when the server is gone."""
    over, failures = threading.Event(), []

    def work(phone):
        try:
            phone.work(port, over)
        except BaseException as failure:  # told by the test's own thread
            failures.append(failure)
    threads = [threading.Thread(target=work, args=(phone,)) for phone in phones]
    for thread in threads:
        thread.start()

    def join():
        over.set()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        if failures:
            raise failures[0]
    return join
