"""What the environment decides about computations: the number of threads and the choice of kernels."""

from __future__ import annotations

import os
from pathlib import Path

_CHANGING_BITS = frozenset(
    {
        *("ATEN_CPU_CAPABILITY", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "CUBLAS_WORKSPACE_CONFIG"),
        *("NVIDIA_TF32_OVERRIDE", "DNNL_MAX_CPU_ISA", "DNNL_CPU_ISA_HINTS", "DNNL_DEFAULT_FPMATH_MODE"),
        *("ONEDNN_MAX_CPU_ISA", "ONEDNN_CPU_ISA_HINTS", "ONEDNN_DEFAULT_FPMATH_MODE"),
        *("MKL_CBWR", "MKL_DEBUG_CPU_TYPE", "MKL_DYNAMIC", "MKL_ENABLE_INSTRUCTIONS"),
        *("OMP_DYNAMIC", "OMP_MAX_ACTIVE_LEVELS", "OMP_NESTED", "OMP_SCHEDULE"),
        *("OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "BLIS_ARCH_TYPE", "GLIBC_TUNABLES"),
        *("NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES", "TF_ENABLE_ONEDNN_OPTS", "XLA_FLAGS"),
        *("JAX_ENABLE_X64", "JAX_DEFAULT_MATMUL_PRECISION", "KMP_DETERMINISTIC_REDUCTION"),
    }
)
"""Variables by which a user chooses other kernels of the libraries that compute, and so other bits."""


def compute_threads() -> int:
    """Return the number of threads that PyTorch computes with: ``OMP_NUM_THREADS``, or the cores it may use.

    It is at most ``OMP_THREAD_LIMIT``: PyTorch waits for ever for threads that OpenMP does not start.
    Sums over gradients depend on it in their last bits, so it is part of the keys of the steps that train.
    """
    wanted = _positive("OMP_NUM_THREADS") or len({_core(cpu) for cpu in os.sched_getaffinity(0)})
    return min(wanted, _positive("OMP_THREAD_LIMIT") or wanted)


def usable_cores() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0))


def _positive(variable: str) -> int | None:
    """Return the number that a variable begins with, such as 2 of ``2,1``; None if it is no such number."""
    given = os.environ.get(variable, "").partition(",")[0].strip()
    return int(given) if given.isascii() and given.isdigit() and int(given) > 0 else None


def changing_variables() -> dict[str, str]:
    """Return the variables of this process that change the bits of results, which children inherit.

    They are part of the keys of all steps.
    """
    return {name: os.environ[name] for name in sorted(_CHANGING_BITS & os.environ.keys())}


def _core(cpu: int) -> str:
    """Return the CPUs that share a core with one, as Linux names them; itself where Linux does not say."""
    try:
        return Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text("ascii")
    except OSError:
        return str(cpu)
