"""Errors of a model whose structure this service cannot run."""

from moshi_service.errors import Row

_structure = Row(cause="no released Moshi has this structure", remedy="take a released checkpoint, or open an issue")


@_structure
def unsupported_layer() -> str:
    return "a layer with cross-attention, without attention or with shared keys is not supported"


@_structure
def unsupported_mimi_module(kind: str) -> str:
    return f"a {kind} in Mimi is not supported"


@_structure
def unsupported_mimi_width() -> str:
    return "a Mimi whose transformers are not as wide as its latent is not supported"


@_structure
def unsupported_shortcut() -> str:
    return "a SEANet block with a convolution as its shortcut is not supported"


@_structure
def unsupported_convolution(kernel: int, stride: int) -> str:
    return f"a convolution of kernel {kernel} and stride {stride} is not supported"


@_structure
def unsupported_dilation(dilation: int) -> str:
    return f"a convolution with dilation {dilation} is not supported"


@_structure
def unsupported_transposed_convolution(kernel: int, stride: int) -> str:
    return f"a transposed convolution of kernel {kernel} and stride {stride} is not supported"


@_structure
def unsupported_embedding() -> str:
    return "embeddings with a norm, of low rank or with a second stream are not supported"


@_structure
def unsupported_conditions() -> str:
    return "a model that takes conditions is not supported"


@_structure
def unsupported_without_depformer() -> str:
    return "a model without a depformer does not speak"


@_structure
def unsupported_depformer() -> str:
    return "a depformer with positions, or without weights for each step, is not supported"


@_structure
def unsupported_positions(name: str) -> str:
    return f"positional embedding {name!r} is not supported"


@_structure
def unsupported_transformer() -> str:
    return "a temporal transformer that is not causal with a context of its own is not supported"


@_structure
def unsupported_sampling(name: str, value: object) -> str:
    return f"the checkpoint's lm_gen_config sets {name}={value!r}, which is not supported"
