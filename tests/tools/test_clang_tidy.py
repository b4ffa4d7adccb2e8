"""tools/clang_tidy.py looks again at exactly what has changed, and never takes a file with findings for clean."""
import json
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import clang_tidy  # noqa: E402

NINJA = """rule cxx
  command = g++ -MD -MF $out.d -c $in -o $out
  deps = gcc
  depfile = $out.d
build one.o: cxx ../src/one.cc
build two.o: cxx ../src/two.cc
"""


@pytest.fixture
def tree(tmp_path, monkeypatch):
    for name, text in {
        ".clang-tidy": "Checks: '-*,modernize-use-nullptr'\nWarningsAsErrors: '*'\n",
        "src/one.h": "inline int one() { return 1; }\n",
        "src/one.cc": '#include "one.h"\nint first = one();\n',
        "src/two.cc": "int second = 2;\n",
        "build/build.ninja": NINJA,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    build = tmp_path / "build"
    (build / "compile_commands.json").write_text(json.dumps([
        {"directory": str(build), "file": str(tmp_path / "src" / f"{name}.cc"),
         "command": f"/usr/bin/g++ -c {tmp_path}/src/{name}.cc -o {name}.o"} for name in ("one", "two")]))
    clang_tidy.tool()  # out of the cache that all share
    monkeypatch.setattr(clang_tidy, "ROOT", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def run(tree, build="build"):
    subprocess.run(["ninja", "-C", tree / "build"], check=True, capture_output=True)
    findings, sources, checked = clang_tidy.run(tree / build)
    assert sources == 2
    return sorted(findings), checked


def test_only_what_has_changed_is_checked_again(tree):
    assert run(tree) == ([], 2)
    assert run(tree) == ([], 0)
    (tree / "src/one.h").write_text("inline int one() { return 11; }\n")
    assert run(tree) == ([], 1)
    (tree / ".clang-tidy").write_text("Checks: '-*,modernize-use-nullptr,modernize-use-override'\nWarningsAsErrors: '*'\n")
    assert run(tree) == ([], 2)


def test_a_finding_stays_until_it_is_mended(tree):
    (tree / "src/two.cc").write_text("int* second = 0;\n")
    assert run(tree) == (["src/two.cc"], 2)
    assert run(tree) == (["src/two.cc"], 1)
    (tree / "src/two.cc").write_text("int* second = nullptr;\n")
    assert run(tree) == ([], 1)


def test_what_was_not_built_is_checked_each_time(tree):
    assert clang_tidy.run(tree / "build")[2] == 2
    assert clang_tidy.run(tree / "build")[2] == 2
