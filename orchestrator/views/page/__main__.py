"""`python -m orchestrator.views.page FOLDER`: write a sweep's page into its folder, in a process of its own.

Started by the driver, which must answer trials and has no second to spare (`orchestrator.views.page.keeping`). What
goes wrong is one line on stderr and exit code 1.
"""

from __future__ import annotations

import contextlib
import os
import sys

from orchestrator.errors import StepladderError
from orchestrator.storage.location import Location
from orchestrator.views.page.making import keep_page

POLITENESS = 10
"""By how much the process gives way to those that train."""


def main() -> int:
    """Write the page of the folder in argv. Returns the exit code."""
    with contextlib.suppress(OSError):
        os.nice(POLITENESS)
    try:
        keep_page(Location.parse(sys.argv[1]))
    except StepladderError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told to the driver as a line
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
