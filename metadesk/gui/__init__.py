"""The window; its modules are imported without a detour that Qt's binding makes for each."""

import builtins

import PySide6.QtCore  # noqa: F401

# PySide6 takes the place of ``import`` and reads the whole source of every module imported after
# it, to see whether its optional ``__feature__`` spellings may be meant. We never ask for these,
# and for some hundreds of modules the reading is a sixth of the start.
builtins.__import__ = getattr(builtins, "__orig_import__", builtins.__import__)
