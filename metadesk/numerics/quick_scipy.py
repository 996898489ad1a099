"""``scipy.special`` in two thirds of its usual time to load."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


def load_special() -> None:
    """Import ``scipy.special``, unless it is loaded already, without all the rest of numpy.

    scipy copies every public name of numpy when it is imported, and so wakes parts of numpy that
    are loaded only when somebody asks for them: the compiler of Fortran, the test tools and more.
    While it copies, numpy names only what is loaded. What is left out is still there for whoever
    asks later.
    """
    import numpy

    with _only_what_is_loaded(numpy):
        import scipy.special  # noqa: F401


@contextmanager
def _only_what_is_loaded(module: ModuleType) -> Iterator[None]:
    names = ("__all__", "__numpy_submodules__")
    kept = {name: getattr(module, name) for name in names if hasattr(module, name)}
    for name, value in kept.items():
        setattr(module, name, type(value)(n for n in value if n in vars(module)))
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(module, name, value)
