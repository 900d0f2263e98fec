"""Releases the OpenMP threads that the calling thread owns.

Every thread that computes with torch, or with faiss beside it, gets workers of its own and keeps them. While all of
them together are no more than there are cores, GNU's OpenMP lets them spin for the next piece of work; beyond that they
go to sleep after each, some thousand times a second. So a model whose turns are asked for by many threads answers 1.2
to 1.5 times as fast where each of them gives its workers back (two cores, SmolLM2, 24 and 6 rows:
`python -m rl.openmp_benchmark`).
"""

import ctypes
import sys
from functools import cache
from pathlib import Path

_SOFT = 1
"""The constant omp_pause_soft of OpenMP 5.0: settings survive the pause."""


def release_openmp_threads() -> None:
    """Ends the OpenMP threads of the calling thread; its next computation takes 120 microseconds more for new ones.

    Does nothing where torch was not imported, or does not compute with GNU's OpenMP.
    """
    torch = sys.modules.get("torch")
    if torch is not None and (openmp := _load_openmp(Path(torch.__path__[0]))) is not None:
        openmp.omp_pause_resource_all(_SOFT)


def compute_alone() -> None:
    """Makes the calling thread compute without OpenMP threads of its own, for good.

    Does nothing where torch does not compute with GNU's OpenMP.
    """
    import torch

    torch.get_num_threads()  # sets what a thread begins with, which would come after us otherwise
    if (openmp := _load_openmp(Path(torch.__path__[0]))) is not None:
        openmp.omp_set_num_threads(1)
    for library in Path(torch.__path__[0]).glob("lib/libtorch_cpu.so"):
        limit = getattr(ctypes.CDLL(str(library)), "MKL_Set_Num_Threads_Local", None)
        if limit is not None:  # Intel's library counts for itself
            limit(1)


@cache
def _load_openmp(torch: Path) -> ctypes.CDLL | None:
    """The OpenMP library that torch has loaded: opening its file again gives the loaded library."""
    for file in [*torch.glob("lib/libgomp*.so*"), *torch.parent.glob("torch.libs/libgomp*.so*")]:
        library = ctypes.CDLL(str(file))
        if hasattr(library, "omp_pause_resource_all"):
            return library
    return None
