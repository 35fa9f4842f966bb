"""A reader attaches a model by following the README alone."""

import subprocess
from pathlib import Path

from tests.checkout import environment, server
from tests.readme.readme import blocks, commands, curls, run_curl


def test_a_provider_written_by_following_the_readme_is_served(checkout: Path) -> None:
    subprocess.run(
        ["bash", "-c", commands("README.md")[0].partition(" && .venv/bin/veneer")[0]],
        cwd=checkout,
        env=environment(),
        check=True,
    )
    (toml,) = [text for language, text in blocks("README.md") if language == "toml"]
    (python,) = [text for language, text in blocks("README.md") if language == "python"]
    (checkout / "acme").mkdir()
    (checkout / "acme/pyproject.toml").write_text(toml)
    (checkout / "acme/veneer_providers_acme.py").write_text(python)
    (install,) = [command for command in commands("README.md") if "./acme &&" in command]

    with server(install, checkout):
        for command, language, shown in curls(acme=True):
            run_curl(command, language, shown)
