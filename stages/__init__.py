"""The scripts that DVC runs, one for each stage of the pipeline; nothing imports them."""

import crosscheck  # noqa: F401 - it chooses the kernels of numpy and torch, before a stage loads them
