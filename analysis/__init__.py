"""From a trajectory file to transport coefficients with error bars, tables and pictures."""

from __future__ import annotations

__all__ = ["analyze", "analyze_folder"]


def __getattr__(name: str) -> object:
    """`analyze` and `analyze_folder`, loaded on first use so that `import analysis` costs nothing."""
    if name in __all__:
        from analysis import report

        return getattr(report, name)
    raise AttributeError(f"module 'analysis' has no attribute {name!r}")
