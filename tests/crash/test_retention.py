"""kill -9 while the store lets go of what is old, and before and after its steps: the books balance each time."""
import time

SPAN = 65536
DAY_NS = 86_400 * 1_000_000_000
WAIT_S_MAX = 60
LETS_GO = ["--store-keep-days", 1, "--store-flush-seconds", 1, "--journal-segment-mib", 4]


def send(waybill, cycle, count):
    """`count` locations of couriers whom no other cycle knows."""
    for begin in range(0, count, 8192):
        lines = [f'{{"deliverer_id":"{cycle}-{number % 50}","order_id":"{cycle}-{number % 500}","latitude":41.1,"longitude":-8.6,'
                 f'"timestamp":"2024-01-15T09:{number // 60 % 60:02}:{number % 60:02}.{number:06}Z"}}'
                 for number in range(begin, min(begin + 8192, count))]
        answer = waybill.post("/v1/locations", "\n".join(lines), headers={"Content-Type": "application/x-ndjson"})
        assert answer.status_code == 200, answer.text


def purged(waybill):
    return waybill.metric("waybill_store_purged_offset")


def assert_balance(waybill, what):
    books = waybill.verify("--deep")
    assert books.returncode == 0, f"{what}\n{books.stdout}{books.stderr}\n{waybill.log_text()[-2000:]}"


def test_killed_while_it_lets_go(steered, chance, cycles):
    waybill = steered(arguments=LETS_GO)
    waybill.start()
    send(waybill, 0, SPAN + 1000)
    assert waybill.stop() == 0
    rounds = max(2, cycles // 20)
    for cycle in range(1, rounds + 1):
        # Two days later: what was sent before is to go. It dies at one of the steps of doing so, several times.
        waybill.tell(clock_ns=2 * cycle * DAY_NS)
        for _ in range(3):
            waybill.start()
            step = chance.randrange(1, 60)
            waybill.tell(steps=0, kill_at=step, kill_after=chance.randrange(2))
            until = time.monotonic() + 5
            while waybill.alive() and time.monotonic() < until and purged_or_dead(waybill) < cycle * SPAN:
                time.sleep(0.02)
            waybill.kill()
            waybill.tell(kill_at=0)
            assert_balance(waybill, f"cycle {cycle}, step {step}")
        waybill.start()
        send(waybill, cycle, SPAN)
        until = time.monotonic() + WAIT_S_MAX
        while purged(waybill) < cycle * SPAN or waybill.metric("waybill_ingest_lag_records") > 0:
            assert time.monotonic() < until, waybill.log_text()[-3000:]
            time.sleep(0.05)
        assert len(waybill.track(f"{cycle - 1}-0")) < SPAN // 500, "most of what was sent before is gone"
        assert len(waybill.track(f"{cycle}-0")) == SPAN // 500 + 1
        assert waybill.stop() == 0
        assert_balance(waybill, f"cycle {cycle}")


def purged_or_dead(waybill):
    try:
        return purged(waybill)
    except OSError:
        return 0
