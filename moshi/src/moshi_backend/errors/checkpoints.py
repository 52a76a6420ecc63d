"""Errors of the files of a checkpoint, and of loading them."""

from moshi_service.errors import Row

_ALL_OF_ONE = "copy all of one repository's files"
_COPY = "copy the configuration that belongs to the weights"


@Row(
    cause="somebody cloned the repository with Git without Git LFS",
    remedy="run `git lfs install`, then `git lfs pull` in the folder",
)
def lfs_pointer(path: object, folder: object) -> str:
    return f"{path} is a Git LFS pointer, not the file itself: run `git lfs pull` in {folder}"


@Row(
    cause="somebody copied or mounted a snapshot of a cache without its `blobs`",
    remedy="copy with `cp -rL`, or mount the whole `models--…` folder",
)
def dangling_link(path: object, target: object) -> str:
    return (
        f"{path} is a link to {target}, which is not there: copy the files themselves (cp -rL), or the repository's "
        "whole folder of the cache with its blobs"
    )


@Row(
    cause="`MOSHI_MODEL` is a repository's folder in a cache, and the cache has another revision",
    remedy="name the folder of the snapshot that you want",
)
def snapshot_missing(folder: object, revision: str | None, there: str) -> str:
    wanted = f"MOSHI_REVISION={revision}" if revision else "main"
    return f"{folder} has no snapshot of {wanted}; it has {there}: set MOSHI_MODEL to the folder of a snapshot"


@Row(cause="the file belongs to another user", remedy="change its rights with `chmod` or `chown`")
def file_unreadable(path: object, why: object) -> str:
    return f"{path} cannot be read: {why}; this process needs the right to read it"


@Row(
    cause="somebody converted the repository",
    remedy="use the original, whose name ends in `-pytorch-bf16`",
)
def transformers_format(path: object) -> str:
    return (
        f"{path} is in the format of the transformers library: take the checkpoint in Kyutai's own format, from a "
        "repository whose name ends in -pytorch-bf16"
    )


_config = Row(
    cause="somebody edited `config.json` or Mimi's configuration, or it belongs to something else. The message names "
    "the key",
    remedy="take the file of the repository",
)


@_config
def config_incomplete(path: object, key: str) -> str:
    return f"{path} does not describe a Moshi: it lacks {key}; {_COPY}"


@_config
def config_value_wrong(path: object, key: str, value: str, why: object) -> str:
    return f"{path}: {key}={value}: {why}; {_COPY}"


@_config
def config_wrong(path: object, why: object) -> str:
    return f"{path}: {why}; {_COPY}"


@_config
def config_delays(n_q: int, delays: int) -> str:
    return f"n_q={n_q} needs {delays} delays, of the text and each codebook"


@_config
def config_depformer_streams(dep_q: int, n_q: int) -> str:
    return f"dep_q={dep_q} is more than n_q={n_q}"


@_config
def config_heads(key: str, width: int, heads: int) -> str:
    return f"{key}={width} cannot be divided into num_heads={heads} heads of an even size"


@_config
def config_depformer_heads(width: int, heads: int) -> str:
    return f"depformer_dim={width} cannot be divided into {heads} heads"


@_config
def config_too_large(path: object, most: int) -> str:
    return f"{path} has more than {most} bytes, so it is not the configuration of a Moshi"


_mixed = Row(cause="weights and configuration belong to different models", remedy="copy all files of one repository")


@_mixed
def weights_do_not_fit(path: object, source: str, why: object) -> str:
    return f"{path} does not fit {source} ({why}): {_ALL_OF_ONE}"


@_mixed
def weights_differ(path: object, source: str, differs: str, name: str, count: int) -> str:
    return f"{path} does not fit {source}: it {differs} {name}, one of {count}; {_ALL_OF_ONE}"


@_mixed
def layers_differ(path: object, key: str, wanted: int, there: int) -> str:
    return f"{path} does not fit config.json, which says {key}={wanted} where it has {there}; {_ALL_OF_ONE}"


@_mixed
def codebooks_differ(weights: object, codes: int, mimi: object, other: int) -> str:
    return f"{weights} has {codes} codes in a codebook, and {mimi} has {other}: {_ALL_OF_ONE}"


@Row(
    cause="the configuration has an option that no released Moshi has, or an option of a newer release",
    remedy="take a released model, or [update](../how-to/upgrading-moshi.md)",
)
def model_not_supported(weights: object, version: str, why: object) -> str:
    return (
        f"the configuration of {weights} describes a model that Moshi {version} and this service do not have ({why}): "
        "take a released checkpoint"
    )


@Row(
    cause="the file is damaged, or is another file",
    remedy="delete the file that the message names",
)
def tokenizer_damaged(path: object, why: object, file: object) -> str:
    return f"{path} is not a SentencePiece tokenizer ({why}): delete {file} and start again"


