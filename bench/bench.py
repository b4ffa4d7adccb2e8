#!/usr/bin/env python3
"""bench/bench.py — measures the release on this machine and writes bench/results.md, with what it found in bench/results.json.

Each part can be measured alone; the report holds the newest of each.
"""
import argparse
import datetime
import json
import pathlib
import shlex
import sys
import tempfile

import brokers
import curves
import glue
import lake
import live
import rows
import size
from report import GOAL_HEAD, table
from stage import MILLION, ROOT, Stage, build, commit, machine

PARTS = {part.name: part for theme in (rows, size, curves, live, lake, brokers, glue) for part in theme.PARTS}
SIZES = (MILLION // 10, MILLION, 10 * MILLION)  # of the curve; --big adds 100 million
QUICK = {"seconds": 1, "rounds": 1, "kept": MILLION, "sizes": SIZES[:2], "viewers": 1000, "idle_viewers": 5000}
WHOLE = {"seconds": 10, "rounds": 3, "kept": 10 * MILLION, "sizes": SIZES, "viewers": 10_000, "idle_viewers": 100_000}

HEAD = """# What one machine does

Written by `script/bench`, which measures the release beside others that get the same load in the same minutes, in turns first.
Load, peers and server share the machine: what is found here is what is left for the server. Figures are medians of the rounds, the
range in brackets. *Bad*: answers other than 2xx, and broken connections. `script/bench --quick` takes about three minutes, `--only`
measures some parts again. [docs/SPEED.md](../docs/SPEED.md) says where the time goes, and what stands between the figures and the goals.

- machine: {machine}

"""


def report(results):
    parts = [(part, results["parts"][name]) for name, part in PARTS.items() if name in results["parts"]]
    goals = [goal.row(part.name) for part, was in parts for goal in part.goals(was["found"])]
    text = HEAD.format(machine=results["machine"]) + "## Against the goals\n\n" + table(GOAL_HEAD, goals)
    for part, was in parts:
        text += (f"\n## {part.title}\n`{was['command']}`: {was['rounds']} × {was['seconds']} s; {was['build']}, commit {was['commit']}, "
                 f"{was['date']}\n\n{part.text(was['found'])}")
    return text


def asked_for():
    arguments = argparse.ArgumentParser(prog="script/bench", description=__doc__.splitlines()[0])
    arguments.add_argument("--quick", action="store_true", help="small and short: shows that it works, not how fast it is")
    arguments.add_argument("--big", action="store_true", help="also with 100 million locations kept: 20 GB of disk, a long time")
    arguments.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    for name, what in (("seconds", "of each run"), ("rounds", "of each figure"), ("kept", "locations kept where there are many"),
                       ("viewers", "of moving orders"), ("idle-viewers", "of orders that stand")):
        arguments.add_argument(f"--{name}", type=int, help=what)
    arguments.add_argument("--results", type=pathlib.Path, default=ROOT / "bench" / "results.md",
                           help="the report; its figures beside it as .json")
    arguments.add_argument("--images", type=pathlib.Path, default=curves.IMAGES, help="folder of the curves")
    asked = arguments.parse_args()
    unknown = sorted(set(asked.only.split(",")) - set(PARTS))
    if unknown:
        arguments.error(f"there is no part {', '.join(unknown)}")
    options = QUICK if asked.quick else WHOLE
    options |= {name: getattr(asked, name) for name in options if getattr(asked, name, None) is not None}
    if asked.big:
        options |= {"sizes": (*options["sizes"], 100 * MILLION)}
    return asked, options


def main():
    asked, options = asked_for()
    figures = asked.results.with_suffix(".json")
    results = json.loads(figures.read_text()) if figures.exists() else {"parts": {}}
    (ROOT / "build").mkdir(exist_ok=True)
    about = {"command": shlex.join(["script/bench", *sys.argv[1:]]), "build": build(), "commit": commit(),
             "date": datetime.date.today().isoformat(), "seconds": options["seconds"], "rounds": options["rounds"]}
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="bench-") as name:
        stage = Stage(pathlib.Path(name), **options)
        results["machine"] = machine(stage.folder)
        for part in [part for name, part in PARTS.items() if name in asked.only.split(",")]:
            print(f"== {part.name}: {part.title}", flush=True)
            found = json.loads(json.dumps(part.measure(stage)))
            results["parts"][part.name] = {**about, "found": found}
            if part.name in curves.PANELS:
                asked.images.mkdir(exist_ok=True)
                (asked.images / f"curve_{part.name}.svg").write_text(curves.draw(part.name, found))
            figures.write_text(json.dumps(results, indent=1) + "\n")
            asked.results.write_text(report(results))
    print(f"written: {asked.results}")
    return 1 if "**fails**" in asked.results.read_text() else 0


if __name__ == "__main__":
    sys.exit(main())
