"""The parameters of each compiled kernel in order, and the constants that it is compiled for."""

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

ROW_BLOCK = 1024
"""Columns of a program of `silu_gate` and `embed`."""

VOCABULARY_BLOCK = 2048
"""Tokens that `sample` looks at together."""


@dataclass(frozen=True)
class Spec:
    """
    Attributes:
        function: its name in `sources`.
        parameters: name to type, in order. Pointers point to 16-byte boundaries, and widths and strides are multiples
            of 16, or the compiler could not join loads.
        constants: the values of the other parameters.
        warps: of a program.
        unaligned: parameters of which that is not true.
    """

    function: str
    parameters: Mapping[str, str]
    constants: Mapping[str, int | bool]
    warps: int
    unaligned: frozenset[str] = frozenset()

    @property
    def aligned(self) -> list[str]:
        """The parameters that are multiples of 16."""
        named = [name for name in self.parameters if name.endswith(("_ptr", "width", "stride"))]
        return [name for name in named if name not in self.unaligned]


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
        "silu_gate", {"x_ptr": "*bf16", "out_ptr": "*bf16", "width": "i32"}, {"BLOCK": ROW_BLOCK}, warps=4
    ),
    "embed": Spec(
        "embed",
        {
            "tokens_ptr": "*i64",
            "starts_ptr": "*i64",
            "table_ptr": "*bf16",
            "out_ptr": "*bf16",
            "streams": "i32",
            "width": "i32",
        },
        {"BLOCK": ROW_BLOCK},
        warps=4,
    ),
    "sample": Spec(
        "sample",
        {
            "logits_ptr": "*bf16",
            "ranked_ptr": "*i64",
            "uniform_ptr": "*fp32",
            "controls_ptr": "*fp32",
            "forced_ptr": "*i64",
            "out_ptr": "*i64",
            "vocabulary": "i32",
            "uniform_stride": "i32",
            "controls_stride": "i32",
            "forced_stride": "i32",
            "no_token": "i32",
        },
        {"BLOCK": VOCABULARY_BLOCK},
        warps=8,
        unaligned=frozenset(
            {
                "logits_ptr",
                "uniform_ptr",
                "controls_ptr",
                "forced_ptr",
                "uniform_stride",
                "controls_stride",
                "forced_stride",
            }
        ),
    ),
}
"""Each kernel by its name, which is also that of its file."""