@Row(
    cause="the service has no explanation for this failure",
    remedy="set `MOSHI_LOG_LEVEL=debug`, and report the log",
)
def loading_failed(model: str, why: object) -> str:
    return (
        f"{model} could not be loaded ({why}): check that its files are whole and of one repository; "
        "MOSHI_LOG_LEVEL=debug logs the details"
    )


@Row(cause="the model cannot be used, and the rest of the line is the reason", remedy="follow the reason")
def model_unusable(model: str, why: object) -> str:
    return f"{model}: {why}"


@Row(
    cause="the checkpoint's `config.json` names a pickle (`.pt`, `.pth`)",
    remedy="take or make a checkpoint with `.safetensors`",
)
def not_safetensors(path: object) -> str:
    return f"{path} is not in the safetensors format, the only one for weights that cannot run code"


@Row(
    cause="a copy was interrupted, or the disk is bad",
    remedy="delete the file that the message names",
)
def file_damaged(path: object, why: object, file: object) -> str:
    return f"{path} is damaged ({why}): delete {file} and start again"


_no_moshi = Row(
    cause="it is another model, or Moshi for MLX or Rust",
    remedy="take the repository whose name ends in `-pytorch-bf16`",
)


@_no_moshi
def repository_without_file(page: str, name: str) -> str:
    return (
        f"{page} has no {name}, so it is not a Moshi checkpoint for PyTorch: check MOSHI_MODEL; LoRA adapters alone go "
        "into MOSHI_LORA"
    )


@_no_moshi
def folder_without_config(folder: object) -> str:
    return f"{folder} holds no config.json, so it is not a Moshi checkpoint"


@_no_moshi
def config_of_something_else(path: object) -> str:
    return f"{path} is not the configuration of a Moshi checkpoint: copy that of the repository"


_elsewhere = Row(cause="`config.json` names a file elsewhere", remedy="correct the name")


@_elsewhere
def named_file_missing(name: str) -> str:
    return f"config.json names {name}, and there is no such file here: correct it, or copy it there"


@_elsewhere
def named_file_malformed(name: str) -> str:
    return f"config.json names {name}: it takes a file's name, hf://owner/name/file or file:///path"


@Row(
    cause="it is a text-to-speech model, or a PersonaPlex whose `config.json` does not say so",
    remedy="take a Moshi, or add the model type",
)
def model_hears_nothing(name: str, streams: int, predicted: int) -> str:
    return (
        f"{name} declares n_q {streams} and dep_q {predicted}: the model says every stream and hears none, so it "
        'cannot converse. Only if it is a PersonaPlex, put "model_type": "personaplex" into its config.json'
    )


_files = Row(cause="the folder has files of different models", remedy="copy all files of one repository")


@_files
def depformer_differs(name: str, declared: int, there: int) -> str:
    return (
        f"{name} declares dep_q {declared}, and its weights have {there} depformer steps: take the config.json that "
        'belongs to these weights. If it is a PersonaPlex, put "model_type": "personaplex" into it'
    )


@_files
def mimi_too_small(name: str, said: int, heard: int, codebooks: int) -> str:
    return (
        f"{name} says {said} and hears {heard} codes a frame, and its Mimi has {codebooks} codebooks: take the Mimi "
        "that belongs to this model"
    )


_incomplete = Row(cause="the folder is not complete", remedy="copy all files of the repository")


@_incomplete
def named_file_not_in_folder(config: object, name: str, key: str) -> str:
    return f"{config} names {name} as {key}, which is not in that folder"


@_incomplete
def file_not_named(config: object, key: str, name: str) -> str:
    return f"{config} does not say {key}, and {name} is not there"


@Row(
    cause="the checkpoint belongs to Kyutai's family, but it is for speech to text, translation or another task",
    remedy="take a Moshi or Moshika",
)
def model_of_another_task(model: str, kind: str) -> str:
    return f"{model} is a {kind} checkpoint; this service converses with moshi and personaplex checkpoints"


_eight_bits = Row(
    cause="upstream runs such weights with a GPU library that this service leaves out",
    remedy="take the `-bf16` checkpoint",
)


@_eight_bits
def model_of_8_bits(model: str) -> str:
    return f"{model} has weights of 8 bits, which are not supported: take the one of 16 bits"


@_eight_bits
def weights_of_8_bits(path: object) -> str:
    return f"{path} has weights of 8 bits, which are not supported: take those of 16 bits"


_files_of_others = Row(cause="the checkpoint's files do not belong together", remedy="copy all files of one repository")


@_files_of_others
def weights_lacking(path: object, name: str) -> str:
    return f"{path} lacks {name}"


@_files_of_others
def tokenizer_too_large(path: object) -> str:
    return f"{path} has more tokens than the model knows: it belongs to another one"


@Row(
    cause="the checkpoint has weights that no Moshi has. The model works without them",
    remedy="report the name of the model",
)
def weights_unused(path: object, names: str) -> str:
    return f"{path}: {names} are not used"
