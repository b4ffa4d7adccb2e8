"""Each rule of tools/tidy.py sees the fault that it is for, and is silent on a tree without faults."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import tidy  # noqa: E402


def good_tree():
    files = {
        "src/base/clock.h": "// base/clock.h — where time comes from.\n#pragma once\n#include <chrono>\n",
        "src/base/clock.cc": '#include "base/clock.h"\n#include <sys/stat.h>\n#include <spdlog/spdlog.h>\nauto t = std::chrono::system_clock::now();\n',
        "src/store/rocks/rocks.cc": '#include <rocksdb/db.h>\n#include "wire/record.h"\n#include "store/store.h"\n',
        "src/store/store_test.cc": "#include <gtest/gtest.h>\n",
        "src/store/store_contract.h": "// store/store_contract.h — what every store does.\n#pragma once\n#include <gtest/gtest.h>\n",
        "src/wire/json_fuzz.cc": '#include "wire/json.h"\n',
        "tests/corpus/json_fuzz/empty_object": "{}",
        "docs/ARCHITECTURE.md": "".join(
            f"| `{room}` | something | {knows or '–'} |\n" for room, knows in tidy.ROOMS.items()),
        "README.md": "[how it is built](docs/ARCHITECTURE.md#rooms) [elsewhere](https://example.org/x)\n",
        "LICENSE": "free\n",
        "CHANGELOG.md": "new\n",
    }
    for room, knows in tidy.ROOMS.items():
        files[f"src/{room}/CMakeLists.txt"] = f"room({room}{' KNOWS ' + knows if knows else ''} LINKS ${{X}} y::z)\n"
        files.setdefault(f"src/{room}/some.cc", f'#include "{room}/some.h"\n')
    return files


def problems(tmp_path, changes):
    for name, text in (good_tree() | changes).items():
        if text is None:
            continue
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    tree = tidy.Tree(tmp_path)
    return [(rule.__name__, problem) for rule in tidy.RULES for problem in rule(tree)]


def test_a_tree_without_faults_has_no_problems(tmp_path):
    assert problems(tmp_path, {}) == []


ARCHITECTURE = good_tree()["docs/ARCHITECTURE.md"]
HEADER = "// base/x.h — a thing.\n#pragma once\n"
FAULTS = [
    ("rooms_include_only_what_the_table_allows", "src/domain/x.cc", '#include "store/store.h"\n'),
    ("rooms_include_only_what_the_table_allows", "src/base/x.cc", '#include "domain/geo.h"\n'),
    ("rooms_include_only_what_the_table_allows", "src/wire/x.cc", '#include "clock.h"\n'),
    ("rooms_are_linked_as_the_table_says", "src/wire/CMakeLists.txt", "room(wire KNOWS domain base store LINKS x)\n"),
    ("rooms_are_linked_as_the_table_says", "src/domain/CMakeLists.txt", None),
    ("rooms_are_linked_as_the_table_says", "src/attic/x.cc", "int x;\n"),
    ("architecture_names_the_rooms", "docs/ARCHITECTURE.md", ARCHITECTURE.replace("| `wire` |", "| wire |")),
    ("architecture_names_the_rooms", "docs/ARCHITECTURE.md", ARCHITECTURE.replace("| domain base |", "| domain |")),
    ("architecture_names_the_rooms", "docs/ARCHITECTURE.md", ARCHITECTURE + "| `attic` | old things | base |\n"),
    ("third_party_headers_stay_with_their_adapters", "src/store/x.cc", "#include <boost/asio.hpp>\n"),
    ("third_party_headers_stay_with_their_adapters", "src/store/memory.cc", "#include <rocksdb/db.h>\n"),
    ("third_party_headers_stay_with_their_adapters", "src/wire/json.h",
     "// wire/json.h — JSON.\n#pragma once\n#include <simdjson.h>\n"),
    ("third_party_headers_stay_with_their_adapters", "src/base/x.cc", "#include <gtest/gtest.h>\n"),
    ("third_party_headers_stay_with_their_adapters", "src/base/x.cc", "#include <openssl/evp.h>\n"),
    ("only_base_asks_the_system", "src/store/x.cc", "auto x = dlopen(name, RTLD_NOW);\n"),
    ("only_base_asks_the_system", "src/wire/x.cc", "auto t = std::chrono::steady_clock::now();\n"),
    ("only_base_asks_the_system", "src/app/x.cc", 'auto* v = getenv("HOME");\n'),
    ("only_base_asks_the_system", "src/serve/x.cc", "std::random_device device;\n"),
    ("only_base_asks_the_system", "src/journal/x.cc", "int f = ::open(path, 0);\n"),
    ("only_base_asks_the_system", "src/journal/x.cc", "std::ifstream in(path);\n"),
    ("headers_say_what_they_are_for", "src/base/x.h", "#pragma once\n"),
    ("headers_say_what_they_are_for", "src/base/x.h", "// base/y.h — a thing.\n#pragma once\n"),
    ("headers_say_what_they_are_for", "src/base/x.h", "// base/x.h — a thing.\n"),
    ("files_are_short_enough_to_read", "src/base/x.h", HEADER + "\n" * 149),
    ("files_are_short_enough_to_read", "src/base/x.cc", "\n" * 801),
    ("names_say_what_things_are", "src/base/x.cc", "class StoreManager {};\n"),
    ("names_say_what_things_are", "src/base/x.cc", "struct TimeUtils {};\n"),
    ("names_say_what_things_are", "src/base/x.cc", "void json_helper();\n"),
    ("names_say_what_things_are", "docs/x.md", "TODO: write it\n"),
    ("names_say_what_things_are", "script/x", "# a placeholder\n"),
    ("nothing_depends_on_one_machine", "bench/x.py", 'DATA = "/home/me/data"\n'),
    ("links_lead_somewhere", "README.md", "[gone](docs/GONE.md)\n"),
    ("links_lead_somewhere", "LICENSE", None),
    ("fuzzers_have_a_corpus", "src/wire/gpx_fuzz.cc", "int x;\n"),
]


@pytest.mark.parametrize("rule,path,text", FAULTS, ids=[f"{f[0]}-{number}" for number, f in enumerate(FAULTS)])
def test_a_rule_sees_its_fault_and_no_other_does(tmp_path, rule, path, text):
    assert {name for name, _ in problems(tmp_path, {path: text})} == {rule}


@pytest.mark.parametrize("path,text", [
    ("src/serve/x.cc", "#include <boost/asio/impl/src.hpp>\n#include <sys/socket.h>\n"),
    ("src/base/x_test.cc", "auto t = std::chrono::steady_clock::now();\n"),
    ("src/base/x.cc", "// it implements what the utility needs\nint simple_implementation;\n"),
    ("src/journal/x.cc", "// not system_clock::now(): tests set the clock\nauto f = files.open(path);\n"),
    ("src/base/x.h", HEADER + "\n" * 148),
    ("src/serve/x.cc", "void on_body_impl() override;\n"),
    ("build/dev/x.cc", "class StoreManager {};\n"),
])
def test_what_only_looks_like_a_fault_is_allowed(tmp_path, path, text):
    assert problems(tmp_path, {path: text}) == []


def test_a_header_that_only_tests_include_may_do_what_tests_may(tmp_path):
    probe = {"src/wire/probe.h": "// wire/probe.h — for tests.\n#pragma once\n#include <gtest/gtest.h>\nauto* v = getenv(name);\n",
             "src/wire/a_test.cc": '#include "wire/probe.h"\n'}
    assert problems(tmp_path, probe) == []
    found = problems(tmp_path, probe | {"src/wire/b.cc": '#include "wire/probe.h"\n'})
    assert {name for name, _ in found} == {"third_party_headers_stay_with_their_adapters", "only_base_asks_the_system"}


def test_the_ratchet_lets_an_oversized_file_shrink_only(tmp_path, monkeypatch):
    monkeypatch.setitem(tidy.OVERSIZED, "src/base/x.cc", 900)
    assert problems(tmp_path, {"src/base/x.cc": "\n" * 900}) == []
    assert [rule for rule, _ in problems(tmp_path, {"src/base/x.cc": "\n" * 901})] == ["files_are_short_enough_to_read"]
    assert "lower 900" in problems(tmp_path, {"src/base/x.cc": "\n" * 850})[0][1]
