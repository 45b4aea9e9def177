"""What of the server's environment its child processes get.

The server's own may hold keys, a database's password, tokens of hubs. A child works on what clients
and strangers' files say, so it gets what is known to matter to it and nothing else: a name that
nobody thought of stays behind rather than slips through.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES = (
    # where things are, and how text is written
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP",
    "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "XDG_DATA_DIRS", "VIRTUAL_ENV",
    # how processes are watched in tests
    "NO_COLOR", "COVERAGE_PROCESS_START",
)  # fmt: skip
_FAMILIES = (
    "LC_", "LD_", "DYLD_", "GLIBC_", "MALLOC_", "PYTHON",
    # llama.cpp and what it computes with: threads, BLAS, GPUs of every maker
    "LLAMA_", "GGML_", "GGUF_", "OMP_", "GOMP_", "KMP_", "LIBOMP_",
    "OPENBLAS_", "GOTO_", "MKL_", "BLIS_", "NUMEXPR_", "VECLIB_", "NPY_",
    "CUDA_", "CUBLAS_", "NVIDIA_", "NV_", "NCCL_",
    "HIP_", "HSA_", "ROCR_", "ROCM_", "ROCBLAS_", "HIPBLASLT_", "AMD_", "GPU_", "MIOPEN_",
    "ONEAPI_", "SYCL_", "UR_", "ZE_", "ZES_", "ZET_", "INTEL_", "GC_", "IGC_",
    "VK_", "MESA_", "RADV_", "ANV_", "DRI_", "METAL_", "MTL_", "MUSA_", "ASCEND_", "ACL_", "CANN_",
    "OCL_", "OPENCL_",
    "ASAN_", "LSAN_", "TSAN_", "UBSAN_",
)  # fmt: skip
_SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY", re.IGNORECASE)
"""In no name that a family has; should somebody choose such a name, its value stays here."""


def passed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that child processes get."""
    return {name: text for name, text in environ.items() if _is_passed_on(name)}


def _is_passed_on(name: str) -> bool:
    return (name in _NAMES or name.startswith(_FAMILIES)) and not _SECRET.search(name)
