"""What a cold start costs: imports what COLD names, in Lambda's emulator or in a bare process, and says its CPU time.

COLD is a function's `app`, or a list of modules. Imported as a handler's module, it is all of that function's INIT.
"""

import importlib
import os
import resource
from contextlib import suppress

for module in os.environ["COLD"].split():
    with suppress(ImportError):  # what its own package imports in a way of its own comes with that package
        importlib.import_module(module)

_spent = resource.getrusage(resource.RUSAGE_SELF)
CPU_MS = (_spent.ru_utime + _spent.ru_stime) * 1000


def handler(_event: object, _context: object) -> float:
    """Milliseconds of CPU from the start of the process to the end of its imports."""
    return CPU_MS


if __name__ == "__main__":
    print(CPU_MS)
