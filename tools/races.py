"""tools/races.py: reads ThreadSanitizer's reports and leaves out the races that it cannot judge.

Debian builds its libraries without it. Of what they do to memory it sees where they allocate, copy, compare, set and free, and
of what orders that the locks and not the atomics; so it takes for races what is none, and more of it the longer it looks. A
race counts when both sides of it are code that is built with it, whoever has called that code, and the memory is not the
library's own. A file of suppressions cannot say this: it looks at all frames of a stack, and RocksDB's stand below all of ours
that it calls.
"""
import re

# Those that were seen to order their memory by atomics.
LIBRARIES = (
    "librocksdb.so",  # rows in memory, counts of readers, the queue of writers, what is made at its first use
    "libzstd.so",  # its contexts, which RocksDB lends to one thread after the other
)
ACTING_FOR_OTHERS = ("libtsan.so", "libstdc++.so")  # the frame that counts is the one that called them
SEPARATOR = "==================\n"
TALLY = re.compile(r"ThreadSanitizer: reported \d+ warnings")
FRAME = re.compile(r"^ +#\d+ .*\(([^()]+)\+0x[0-9a-f]+\)", re.MULTILINE)
ACCESS_OR_MEMORY = re.compile(r"^  .*(of size \d+ at 0x|Location is )", re.MULTILINE)


def by_a_library(stack):
    modules = FRAME.findall(stack)
    acting = [module for module in modules if not module.startswith(ACTING_FOR_OTHERS)]
    if not acting:
        return bool(modules)  # code of ours would be among the frames, as it is built with ThreadSanitizer
    return acting[0].startswith(LIBRARIES)


def counts(report):
    if TALLY.fullmatch(report.strip()):
        return False
    if "WARNING: ThreadSanitizer: data race" not in report:
        return True
    return not any(by_a_library(part) for part in report.split("\n\n") if ACCESS_OR_MEMORY.search(part))


def that_count(text):
    """The reports in what ThreadSanitizer wrote."""
    return [report for report in text.split(SEPARATOR) if report.strip() and counts(report)]
