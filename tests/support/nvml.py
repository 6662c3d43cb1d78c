"""A stand-in for NVML, the library of NVIDIA's driver, compiled, found and loaded as the real one is.

It has two GPUs, of which each says its own numbers, and knows the calls that Ray and we make of it; what it does not
know is missing in it, as in an old driver.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

GIB = 2**30
BUSY_PERCENT = (40, 60)
MEMORY_BYTES = (3 * GIB, 5 * GIB)
_SOURCE = """
#include <string.h>
typedef unsigned int number;
typedef struct { unsigned long long total, free, used; } memory;
typedef struct { number gpu, memory; } rates;
static int devices[2] = {0, 1};
number nvmlInitWithFlags(number flags) { return 0; }
number nvmlInit_v2(void) { return 0; }
number nvmlShutdown(void) { return 0; }
number nvmlDeviceGetCount_v2(number *count) { *count = 2; return 0; }
number nvmlDeviceGetHandleByIndex_v2(number index, int **device) {
    if (index > 1) return 2;
    *device = devices + index;
    return 0;
}
number nvmlDeviceGetHandleByUUID(const char *uuid, int **device) {
    if (strncmp(uuid, "MIG-", 4) && strncmp(uuid, "GPU-", 4)) return 6;
    *device = devices + !strncmp(uuid, "MIG-", 4);
    return 0;
}
number nvmlDeviceGetName(int *device, char *name, number length) { strncpy(name, "Stand In", length); return 0; }
number nvmlDeviceGetMemoryInfo(int *device, memory *found) {
    found->total = 80ull << 30;
    found->used = (*device ? 5ull : 3ull) << 30;
    return 0;
}
number nvmlDeviceGetUtilizationRates(int *device, rates *found) {
    if (PARTED) return 3;
    found->gpu = *device ? 60 : 40;
    return 0;
}
const char *nvmlErrorString(number error) { return "stand-in"; }
"""


def stand_in(folder: Path, *, is_parted: bool = False) -> dict[str, str]:
    """Compile it into `folder`; returns an environment whose processes load it. `is_parted`: devices are MIG parts."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.fail("a C compiler is needed for the stand-in of NVML: install gcc")
    source = folder / "nvml.c"
    source.write_text(_SOURCE)
    library = folder / "libnvidia-ml.so.1"
    parted = f"-DPARTED={int(is_parted)}"
    subprocess.run([compiler, "-shared", "-fPIC", parted, "-o", library, source], check=True)
    return {"LD_LIBRARY_PATH": os.pathsep.join(filter(None, [str(folder), os.environ.get("LD_LIBRARY_PATH")]))}
