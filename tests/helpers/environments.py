"""Environments that could spoil a result."""

# As they are left over from other programs, or set to spoil the result. Most would, if they reached the libraries.
HOSTILE = {
    "ATEN_CPU_CAPABILITY": "default",
    "DNNL_MAX_CPU_ISA": "SSE41",
    "KMP_AFFINITY": "disabled",
    "MKL_CBWR": "AVX2",
    "MKL_DOMAIN_NUM_THREADS": "MKL_DOMAIN_ALL=1",
    "MKL_DYNAMIC": "TRUE",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "MKL_NUM_THREADS": "3",
    "NPY_ENABLE_CPU_FEATURES": "X86_V3",
    "OMP_DYNAMIC": "true",
    "OMP_NUM_THREADS": "3",
    "OMP_THREAD_LIMIT": "1",
    "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "OPENBLAS_CORETYPE": "Prescott",
    "OPENBLAS_L2_SIZE": "64",
    "OPENBLAS_NUM_THREADS": "5",
    "SKLEARN_PAIRWISE_DIST_CHUNK_SIZE": "3",
}
