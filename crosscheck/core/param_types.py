"""Types of parameters that several sections of `params.yaml` or files like it have in common."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

MAX_SEED = 2**32 - 1
NO_BACKBONE = "none"

Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Pixels = Annotated[int, Field(ge=1, le=8192)]
Channels = Annotated[int, Field(ge=1, le=4096)]
Width = Annotated[int, Field(ge=1, le=65536)]
Norm = Literal["none", "batch"]
Pool = Literal["max", "avg", "stride", "none"]
Head = Literal["dense", "average", "convolution"]
Optimizer = Literal["sgd", "adamw"]
Schedule = Literal["constant", "cosine", "one_cycle"]
Layout = Literal["auto", "classes", "subsets"]
Share = Annotated[float, Field(gt=0, lt=1)]
Chance = Annotated[float, Field(ge=0, le=1)]


def _whole(value: Any) -> Any:
    """True and 1.0 equal 1 in Python, so a choice of numbers would take them."""
    if isinstance(value, bool | float):
        raise PydanticCustomError("literal_error", "Input should be 1 or 3")
    return value


def _explain_sizes(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """One requirement where the union of two kinds of numbers would give two."""
    try:
        return check(value)
    except ValidationError:
        raise PydanticCustomError(
            "count_or_share", "Input should be a whole number of images, or a share of them above 0 and below 1"
        ) from None


ImageChannels = Annotated[Literal[1, 3], BeforeValidator(_whole)]
# Of a subset: a number of images of each class, or a share of them.
TestSize = Annotated[Annotated[int, Field(ge=1)] | Share, WrapValidator(_explain_sizes)]
ValSize = Annotated[Annotated[int, Field(ge=0)] | Share, WrapValidator(_explain_sizes)]
