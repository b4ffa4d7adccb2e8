"""kill -9 at random moments under load, and at every point where the disk is told something: the books balance each time."""
import time

from books import Books, Phone, start_phones
from running import NotStarted, Waybill


def test_killed_at_random_moments_under_load(tmp_path, chance, cycles):
    books = Books()
    phones = [Phone(f"phone-{number}", books, chance) for number in range(4)]
    waybill = Waybill(tmp_path / "data", arguments=["--journal-segment-mib", 4, "--journal-keep-mib", 0,
                                                    "--store-flush-seconds", 1])
    try:
        for cycle in range(cycles):
            waybill.start()
            orders = [phone.new_order() for phone in phones]
            join = start_phones(phones, waybill.port)
            time.sleep(chance.uniform(0.02, 0.6))  # killed then
            assert waybill.alive(), f"cycle {cycle}: it died by itself\n{waybill.log_text()[-3000:]}"
            waybill.kill()
            join()
            books_balance = waybill.verify()
            assert books_balance.returncode == 0, f"cycle {cycle}\n{books_balance.stdout}{books_balance.stderr}"
            if cycle % 5 == 0:
                waybill.start()
                books.assert_tracks(waybill, [order for order in orders if order in books.sent])
                waybill.kill()
        waybill.start()
        books.assert_tracks(waybill)
        assert waybill.stop() == 0
        waybill.assert_books_balance()
        print(f"{cycles} cycles, {books.count()} acknowledged")
        assert books.count() > 10 * cycles
    finally:
        waybill.kill()


def scenario(waybill, books, chance):
    """A short life, the same each time: start, some posts, a flush at the stop. Ends early where it dies."""
    phone = Phone("step", books, chance)
    phone.new_order()
    try:
        waybill.start()
    except NotStarted:
        return
    for count in (1, 1, 20, 1, 50, 5, 1):
        if not phone.post(waybill.port, phone.fixes(count)):
            break
    if waybill.alive():
        waybill.stop()
    else:
        waybill.wait()


def assert_recovers(waybill, books, point):
    waybill.tell(kill_at=0, steps=0)
    waybill.start()
    books.assert_tracks(waybill)
    assert waybill.stop() == 0, point
    books_balance = waybill.verify("--deep")
    assert books_balance.returncode == 0, f"{point}\n{books_balance.stdout}{books_balance.stderr}"


def test_killed_before_and_after_every_step(steered, chance, cycles):
    clean = steered("clean")
    books = Books()
    scenario(clean, books, chance)
    assert books.count() == 79, clean.log_text()[-2000:]
    steps = clean.ask("steps")
    assert steps > 20
    points = [(step, after) for step in range(1, steps + 1) for after in (0, 1)]
    if len(points) > cycles:
        points = sorted(chance.sample(points, cycles))
    for step, after in points:
        books = Books()
        waybill = steered(f"{step}-{after}")
        waybill.tell(kill_at=step, kill_after=after)
        scenario(waybill, books, chance)
        assert_recovers(waybill, books, f"killed {'after' if after else 'before'} step {step} of {steps}")


def test_killed_while_it_recovers(steered, chance, cycles):
    """Killed, and killed again in the middle of the start that follows, at each of its steps."""
    step = 0
    while True:
        step += 1
        books = Books()
        waybill = steered(f"again-{step}")
        waybill.start()
        phone = Phone("again", books, chance)
        phone.new_order()
        for count in (1, 30, 1, 100):
            assert phone.post(waybill.port, phone.fixes(count))
        waybill.kill()
        waybill.tell(steps=0, kill_at=step)
        try:
            waybill.start()
            waybill.tell(kill_at=0)
            finished = True
        except NotStarted:
            finished = False
        waybill.kill()
        assert_recovers(waybill, books, f"killed at step {step} of the recovery")
        if finished or step >= cycles:
            break
