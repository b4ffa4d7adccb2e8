"""bench/report.py — figures become tables and are held against goals; nothing here measures."""
import collections
import math
import statistics

# A part of the benchmark: measure(stage) gives what it found, as JSON has it; text(found) and goals(found) say it.
Part = collections.namedtuple("Part", "name title measure text goals")


class Goal:
    """A figure that is wanted: at least or at most so much. `figure` is None where it was not measured."""

    def __init__(self, what, figure, unit="", *, least=None, most=None, beside=""):
        self.what, self.figure, self.unit, self.least, self.most, self.beside = what, figure, unit, least, most, beside

    def met(self):
        if self.figure is None:
            return None
        return self.figure >= self.least if self.least is not None else self.figure < self.most

    def row(self, part):
        wanted = f"≥ {number(self.least)}" if self.least is not None else f"< {number(self.most)}"
        figure = "not measured" if self.figure is None else f"{number(self.figure)}{self.unit}"
        met = {None: "–", True: "yes", False: "**no**"}[self.met()]
        return [self.what, wanted + self.unit, figure, self.beside or "–", met, f"`script/bench --only {part}`"]


GOAL_HEAD = ["what", "goal", "figure", "beside", "met", "by"]


def number(value):
    """Three digits: as many as say something."""
    if value is None:
        return "–"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    said = f"{value:.{2 - math.floor(math.log10(abs(value)))}f}"
    return said.rstrip("0").rstrip(".") if "." in said else said


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def middle(results, what):
    return statistics.median(result[what] for result in results)


def ratio(ours, theirs, what="per_s"):
    """Of the rounds, each with its neighbour: the machine's own speed drifts more between minutes than they differ."""
    return statistics.median(a[what] / b[what] for a, b in zip(ours, theirs))


def bad(results):
    return sum(result["bad_status"] + result["broken"] for result in results)


def spread(results, what="per_s"):
    values = [result[what] for result in results]
    return f"{statistics.median(values):,.0f}" + (f" ({min(values):,.0f} – {max(values):,.0f})" if len(values) > 1 else "")


def groups_of(results):
    """{group of threads: [µs in user mode, µs in the kernel, both of its busiest thread]}, medians of the runs, the busiest first."""
    names = {name for result in results for name in result["threads"]}
    found = {name: [statistics.median(result["threads"].get(name, [0, 0, 0])[which] for result in results) for which in range(3)]
             for name in names}
    return dict(sorted(found.items(), key=lambda item: -item[1][0] - item[1][1]))


def threads(results, locations=1):
    return ", ".join(f"{name} {number(user / locations)} + {number(system / locations)}"
                     for name, (user, system, _) in groups_of(results).items() if user + system >= 0.01 * locations)


AFTER_THE_ANSWER = ("subscribe", "keep", "rocksdb", "lake", "transform")  # how the names begin of threads that no answer to a POST waits for


def on_free_cores(results):
    """Requests a second that the busiest thread on the way to the answer would do, were it never without a core."""
    busiest = max((used[2] for name, used in groups_of(results).items() if not name.startswith(AFTER_THE_ANSWER)), default=0)
    return 1e6 / busiest if busiest else None


def quantile(buckets, share):
    """Upper bound of the bucket in which this share of [(upper bound, observations up to it)] lies; None where there are none."""
    total = buckets[-1][1] if buckets else 0
    return next((bound for bound, count in buckets if count >= share * total), None) if total else None


def shares(values):
    """Median and 99th percentile; None where there are no values."""
    ordered = sorted(values)
    return [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99)] if ordered else [None, None]
