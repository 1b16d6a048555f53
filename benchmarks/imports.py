"""Seconds to import the library and to print its version, in new processes of Python.

    python benchmarks/imports.py [--runs 9] [--modules 10]

The median counts. Below the table stand the modules that take most of the time by ``-X importtime``.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

#: Most milliseconds of ``import cssv``.
BOUND_MS = 60


def import_times(code: str) -> dict[str, tuple[float, float]]:
    """Module -> milliseconds by itself and with all that it imports, from ``python -X importtime``."""
    command = [sys.executable, "-X", "importtime", "-c", code]
    lines = subprocess.run(command, capture_output=True, check=True, text=True).stderr.splitlines()
    rows = (line.removeprefix("import time:").split("|") for line in lines if "|" in line)
    return {
        name.strip(): (int(own) / 1000, int(total) / 1000)
        for own, total, name in rows
        if own.strip().isdigit()
    }


def wall_ms(*arguments: str) -> float:
    """Milliseconds of a whole process of Python."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
    return (time.perf_counter() - start) * 1000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--modules", type=int, default=10)
    options = parser.parse_args()
    # The first run of each fills the caches of compiled code and of the disk.
    imports = [import_times("import cssv") for _ in range(options.runs + 1)][1:]
    bare, version = (
        [wall_ms(*arguments) for _ in range(options.runs + 1)][1:]
        for arguments in (("-c", "pass"), ("-m", "cssv_cli", "--version"))
    )
    median = statistics.median(run["cssv"][1] for run in imports)
    print("| what | median ms | bound |\n|---|---|---|")
    print(f"| `import cssv`, by importtime | {median:.1f} | < {BOUND_MS} |")
    print(f"| `cssv --version`, whole process | {statistics.median(version):.0f} | |")
    print(f"| `python -c pass`, whole process | {statistics.median(bare):.0f} | |")
    # What Python loads in any case is not counted.
    loaded = set(imports[0]) - set(import_times("pass"))
    print(f"\nModules that `import cssv` loads ({len(loaded)}), by their own milliseconds:")
    own = {name: statistics.median(run.get(name, (0, 0))[0] for run in imports) for name in loaded}
    for name, spent in sorted(own.items(), key=lambda item: -item[1])[: options.modules]:
        print(f"  {spent:6.2f}  {name}")


if __name__ == "__main__":
    main()
