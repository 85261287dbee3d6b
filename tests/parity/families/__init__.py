"""Every family with a parity test, one file each."""

import importlib
import pkgutil

FAMILIES = {
    module.name: importlib.import_module(f"families.{module.name}").FAMILY
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name)
}
