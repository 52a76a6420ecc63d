"""Errors of voices and roles: of the operator's files, and of what a client asks for."""

from moshi_service.errors import Row

_folder = Row(
    cause="the folder does not exist, or belongs to another user",
    remedy="name the right folder; in a container, mount it",
)


@_folder
def voices_no_folder(folder: object) -> str:
    return f"MOSHI_VOICES={folder} is not a folder"


@_folder
def voices_unreadable(path: object, why: object) -> str:
    return f"MOSHI_VOICES: {path} cannot be read: {why}"


@Row(
    cause="a file in the folder is not a voice. The rest of the line is the reason",
    remedy="fix the file or remove it, and start again",
)
def voice_unusable(why: object, folder: object) -> str:
    return f"MOSHI_VOICES: {why}; correct it or remove it from {folder}"


_recording = Row(
    cause="the file is not a recording of speech, or has too little or too much of it",
    remedy="record 5 to 15 s of one person",
)


@_recording
def recording_unreadable(name: str, why: str) -> str:
    return f"{name} cannot be read: {why}; it takes a WAV file"


@_recording
def recording_silent() -> str:
    return "it is silent"


@_recording
def recording_unusable(name: str, why: object) -> str:
    return f"{name}: {why}"


@_recording
def recording_length(name: str, seconds: float, shortest: float, longest: float) -> str:
    return f"{name} lasts {seconds:.1f} s; a voice takes {shortest:g} to {longest:g} s of speech"


@Row(cause="the file's name is the voice's id", remedy="rename the file")
def voice_name(name: str) -> str:
    return f"{name}: a voice's name takes letters, digits, - and _, 40 at most"


_saved = Row(
    cause="the file is something else, or a prompt that was saved with another model",
    remedy="remove the file; if it comes from a hub's archive, delete the archive and start again",
)


@_saved
def no_saved_voice(id_: str, why: str) -> str:
    return f"{id_}.pt is not a saved voice: {why}"


@_saved
def saved_voice_of_another_model(id_: str, width: int, own_width: int, streams: int, own_streams: int) -> str:
    return (
        f"{id_}.pt is of another model: {width} wide, this one {own_width}; {streams} streams, this one {own_streams}"
    )


@_saved
def saved_voice_values(id_: str) -> str:
    return f"{id_}.pt has tokens or numbers that this model has not"


@_saved
def saved_voice_too_large(name: str, size: int) -> str:
    return f"{name} has {size} bytes, more than any voice"


@_saved
def voices_archive_too_long(path: object, most: int) -> str:
    return f"{path} has more than {most} entries, which no archive of voices has"


@_saved
def voices_archive_unusable(path: object, why: object) -> str:
    return f"{path}: {why}"


@Row(
    cause="a voice has to leave room for a conversation",
    remedy="use a shorter voice, or a larger `MOSHI_CONTEXT`",
)
def voice_too_long(id_: str, seconds: float, context: float) -> str:
    return (
        f"the voice {id_} lasts {seconds:.1f} s, more than a third of the {context:g} s that the model remembers: take "
        "a shorter one, or raise MOSHI_CONTEXT"
    )


@Row(cause="the service could not keep the encoded voice", remedy="make `MOSHI_STATE_DIR` writable")
def voice_not_kept(name: str, why: object) -> str:
    return f"the voice {name} is encoded again at each start: {why}"


@Row(cause="the name has a typing error", remedy="use a voice that the message names")
def default_voice_missing(voice: str, there: str) -> str:
    return f"MOSHI_DEFAULT_VOICE={voice}: there is no such voice; there are: {there}"


@Row(
    cause="prompts need tokens that are known for eight codebooks only",
    remedy="unset `MOSHI_VOICES`",
)
def voices_codebooks(name: str, predicted: int, heard: int, most: int) -> str:
    return (
        f"{name} predicts {predicted} and hears {heard} codes a frame; voices and roles are made for {most}: unset "
        "MOSHI_VOICES, or take a released PersonaPlex"
    )


_presets = Row(cause="the file is not such a list", remedy="correct the place that the message names")


@_presets
def presets_unreadable(path: object, why: object) -> str:
    return f"MOSHI_PRESETS={path} cannot be read: {why}"


@_presets
def presets_malformed(path: object, where: str, why: str) -> str:
    return f'MOSHI_PRESETS={path}: {where}: {why}. It takes a list of {{"id", "name", "text"}}'


@_presets
def presets_same_id(path: object) -> str:
    return f"MOSHI_PRESETS={path} has the same id twice"


_asked_voice = Row(
    cause="a client asked for a voice that the service does not offer (4001)",
    remedy="choose a voice from `/api/info`",
)


@_asked_voice
def no_such_voice(voice: str, names: str) -> str:
    return f"voice_prompt={voice!a}: there is no such voice; takes {names}"


@_asked_voice
def no_voices(voice: str) -> str:
    return f"voice_prompt={voice!a}: this model has no voices to choose from"


_role = Row(
    cause="the model is not a PersonaPlex, or the operator's `MOSHI_TEXT_PROMPTS` forbids the role (4001)",
    remedy="follow the message",
)


@_role
def role_not_possible() -> str:
    return "text_prompt: this model was not made for one; leave it out"


@_role
def role_not_allowed() -> str:
    return "text_prompt: this service takes none; leave it out"


@_role
def role_no_preset() -> str:
    return "text_prompt: this service takes only the presets that /api/info has"


_long_role = Row(
    cause="a role is too long (4001)",
    remedy="write a shorter role; the operator can raise `MOSHI_PROMPT_TOKENS`",
)


@_long_role
def role_too_many_characters(count: int, most: int) -> str:
    return f"text_prompt has {count} characters; takes {most} at most"


@_long_role
def role_too_many_tokens(count: int, most: int) -> str:
    return f"text_prompt has {count} tokens; takes {most} at most"
