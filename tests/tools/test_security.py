"""Every library that we build with has been looked at for known vulnerabilities, and drift is seen."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import dependencies  # noqa: E402


def test_every_library_that_is_installed_to_build_with_is_judged():
    packages = re.findall(r"^\[build\]\n(.*?)\n\n", (ROOT / "tools/packages.txt").read_text(), re.M | re.S)[0].split()
    libraries = {package for package in packages if package.endswith("-dev")}
    listed = dependencies.judged((ROOT / "docs/SECURITY.md").read_text())
    assert libraries <= listed.keys(), libraries - listed.keys()


def test_a_version_that_has_changed_is_told():
    told = list(dependencies.differences({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "2.1"}))
    assert told == ["b: judged 2, installed 2.1", "c: judged 3, installed not at all"]


def test_the_tests_that_the_document_names_exist():
    named = re.findall(r"`((?:test_\w+|\w+_fuzz|[A-Z]\w+\.\w+))`", (ROOT / "docs/SECURITY.md").read_text())
    assert len(named) > 30
    python = "\n".join(path.read_text() for path in (ROOT / "tests").glob("*/test_*.py"))
    units = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*_test.cc"))
    for name in named:
        suite, _, case = name.partition(".")
        if name.startswith("test_"):
            assert f"def {name}(" in python, name
        elif case:
            assert re.search(rf"\({suite}, {case}\)", units), name
        else:
            assert list((ROOT / "src").rglob(f"{name}.cc")), name
