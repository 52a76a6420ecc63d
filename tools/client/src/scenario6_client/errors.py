"""Errors of the command `scenario6`, which are also the reasons why a load test's client got no conversation."""

from moshi_service.errors import Row


@Row(
    cause="the address is no URL of the page or of moshi",
    remedy="write it as in `scenario6 talk https://localhost:8998`",
)
def address_invalid(text: str) -> str:
    return f"{text!r} is no address of a service, such as https://localhost:8998 or http://localhost:8080"


@Row(
    cause="nothing listens at that address, or a firewall is in between",
    remedy="start the service; compare the address and the port with the line that `make run` prints",
)
def service_not_reached(url: str, why: object) -> str:
    return f"cannot reach {url}: {why}"


_other_server = Row(
    cause="another server is at that address, or a proxy in front of the service does not pass WebSockets on",
    remedy="compare the address with the line that `make run` prints; read the log of the proxy",
)


@_other_server
def upgrade_refused(url: str, status: int) -> str:
    return f"{url} refused the WebSocket with HTTP {status}"


@_other_server
def no_conversation_there(url: str, why: object) -> str:
    return f"{url} answers, but not with a conversation: {why}"


_certificate = Row(
    cause="the service has a certificate of its own authority, and this machine does not know it",
    remedy="name the authority's file: `--ca tls/ca.pem` from the service's state folder, which `make certificate` "
    "prints; [certificates.md](../how-to/certificates.md) explains other ways",
)


@_certificate
def certificate_not_trusted(host: str, why: object) -> str:
    return f"the certificate of {host} is not trusted ({why}); name its authority with --ca FILE"


@Row(
    cause="the certificate is for other names",
    remedy="use one of its names, or add this one: `MOSHI_TLS_HOSTS` or `FRONTEND_TLS_HOSTS`",
)
def certificate_of_another(host: str) -> str:
    return f"the certificate is not for the name {host}"


@Row(cause="the file is missing, not readable, or not PEM", remedy="name the file that `make certificate` prints")
def authority_file_unusable(file: object, why: object) -> str:
    return f"--ca {file} cannot be used: {why}"


@Row(
    cause="the file with the token is missing or not readable, or the token has spaces",
    remedy="put the value of `MOSHI_API_TOKEN` into the file, or set the variable",
)
def token_unusable(where: object, why: object) -> str:
    return f"the token of {where} cannot be used: {why}"


@Row(
    cause="the service closed the connection, and gave no code of an error",
    remedy="look up the number: [close codes](protocol.md#close-codes)",
)
def conversation_closed(code: int | None, reason: str) -> str:
    return f"the service ended the conversation ({code}){': ' if reason else ''}{reason}"


@Row(cause="the network, or the service, is gone", remedy="try again; read the service's log")
def conversation_broke() -> str:
    return "the connection broke in the middle of the conversation"


@Row(cause="every slot stayed in use", remedy="wait longer (`--wait`), or give the service more slots")
def waited_too_long(seconds: float) -> str:
    return f"the conversation did not begin within {seconds:g} s"


_recording = Row(
    cause="the file is no recording, is cut, or is too long",
    remedy="take a WAV file of up to half an hour: any rate, one or more channels",
)


@_recording
def sound_file_missing(file: object) -> str:
    return f"there is no file {file}"


@_recording
def sound_file_unreadable(file: object, why: object) -> str:
    return f"{file} is no recording that can be read: {why}"


@_recording
def sound_file_empty(file: object) -> str:
    return f"{file} has no sound in it"


@_recording
def sound_file_too_long(file: object, seconds: float, most: float) -> str:
    return f"{file} has {seconds:.0f} s of sound; {most:.0f} s at most are sent"


@Row(cause="the service sent something that is no Ogg/Opus", remedy="report it, with `--report`")
def answer_unreadable(why: object) -> str:
    return f"Moshi's sound cannot be read: {why}"


@Row(cause="the folder does not exist, is not yours, or the disk is full", remedy="name another file")
def file_not_written(file: object, why: object) -> str:
    return f"{file} cannot be written: {why}"


@Row(
    cause="the extra `sound` is not installed, or the system has no PortAudio",
    remedy='`pip install ./service "./tools/client[sound]"`; on Debian also `apt install libportaudio2`; or talk with '
    "files: `--in` and `--out`",
)
def sound_library_missing(why: object) -> str:
    return f"there is no library for the sound card ({why}); install it, or talk with files (--in, --out)"


_device = Row(
    cause="no microphone or no speaker is plugged in, another program holds it, or it cannot do 24 kHz",
    remedy="plug one in; choose another (`scenario6 devices` lists them, `--microphone` and `--speaker` take one); or "
    "talk with files: `--in` and `--out`",
)


@_device
def microphone_not_opened(why: object) -> str:
    return f"the microphone cannot be opened: {why}"


@_device
def speaker_not_opened(why: object) -> str:
    return f"the speaker cannot be opened: {why}"


@_device
def sound_card_stopped(why: object) -> str:
    return f"the sound card stopped: {why}"
