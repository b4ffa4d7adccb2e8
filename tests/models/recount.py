"""recount.py LOCATIONS COMMANDS — what the treated and final tables must say, counted from raw Parquet files without any SQL.

Both name lists of files, with commas between. PyArrow reads the columns; the rules of docs/LAKE.md are written down here once
more, row by row, by somebody who has not looked at the models. Prints JSON."""
import collections
import datetime
import json
import math
import sys

import pyarrow.parquet

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
EARTH_M = 6_371_008.8
FASTEST_MPS = 42
OPEN_DATES = 7  # of an assignment without an end


def rows_of(files):
    for file in filter(None, files.split(",")):
        yield from pyarrow.parquet.read_table(file).to_pylist()


def metres(one, other):
    (north, east), (north_2, east_2) = ([math.radians(degrees) for degrees in point] for point in (one, other))
    inner = (math.sin((north_2 - north) / 2) ** 2 + math.cos(north) * math.cos(north_2) * math.sin((east_2 - east) / 2) ** 2)
    return 2 * EARTH_M * math.asin(math.sqrt(min(1.0, inner)))


def day_of(us):
    return us - us % DAY_US


def date_of(us):
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=us // DAY_US)).isoformat()


class Point:
    def __init__(self, row):
        self.key = row["journal_partition"] * 2 ** 53 + row["journal_offset"]
        self.order, self.deliverer, self.state = row["order_id"], row["deliverer_id"], row["delivery_state"]
        self.fix_us, self.received_us = row["fix_us"], row["received_us"]
        exact = row["latitude_exact"], row["longitude_exact"]
        self.place = tuple(e7 / 1e7 if sent is None else sent for e7, sent in zip((row["latitude_e7"], row["longitude_e7"]), exact))
        self.is_zero = row["latitude_e7"] == 0 and row["longitude_e7"] == 0
        self.is_clock = self.fix_us > self.received_us + 300_000_000
        self.is_low_accuracy = (row["accuracy_m"] or 0) > 100
        self.client = row["client_id"]
        self.repeats, self.is_jump, self.way, self.since_s = 0, False, None, None

    def scope(self):
        return ("deliverer", self.deliverer) if self.deliverer is not None else ("order", self.order)

    def identity(self):
        if self.client is not None:
            return self.scope(), date_of(self.fix_us), self.client
        return self.order, self.deliverer, self.fix_us, self.place, self.state


def once(rows):
    kept = {}
    for point in sorted(map(Point, rows), key=lambda point: point.key):
        first = kept.setdefault(point.identity(), point)
        first.repeats += first is not point
    return list(kept.values())


def follow(points):
    """The way to each point from the one before of its scope, on its date or the one before."""
    of_scope = collections.defaultdict(list)
    for point in points:
        if not point.is_zero and not point.is_clock:
            of_scope[point.scope()].append(point)
    for way in of_scope.values():
        way.sort(key=lambda point: (point.fix_us, point.key))
        for before, point in zip(way, way[1:]):
            if before.fix_us < day_of(point.fix_us) - DAY_US:
                continue
            point.way, point.since_s = metres(before.place, point.place), (point.fix_us - before.fix_us) / 1e6
            point.is_jump = point.way > FASTEST_MPS * max(point.since_s, 1)


def assignments(commands):
    """{order: [[deliverer, from, to]]} after all commands, and {order: when it was closed}."""
    had, closed = collections.defaultdict(list), {}
    for row in sorted(commands, key=lambda row: (row["journal_partition"], row["journal_offset"])):
        order, at = row["order_id"], row["at_us"] if row["at_us"] is not None else row["received_us"]
        periods = had[order]
        if row["kind"] in ("put", "reassign") and row["assignments"] is None and row["deliverer_id"] is not None:
            still = bool(periods) and periods[-1][2] is None and periods[-1][0] == row["deliverer_id"]
            if row["kind"] == "put" and still and row["at_us"] is None:
                continue
            periods[:] = [period for period in periods if period[1] < at]
            if periods and (periods[-1][2] is None or periods[-1][2] > at):
                if periods[-1][0] == row["deliverer_id"]:
                    periods[-1][2] = None
                    continue
                periods[-1][2] = at
            periods.append([row["deliverer_id"], at, None])
        elif row["kind"] == "put" and row["assignments"] is not None:
            periods[:] = sorted(([str(one["deliverer_id"]), one["from_us"], one.get("to_us")] for one in json.loads(row["assignments"])),
                                key=lambda period: period[1])
        elif row["kind"] in ("close", "cancel"):
            periods[:] = [period for period in periods if period[1] < at]
            if periods and (periods[-1][2] is None or periods[-1][2] > at):
                periods[-1][2] = at
            if row["kind"] == "close":
                closed[order] = at
    return had, closed


