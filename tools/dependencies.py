#!/usr/bin/env python3
"""tools/dependencies.py — the installed versions of our libraries beside those that docs/SECURITY.md has judged; 1 where they differ."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def judged(text):
    """Package to version, from the table of docs/SECURITY.md."""
    section = text.split("## Dependencies and their known vulnerabilities")[1]
    return dict(re.findall(r"^\| `([^`]+)` \| (\S+) \|", section, re.M))


def installed(packages):
    shown = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages], capture_output=True, text=True)
    return dict(line.split(" ", 1) for line in shown.stdout.splitlines())


def differences(listed, found):
    for package, version in listed.items():
        if found.get(package) != version:
            yield f"{package}: judged {version}, installed {found.get(package) or 'not at all'}"


def main():
    listed = judged((ROOT / "docs" / "SECURITY.md").read_text())
    found = installed(listed)
    for package, version in listed.items():
        print(f"{package:24} judged {version:24} installed {found.get(package, '-')}")
    differing = list(differences(listed, found))
    print("\n".join(["", *differing]) if differing else "\nall as judged")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
