#!/usr/bin/env python3
"""tools/tidy.py — the rules of the house that a compiler does not see: each a function, counted as a test by script/test."""
import pathlib
import re
import sys

# Which rooms a room may include: the table of docs/ARCHITECTURE.md and the KNOWS of each room's CMakeLists.txt.
ROOMS = {
    "base": "",
    "domain": "base",
    "wire": "domain base",
    "journal": "base",
    "broker": "base",
    "store": "wire domain base",
    "ingest": "store broker journal wire domain base",
    "backup": "ingest store broker journal wire domain base",
    "notify": "store wire domain base",
    "lake": "ingest store broker journal wire domain base",
    "transform": "lake wire base",
    "serve": "ingest store broker journal wire domain base",
    "app": "transform lake notify backup serve ingest store broker journal wire domain base",
}
# Third-party headers, by how their include begins, and the only places (below src/) whose .cc files may name them.
THIRD_PARTY = {
    "boost/": ["serve", "app/bench"], "jwt.h": ["serve"], "sodium.h": ["serve", "notify", "base"], "rocksdb/": ["store/rocks"], "gtest/": [],  # gtest: tests only, anywhere
    "simdjson.h": ["wire", "app"], "rapidjson/": ["wire"], "zlib.h": ["wire", "app"], "zstd.h": ["wire"],
    "openssl/": ["serve", "lake/s3"], "pugixml.hpp": ["wire", "lake/s3"], "csv.h": ["wire"], "curl/": ["app", "notify", "lake/s3"], "CLI/": ["app"], "qrencode.h": ["app"], "toml++/": ["app", "transform"],
    "spdlog/": ["base"], "fmt/": ["base"], "prometheus/": ["base"], "isa-l": ["base"], "xxhash.h": ["base"],
    "systemd/": ["base"], "parquet/": ["lake/parquet"], "arrow/": ["lake/parquet"], "duckdb.h": ["transform/duckdb"], "libpq-fe.h": ["transform/postgres"], "s2/": ["lake"],
    "librdkafka/": ["broker/kafka"], "mosquitto.h": ["broker/mqtt"], "mqtt_protocol.h": ["broker/mqtt"], "mongoc/": ["store/mongo"],
}
# The operating system's own headers. Files, time and randomness are asked for in base only; sockets and signals elsewhere.
SYSTEM = re.compile(r"(sys|netinet|netdb|arpa|linux|cxxabi|dlfcn|fcntl|unistd|signal|poll|pthread|errno|dirent|termios|stdlib)\b")
ASKS_THE_SYSTEM = {
    r"(system|steady|high_resolution)_clock::now|gettimeofday|clock_gettime|\btime\(nullptr\)": "Clock of base/clock.h",
    r"\bgetenv\b": "environment_variable() of base/environment.h",
    r"\bdl(open|sym)\b": "late() of base/late.h",
    r"\brandom_device\b|\bmt19937|\brand\(\)": "random_seed() and Random of base/random.h",
    r"\bfopen\(|\b[io]?fstream\b|(?<![\w>])::(open|creat|unlink|rename|mkdir)\(|std::filesystem": "Files of base/files.h",
}
BANNED = {
    r"\w*(?:Manager|Helper|Utils?|Impl)(?![a-z])\w*|\w+_(?:manager|helper|utils?|impl)\b": "name it after what it holds or does",
    r"TODO|FIXME|XXX|HACK": "do it now, or write an issue",
    r"[Pp]laceholders?": "leave a clean port, or build it",
}
NAMES_OF_OTHERS = re.compile(r"on_\w+_impl|write_buffer_manager|WriteBufferManager|locationManager\w+")  # Beast's, RocksDB's, OwnTracks'
MACHINE_PATH = re.compile(r"(?<![\w.])/(work|root|home/\w+)/\w")
SPEAKS_OF_BANNED_WORDS = re.compile(r"tools/tidy\.py|tests/tools/test_tidy\.py")
HEADER_LINES_MAX, SOURCE_LINES_MAX = 150, 800  # functions: readability-function-size in .clang-tidy
# Files that were over the ceiling when it was set. A number here may only go down; delete the line when the file fits.
OVERSIZED = {}