def points_of_orders(points, had):
    """{order: its points}, each with what it says of the order's state."""
    of_order, nameless = collections.defaultdict(list), collections.defaultdict(list)
    for point in points:
        if point.is_zero or point.is_clock:
            continue
        if point.order is not None:
            of_order[point.order].append((point, point.state or "on_the_way"))
        else:
            nameless[point.deliverer].append(point)
    for order, periods in had.items():
        for deliverer, begin, end in periods:
            until = end if end is not None else day_of(begin) + OPEN_DATES * DAY_US
            of_order[order] += [(point, "on_the_way") for point in nameless[deliverer] if begin <= point.fix_us < until]
    return of_order


def trips_of(order, points):
    trips, before = [], None
    for point, state in sorted(points, key=lambda one: (one[0].fix_us, one[0].key)):
        is_new = before is None or before[0].fix_us < day_of(point.fix_us) - DAY_US
        if is_new or before[1] == "arrived" or (state == "start" and before[1] != "start"):
            counts = is_new or before[1] != "arrived" or state == "start"
            trips.append({"order": order, "counts": counts, "start_us": point.fix_us, "end_us": point.fix_us, "locations": 1,
                          "metres": 0.0, "states": {state: point.fix_us}})
        elif point.fix_us < day_of(trips[-1]["start_us"]) + 2 * DAY_US:
            trip, way = trips[-1], metres(before[0].place, point.place)
            if way <= FASTEST_MPS * max((point.fix_us - before[0].fix_us) / 1e6, 1):
                trip["metres"] += way
            trip["locations"] += 1
            trip["end_us"] = point.fix_us
            trip["states"].setdefault(state, point.fix_us)
        before = point, state
    return [trip for trip in trips if trip.pop("counts")]


def close(trips, closed):
    """Delivered: it arrived, or was closed while it was the order's."""
    for trip, after in zip(trips, trips[1:] + [None]):
        at = closed.get(trip["order"])
        if at is not None and trip["start_us"] <= at < day_of(trip["start_us"]) + 2 * DAY_US and (after is None or at < after["start_us"]):
            trip["states"]["closed"] = at
        trip["delivered_us"] = trip["states"].get("arrived", trip["states"].get("closed"))


def recount(locations, commands):
    points = once(rows_of(locations))
    follow(points)
    had, closed = assignments(rows_of(commands))
    trips = []
    for order, its in sorted(points_of_orders(points, had).items()):
        of_order = trips_of(order, its)
        close(of_order, closed)
        trips += of_order
    dates = collections.defaultdict(lambda: collections.Counter())
    hours = collections.defaultdict(lambda: collections.Counter())
    for point in points:
        date = dates[date_of(point.fix_us)]
        for flag in ("is_zero", "is_clock", "is_low_accuracy", "is_jump"):
            date[flag] += getattr(point, flag)
        date["locations"] += 1
        date["repeats"] += point.repeats
        date["metres"] += point.way or 0
        hour = hours[str(point.fix_us - point.fix_us % HOUR_US)]
        hour["locations"] += 1
        hour["kilometres"] += 0 if point.is_jump else (point.way or 0) / 1000
    for trip in trips:
        if trip["delivered_us"] is not None:
            hours[str(trip["delivered_us"] - trip["delivered_us"] % HOUR_US)]["deliveries"] += 1
    return {"dates": dates, "hours": hours, "trips": trips}


if __name__ == "__main__":
    print(json.dumps(recount(*sys.argv[1:3])))
