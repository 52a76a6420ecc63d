"""Errors of LoRA adapters."""

from moshi_service.errors import Row

_OTHER = "take the adapters of this model, or the model that they adapt"


@Row(
    cause="moshi-finetune writes adapters without their base",
    remedy="follow the message; [weights.md](../how-to/weights.md#a-fine-tune) explains it",
)
def adapters_without_model(folder: object) -> str:
    return (
        f"{folder} holds LoRA adapters, and not the model that they adapt: set MOSHI_LORA={folder}, and MOSHI_MODEL to "
        "that model"
    )


_lora = Row(
    cause="the name has a typing error, or this process does not see the folder",
    remedy="correct the name; in a container, mount the folder",
)


@_lora
def adapters_missing(value: str, name: str) -> str:
    return f"MOSHI_LORA={value} holds no {name}: it takes a folder that moshi-finetune wrote"


@_lora
def adapters_unknown(value: str) -> str:
    return f"MOSHI_LORA={value} is neither a folder nor a file here, nor a repository like owner/name"


@Row(
    cause="`MOSHI_LORA` names a repository, and the rest of the line is one of the errors of this table",
    remedy="follow the row of that error",
)
def adapters_unusable(value: str, why: object) -> str:
    return f"MOSHI_LORA={value}: {why}"


@Row(
    cause="a model takes one set of adapters",
    remedy="unset `MOSHI_LORA`, or name the base model in `MOSHI_MODEL`",
)
def adapters_twice(value: str, model: str, name: str) -> str:
    return f"MOSHI_LORA={value}, and {model} names adapters of its own ({name}): unset MOSHI_LORA"


@Row(cause="the adapters' `config.json` contradicts itself", remedy="correct the file")
def adapters_declared_off(path: object) -> str:
    return f'config.json says "lora": false beside the adapters {path}: set it to true, or take them away'


_adapters = Row(
    cause="the adapters, their `config.json` and the model do not belong together", remedy="follow the message"
)


@_adapters
def no_adapters(path: object) -> str:
    return f"{path} holds no LoRA adapters; a merged model is loaded as the model itself"


@_adapters
def adapters_without_layer(path: object, name: str) -> str:
    return f"{path} has {name}, and the model has no such layer: {_OTHER}"


@_adapters
def adapters_without_half(path: object, name: str, missing: str) -> str:
    return f"{path} has {name} without {missing}: {_OTHER}"


@_adapters
def adapters_shape_differs(path: object, name: str) -> str:
    return f"{path}: {name} does not have the shape of the model's layer: {_OTHER}"


@_adapters
def adapters_rank_differs(path: object, name: str, rank: int, other: int, declared: int | None) -> str:
    return (
        f"{path}: {name} has rank {rank}, its counterpart {other}, and config.json declares lora_rank {declared}: take "
        "the config.json that belongs to these adapters"
    )
