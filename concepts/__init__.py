"""What the concept pages of docs/concepts compute."""

import crosscheck  # noqa: F401 - it chooses the kernels of numpy and torch, before a page loads them
