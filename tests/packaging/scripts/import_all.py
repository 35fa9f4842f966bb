"""Import every module of the package that is named, and print how many there are."""

import importlib
import pkgutil
import sys

package = importlib.import_module(sys.argv[1])
names = [m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
for name in names:
    importlib.import_module(name)
print(len(names))
