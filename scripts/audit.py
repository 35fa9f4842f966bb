"""Ask whether a package that the image is built of, or with, is known to be vulnerable.

One that is fails the check. A database that cannot be reached does not, but is told loudly; with
VENEER_AUDIT=required it fails, too. Arguments go to pip-audit, such as `--ignore-vuln ID`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_LOCKS = [
    str(Path(__file__).parents[1] / "requirements" / f"{name}.txt") for name in ("image", "build")
]
_PIP_AUDIT = [
    *(sys.executable, "-m", "pip_audit", "--progress-spinner=off", "--format=json", "--desc=off"),
    *("--disable-pip", "--require-hashes", *(f"--requirement={lock}" for lock in _LOCKS)),
]
# PyPI's own database answers "not found" where only a mirror of the index is at hand, and pip-audit
# takes that for "not vulnerable".
_DATABASE = "--vulnerability-service=osv"
_LOUD = """
================================================================================
  NOT AUDITED: the database does not answer. Nobody knows whether what the image
  is built of is known to be vulnerable.
  {}
  Run `hatch run audit` where the database can be reached.
================================================================================"""


def main() -> int:
    """Audit what is locked, and give the exit status."""
    audit = _run(*sys.argv[1:])
    try:
        packages = json.loads(audit.stdout)["dependencies"]
    except ValueError:
        return _explain(audit.stderr)
    vulnerable = [package for package in packages if package.get("vulns")]
    for package in vulnerable:
        sys.stderr.writelines(f"{line}\n" for line in _lines(package))
    if vulnerable:
        return 1
    sys.stdout.write(f"{len(packages)} packages, none of them known to be vulnerable\n")
    return 0


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  The arguments are the caller's own.
        [*_PIP_AUDIT, *arguments, _DATABASE], capture_output=True, text=True, check=False
    )


def _lines(package: dict[str, Any]) -> list[str]:
    name, version = package["name"], package["version"]
    return [
        f"{name} {version}: {vulnerability['id']}, "
        f"mended in {', '.join(vulnerability['fix_versions']) or 'no version'}"
        for vulnerability in package["vulns"]
    ]


def _explain(trouble: str) -> int:
    """Tell a database that gives no answer from all else that may go wrong, and give the status."""
    dry = _run("--dry-run", *sys.argv[1:])
    if dry.returncode != 0:
        sys.stderr.write(dry.stderr)
        return dry.returncode
    last_line = trouble.rstrip().rpartition("\n")[2]
    sys.stderr.write(_LOUD.format(last_line) + "\n")
    return int(os.environ.get("VENEER_AUDIT") == "required")


if __name__ == "__main__":
    sys.exit(main())
