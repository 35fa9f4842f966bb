"""Import every module of the package that is named, and print how many there are.

Left out is what needs an extra: the modules that the other arguments name, and those below them.
"""

import importlib
import pkgutil
import sys
from collections.abc import Iterator

package, *extras = sys.argv[1:]


def import_all(name: str) -> Iterator[str]:
    if name in extras:
        return
    module = importlib.import_module(name)
    yield name
    for inner in pkgutil.iter_modules(getattr(module, "__path__", ())):
        yield from import_all(f"{name}.{inner.name}")


print(len(list(import_all(package))))
