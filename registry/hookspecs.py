"""The hook that a plugin implements."""

from typing import TYPE_CHECKING

from neuralzoo.core.hooks import hookimpl, hookspec

if TYPE_CHECKING:
    from neuralzoo.registry.architecture import Architecture

__all__ = ["architecture", "hookimpl"]


@hookspec
def architecture() -> "Architecture":  # type: ignore[empty-body]
    """Return the architecture that this plugin brings; its name is the name of the entry point."""
