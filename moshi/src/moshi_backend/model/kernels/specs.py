"""What each compiled kernel takes: its parameters in order, and the constants it is compiled for."""

from collections.abc import Mapping
from dataclasses import dataclass

ARCHITECTURES = (80, 86, 89, 90)
"""Compute capabilities that kernels are compiled for: A100, A10 and RTX 30, L4, L40 and RTX 40, H100."""

MOST_SPLITS = 16
"""Shares of one ring at most."""

MOST_CODEBOOKS = 16
"""Codebooks of a depformer at most."""

TEMPORAL_HEAD = 128
"""Width of a head of the temporal transformer."""

DEPFORMER_HEAD = 64
"""Width of a head of the depformer."""

NORM_WIDTHS = (1024, 4096)
"""Widest rows of the norms."""

GATE_BLOCK = 1024
"""Columns of a program of `silu_gate`."""


@dataclass(frozen=True)
class Spec:
    """
    Attributes:
        function: its name in `sources`.
        parameters: name to type, in order. Pointers point to 16-byte boundaries, and widths and strides are multiples
            of 16, or the compiler could not join loads.
        constants: the values of the other parameters.
        warps: of a program.
    """

    function: str
    parameters: Mapping[str, str]
    constants: Mapping[str, int | bool]
    warps: int

    @property
    def aligned(self) -> list[str]:
        """The parameters that are multiples of 16."""
        return [name for name in self.parameters if name.endswith(("_ptr", "width", "stride"))]


def _attention(eight_bit: bool) -> Spec:
    ring = "*i8" if eight_bit else "*bf16"
    return Spec(
        "decode_attention",
        {
            "projected_ptr": "*bf16",
            "rotation_ptr": "*fp32",
            "keys_ptr": ring,
            "values_ptr": ring,
            "key_scales_ptr": "*fp16",
            "value_scales_ptr": "*fp16",
            "lengths_ptr": "*i64",
            "active_ptr": "*i8",
            "part_ptr": "*fp32",
            "top_ptr": "*fp32",
            "total_ptr": "*fp32",
            "score_scale": "fp32",
            "smallest": "fp32",
            "capacity": "i32",
        },
        {"D": TEMPORAL_HEAD, "BLOCK": 32, "EIGHT_BIT": eight_bit},
        warps=4,
    )


def _norm(width: int, add: bool) -> Spec:
    return Spec(
        "add_norm",
        {
            "x_ptr": "*bf16",
            "pending_ptr": "*bf16",
            "weight_ptr": "*fp32",
            "sum_ptr": "*bf16",
            "out_ptr": "*bf16",
            "x_stride": "i32",
            "pending_stride": "i32",
            "width": "i32",
            "eps": "fp32",
        },
        {"ADD": add, "BLOCK": width},
        warps=width // 512,
    )


SPECS: Mapping[str, Spec] = {
    "decode_attention": _attention(eight_bit=False),
    "decode_attention_int8": _attention(eight_bit=True),
    "join_parts": Spec(
        "join_parts",
        {
            "part_ptr": "*fp32",
            "top_ptr": "*fp32",
            "total_ptr": "*fp32",
            "active_ptr": "*i8",
            "out_ptr": "*bf16",
            "splits": "i32",
        },
        {"D": TEMPORAL_HEAD, "MOST": MOST_SPLITS},
        warps=4,
    ),
    "codebook_attention": Spec(
        "codebook_attention",
        {
            "projected_ptr": "*bf16",
            "keys_ptr": "*bf16",
            "values_ptr": "*bf16",
            "out_ptr": "*bf16",
            "codebook": "i32",
            "codebooks": "i32",
            "score_scale": "fp32",
        },
        {"D": DEPFORMER_HEAD, "MOST": MOST_CODEBOOKS},
        warps=2,
    ),
    **{f"{'add_norm' if add else 'norm'}_{width}": _norm(width, add) for width in NORM_WIDTHS for add in (True, False)},
    "silu_gate": Spec(
        "silu_gate", {"x_ptr": "*bf16", "out_ptr": "*bf16", "width": "i32"}, {"BLOCK": GATE_BLOCK}, warps=4
    ),
}
"""Each kernel by its name, which is also that of its file."""
