"""What the models of a request are made of: strict, frozen, and of a core that is fast to check."""

from collections.abc import Collection
from typing import Annotated, Any, ClassVar, LiteralString, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Strict, Tag, create_model
from pydantic_core import PydanticCustomError

GREATEST_INTEGER = 2**63 - 1

# JSON has arrays only, so that a tuple field must also take a list; its items stay strict. The
# tags end up in the location of an error, where `parsing` takes them out again.
ARRAY = (Strict(False), Tag("<array>"))
STRING = Tag("<string>")


def array_or_string(value: object) -> str | None:
    """Tag a value for a union of the two."""
    if isinstance(value, str):
        return STRING.tag
    return "<array>" if isinstance(value, list | tuple) else None


BY_FORM = Discriminator(array_or_string)
NonEmptyString = Annotated[str, Field(min_length=1)]


class StrictModel(BaseModel):
    """A frozen model that takes what it names, in the type it names, and nothing else."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    # An instance of a core is as good as one of the whole.
    def __eq__(self, other: object) -> bool:
        is_kin = isinstance(other, type(self)) or isinstance(self, type(other))
        if not (is_kin and isinstance(other, StrictModel)):
            return NotImplemented
        return self.model_dump(exclude_none=True) == other.model_dump(exclude_none=True)

    def __hash__(self) -> int:
        return hash(self.model_dump_json(exclude_none=True))


Model = TypeVar("Model", bound=StrictModel)


def core_of(
    model: type[Model], name: str, without: Collection[str], **narrowed: Any
) -> type[Model]:
    """Derive from `model` one that takes no more than the core subset does.

    The fields `without` are None in it, and cost nothing: pydantic takes its time for each field
    that could come. Those that are `narrowed` take less.
    """
    constants: dict[str, Any] = dict.fromkeys(without, (ClassVar[None], None))
    core: Any = create_model(
        name, __base__=model, __module__=model.__module__, **constants, **narrowed
    )
    return core  # type: ignore[no-any-return]


def disagreement(param: LiteralString, message: LiteralString) -> PydanticCustomError:
    """A failure between fields, which has no location of its own, told at one of them."""
    return PydanticCustomError("fields_disagree", message, {"at": param})
