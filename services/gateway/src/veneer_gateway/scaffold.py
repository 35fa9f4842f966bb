"""A new provider package, written from the templates in `provider_template`."""

import re
import shlex
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

_DISTRIBUTION_PREFIX = "veneer-providers-"
_LONGEST_NAME = 24  # The package's own lines have the name in them, and end at 100.
_TAKEN = {"dummy", "gateway", "openai", "protocol", "veneer"}
_SUFFIX = ".jinja"  # Keeps our own tools from reading the templates as code.


class ScaffoldError(Exception):
    """The package cannot be written; the message says what would do."""


def write_provider(name: str, parent: Path) -> Path:
    """Write the package of the provider `name` into a new folder of `parent`, and give the folder.

    Raises:
        ScaffoldError: the name is no good, or there is something already.
        OSError: it cannot be written.
    """
    _check_name(name)
    folder = parent / f"{_DISTRIBUTION_PREFIX}{name}"
    if folder.is_symlink():
        raise ScaffoldError(f"{folder.name} is a symbolic link. Remove it, or take another name.")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ScaffoldError(f"{folder.name} exists already. Remove it, or take another name.")

    # Everything is rendered before anything is written.
    for path, text in render_provider(name).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return folder


def render_provider(name: str) -> dict[str, str]:
    """Give the text of every file of the package, by its path."""
    environment = Environment(  # noqa: S701  It makes no HTML, where escaping would be due.
        loader=PackageLoader("veneer_gateway", "provider_template"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    words = {
        "name": name,
        "distribution": f"{_DISTRIBUTION_PREFIX}{name}",
        "package": f"veneer_providers_{name.replace('-', '_')}",
        "adapter": "".join(map(str.capitalize, name.split("-"))) + "Adapter",
        "variable": _variable(name),
    }
    rendered = {}
    for template in environment.list_templates():
        path = environment.from_string(template.removesuffix(_SUFFIX)).render(words)
        rendered[path] = environment.get_template(template).render(words)
    return rendered


def next_steps(name: str) -> list[str]:
    """Give the commands that install the package beside this gateway, test it and serve it."""
    pip = f"{_command('pip')} install"
    if not find_spec("pip"):  # As in an environment that uv made.
        pip = f"uv pip install --python {shlex.quote(sys.executable)}"
    address = f"{_variable(name)}_BASE_URL=http://127.0.0.1:8765"
    return [
        f"cd {_DISTRIBUTION_PREFIX}{name} && {pip} -e '.[dev]'",
        _command("pytest"),
        f"{_command('python')} -m tests.upstream  # a stand-in for your upstream",
        f"{address} {_command('veneer')} serve  # in another terminal",
    ]


def _check_name(name: str) -> None:
    """See that `name` makes a model prefix, a distribution, a module, a class and variables."""
    better = re.sub(r"[^a-z0-9]+", "-", name.lower()).removeprefix(_DISTRIBUTION_PREFIX)
    better = better.lstrip("-0123456789")[:_LONGEST_NAME].strip("-") or "my-model"
    better = f"my-{better}" if better in _TAKEN and name != better else better
    if name != better:
        raise ScaffoldError(
            f"{name!r} cannot name a provider. Take lower-case letters, digits and single dashes "
            f"between them, {_LONGEST_NAME} at most and a letter first: {better!r} would do."
        )
    if name in _TAKEN:
        raise ScaffoldError(
            f"{name!r} cannot name a provider: packages of Veneer, or variables that others "
            f"read, are called so. {f'my-{name}'!r} would do."
        )


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


def _command(name: str) -> str:
    """Name a command of this environment, by its path unless the environment is active."""
    folder = Path(sys.executable).parent
    is_active = shutil.which("veneer") == str(folder / "veneer")
    return name if is_active else shlex.quote(str(folder / name))
