"""Counts the launches of a step without a GPU: on the device that holds no numbers, each operation decomposed."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from moshi_backend.model.kernels.operations import Kernels

VIEWS = {
    "_reshape_alias", "_unsafe_view", "alias", "as_strided", "chunk", "detach", "diagonal", "expand", "lift_fresh",
    "narrow", "permute", "select", "slice", "split", "split_with_sizes", "squeeze", "t", "transpose", "unbind",
    "unsqueeze", "view", "view_as_complex", "view_as_real",
}  # fmt: skip
"""Operations that only describe a tensor anew."""

ALLOCATIONS = {"empty", "empty_like", "empty_strided", "new_empty"}

STABLE_SORT = {"small": 2, "large": 14}
"""Launches of a stable sort of a table with up to 4096 columns, and of more: the passes of a radix sort."""

ATTENTION = "scaled_dot_product_attention"


class Launches(TorchDispatchMode):
    """Counts, by part, what a GPU would launch."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.part = "rest"
        self.kernels = Kernels(self._launched)
        """Kernels of our own, whose launches are counted too."""

    def within(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call, counted as a part of its own."""

        def run(*args: Any, **kwargs: Any) -> Any:
            before, self.part = self.part, part
            try:
                return call(*args, **kwargs)
            finally:
                self.part = before

        return run

    def total(self, part: str | None = None) -> int:
        """Launches of a part, or of all."""
        return sum(count.total() for name, count in self.counts.items() if part in (None, name))

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = operation._schema.name.split("::")[1]
        kwargs = kwargs or {}
        if name == ATTENTION:
            self.counts[self.part][name] += 1
            return args[0].new_empty(args[0].shape)
        if name not in VIEWS:
            with self:
                result = operation.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        result = operation(*args, **kwargs)
        if name not in VIEWS | ALLOCATIONS:
            self.counts[self.part][name] += _launches(name, args)
        return result

    def _launched(self, kernel: str, grid: tuple[int, int, int], *arguments: Tensor | float) -> None:
        self.counts[self.part][kernel] += 1


def _launches(name: str, args: Any) -> int:
    if name == "sort":
        return STABLE_SORT["small" if args[0].shape[-1] <= 4096 else "large"]
    # A product on top of a table first copies it. A vector is added by the product itself.
    return 2 if name in ("addmm", "baddbmm") and args[0].ndim > 1 else 1
