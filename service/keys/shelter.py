"""Errors without the frames they came through: those hold PIN and key, which tracebacks with locals can show."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from service.errors import ServiceError

_P = ParamSpec("_P")
_T = TypeVar("_T")


def sheltered(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Raise the errors of `function` without its frames: they hold PIN and key, which tracebacks can show."""

    @functools.wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return function(*args, **kwargs)
        except ServiceError as error:
            failure = error.with_traceback(None)
        failure.__cause__ = failure.__context__ = None
        del args, kwargs
        raise failure

    return call