class Tree:
    """The text files of a checkout, without what builds leave behind."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.files = {}
        for path in sorted(self.root.rglob("*")):
            name = path.relative_to(self.root).as_posix()
            if re.match(r"(build|data|\.(?!ci/)[^/]+)/|tests/corpus/\w+/|.*__pycache__", name) or not path.is_file():
                continue
            try:
                self.files[name] = path.read_text()
            except UnicodeDecodeError:
                pass  # a picture or a font

    def below(self, pattern):
        return [(name, text) for name, text in self.files.items() if re.fullmatch(pattern, name)]

    def code(self):
        """(path, room, text) of every C++ file of a room."""
        return [(name, name.split("/")[1], text) for name, text in self.below(r"src/\w+/.*\.(h|cc)")]

    def is_test(self, name):
        """A test, or a header that only tests include."""
        users = [user for user, _, text in self.code() if f'"{name[4:]}"' in text and user != name]
        return bool(re.search(r"_(test|fuzz|bench)\.cc$|_contract\.h$", name) or users and all(map(self.is_test, users)))


def lines_with(pattern, text):
    return [(number, match.group(0)) for number, line in enumerate(text.splitlines(), 1)
            for match in re.finditer(pattern, line)]


def rooms_include_only_what_the_table_allows(tree):
    for name, room, text in tree.code():
        for number, line in lines_with(r'^#include "[^"]*"', text):
            other = line[10:-1].split("/")[0]
            if other != room and other not in ROOMS.get(room, "").split():
                yield f"{name}:{number}: {room} must not include {line[10:-1]}; it may include {ROOMS.get(room) or 'nothing'}"


def rooms_are_linked_as_the_table_says(tree):
    found = sorted({room for _, room, _ in tree.code()})
    if found != sorted(ROOMS):
        yield f"src holds the rooms {found}, the table in tools/tidy.py {sorted(ROOMS)}"
    for room, knows in ROOMS.items():
        text = tree.files.get(f"src/{room}/CMakeLists.txt", "")
        call = re.search(r"room\((\w+)(?: KNOWS ([\w ]+?))?(?: (?:LINKS|LATE) [^)]*)?\)", text)
        if not call or call[1] != room or (call[2] or "") != knows:
            yield f"src/{room}/CMakeLists.txt: must say room({room} KNOWS {knows} …), as the table in tools/tidy.py"


def architecture_names_the_rooms(tree):
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", tree.files.get("docs/ARCHITECTURE.md", ""), re.M)
    said = {room: " ".join(knows.split()).strip("–") for room, knows in rows}
    for room, knows in ROOMS.items():
        if said.get(room) != knows:
            yield f"docs/ARCHITECTURE.md: the row of `{room}` must end in | {knows or '–'} |, not | {said.get(room)} |"
    for room in said.keys() - ROOMS.keys():
        yield f"docs/ARCHITECTURE.md: there is no room `{room}`"


def third_party_headers_stay_with_their_adapters(tree):
    for name, _, text in tree.code():
        for number, line in lines_with(r"^#include <[^>]*>", text):
            header = line[10:-1]
            if re.fullmatch(r"\w+", header) or SYSTEM.match(header):
                continue
            places = next((places for start, places in THIRD_PARTY.items() if header.startswith(start)), None)
            if places is None:
                yield f"{name}:{number}: <{header}> is not in the table of third-party headers in tools/tidy.py"
            elif header.startswith("gtest/"):
                if not tree.is_test(name):
                    yield f"{name}:{number}: <{header}> belongs into tests"
            elif name.endswith(".h"):
                yield f"{name}:{number}: <{header}> in a header; name it in the adapter's .cc only"
            elif not any(name.startswith(f"src/{place}/") for place in places):
                yield f"{name}:{number}: <{header}> belongs to {' and '.join(places)}"


def only_base_asks_the_system(tree):
    for name, room, text in tree.code():
        for pattern, instead in ASKS_THE_SYSTEM.items() if room != "base" else ():
            for number, word in lines_with(pattern, re.sub(r"//.*", "", text)):
                if not tree.is_test(name):
                    yield f"{name}:{number}: {word}: use {instead}"


def headers_say_what_they_are_for(tree):
    for name, text in tree.below(r"src/.*\.h"):
        if not re.match(rf"// {re.escape(name[4:])} — \S", text):
            yield f"{name}:1: must begin: // {name[4:]} — one sentence: what it is for"
        if text.count("#pragma once\n") != 1:
            yield f"{name}: needs #pragma once"


def files_are_short_enough_to_read(tree):
    for name, text in tree.below(r"(src|tests|tools)/.*\.(h|cc|py)"):
        lines, limit = text.count("\n"), HEADER_LINES_MAX if name.endswith(".h") else SOURCE_LINES_MAX
        allowed = OVERSIZED.get(name, limit)
        if lines > allowed:
            yield f"{name}: {lines} lines, at most {allowed}"
        elif lines < allowed and allowed > limit:
            yield f"tools/tidy.py: OVERSIZED: {name} has {lines} lines now; lower {allowed} to that"


def names_say_what_things_are(tree):
    for name, text in tree.files.items():
        for pattern, instead in BANNED.items() if not SPEAKS_OF_BANNED_WORDS.match(name) else ():
            for number, word in lines_with(rf"\b(?:{pattern})\b", re.sub(r"^#include.*", "", text, flags=re.M)):
                if not NAMES_OF_OTHERS.fullmatch(word):
                    yield f"{name}:{number}: {word}: {instead}"


def nothing_depends_on_one_machine(tree):
    for name, text in tree.files.items():
        for number, path in lines_with(MACHINE_PATH, text) if not SPEAKS_OF_BANNED_WORDS.match(name) else ():
            yield f"{name}:{number}: {path}…: a path of one machine"


def links_lead_somewhere(tree):
    for name, text in tree.below(r".*\.md"):
        for number, link in lines_with(r"\]\([^)\s]+\)", text):
            target = link[2:-1].split("#")[0]
            if target and not re.match(r"\w+:", target) and not (tree.root / name).parent.joinpath(target).exists():
                yield f"{name}:{number}: {target} is not there"
    for name in ("LICENSE", "README.md", "CHANGELOG.md"):
        if name not in tree.files:
            yield f"{name} is missing"


def fuzzers_have_a_corpus(tree):
    for name, _ in tree.below(r"src/.*_fuzz\.cc"):
        corpus = tree.root / "tests" / "corpus" / pathlib.Path(name).stem
        if not corpus.is_dir() or not any(corpus.iterdir()):
            yield f"{name}: needs a few files in tests/corpus/{corpus.name}/"


RULES = [rooms_include_only_what_the_table_allows, rooms_are_linked_as_the_table_says, architecture_names_the_rooms,
         third_party_headers_stay_with_their_adapters, only_base_asks_the_system, headers_say_what_they_are_for,
         files_are_short_enough_to_read, names_say_what_things_are, nothing_depends_on_one_machine, links_lead_somewhere,
         fuzzers_have_a_corpus]


def main():
    tree = Tree(pathlib.Path(__file__).resolve().parent.parent)
    problems = [problem for rule in RULES for problem in rule(tree)]
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
