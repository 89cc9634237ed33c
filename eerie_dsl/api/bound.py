"""Jitted methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eerie_dsl.api.explain import Report
from eerie_dsl.api.stages import Traced

if TYPE_CHECKING:
    from eerie_dsl.api.jit import Jitted
    from eerie_dsl.api.profiled import Profile


class Bound:
    """A jitted method of an object: what `Jitted` does, with the object as the first argument."""

    def __init__(self, function: Jitted[..., Any], instance: Any) -> None:
        self.__wrapped__ = function
        self.__self__ = instance

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(self.__self__, *args, **kwargs)

    def trace(self, *args: Any, **kwargs: Any) -> Traced:
        """See `Jitted.trace`."""
        return self.__wrapped__.trace(self.__self__, *args, **kwargs)

    def explain(self, *args: Any, **kwargs: Any) -> Report:
        """See `Jitted.explain`."""
        return self.__wrapped__.explain(self.__self__, *args, **kwargs)

    def profile(self, *args: Any, **kwargs: Any) -> Profile:
        """See `Jitted.profile`."""
        return self.__wrapped__.profile(self.__self__, *args, **kwargs)

    @property
    def traces(self) -> int:
        """How often the method has been traced, for all objects."""
        return self.__wrapped__.traces
