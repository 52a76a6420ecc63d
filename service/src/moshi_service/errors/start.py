"""Errors of the start of either service: port, files, certificate, settings."""

from moshi_service.errors import Row


@Row(
    cause="another program has the port, often an earlier run; or the port is below 1024, which only root may use",
    remedy="stop the program (`ss -ltnp` names it), or set `MOSHI_PORT` or `FRONTEND_PORT`",
)
def cannot_listen(host: str, port: int, why: object, prefix: str) -> str:
    return (
        f"cannot listen on {host} port {port}: {why}; "
        f"stop what uses it (ss -ltnp shows it), or set {prefix}HOST or {prefix}PORT"
    )


@Row(
    cause="the variable does not take that value",
    remedy="[configuration.md](configuration.md) lists the values of all variables",
)
def setting_invalid(variable: str, value: str, why: object, takes: str) -> str:
    return f"{variable}={value}: {why}. It takes: {takes}"


@Row(
    cause="`FRONTEND_API_KEYS_FILE`, `…_TLS_CERT` or `…_TLS_KEY` names no file that this process can read",
    remedy="correct the path, or the rights of the file",
)
def file_missing() -> str:
    return "there is no such file, or it cannot be read"


_token = Row(
    cause="`MOSHI_API_TOKEN` or a key of `FRONTEND_API_KEYS` is set, but no client could send it",
    remedy="set a token, or unset the variable. Without a token, everybody who reaches moshi may talk to it",
)


@_token
def token_empty() -> str:
    return "it is empty; unset it to turn authentication off"


@_token
def token_unsendable() -> str:
    return "it may have letters, digits and ASCII punctuation only, without spaces"


_origin = Row(
    cause="an entry of `…_ALLOWED_ORIGINS` or `FRONTEND_EMBED_ORIGINS` can match no browser",
    remedy="write the origin as a browser sends it: `https://talk.example` or `https://talk.example:8443`",
)


@_origin
def origin_without_scheme(text: str) -> str:
    return f"{text!r} is not an origin: it must begin with http:// or https://"


@_origin
def origin_with_path(text: str) -> str:
    return f"{text!r} is not an origin: it must be scheme, host and port only"


@_origin
def origin_wildcard(text: str) -> str:
    return f"{text!r} is not an origin: wildcards are not supported, so list each origin"


_host = Row(
    cause="an entry of `…_ALLOWED_HOSTS` or `…_ALLOWED_ORIGINS` is malformed",
    remedy="write a name such as `talk.example` or `*.talk.example`, and an origin such as `https://talk.example`",
)


@_host
def host_with_path(text: str) -> str:
    return f"{text!r} is not a host: it must be a name such as talk.example, without scheme or path"


@_host
def host_with_port(text: str) -> str:
    return f"{text!r} is not a host: leave out the port, because every port is allowed"


@_host
def host_malformed(text: str) -> str:
    return f"{text!r} is not a host"


@_host
def port_impossible(text: str) -> str:
    return f"{text!r} has a port or an address that is not possible"


@_host
def host_too_long(begin: str) -> str:
    return f"{begin!r}... is longer than a host can be"


@Row(
    cause="an entry of `…_TRUSTED_PROXIES` is malformed, or it is a name. The service does not look up names",
    remedy="write addresses such as `10.0.0.7` and networks such as `10.0.0.0/8`, with commas between",
)
def network_malformed(name: str) -> str:
    return f"{name!r} is neither an IP address nor a network such as 10.0.0.0/8"


_otel = Row(
    cause="an `OTEL_…` variable has a value that this service does not know",
    remedy="[observability.md](../how-to/observability.md)",
)


@_otel
def exporter_unknown(variable: str, value: str, known: str) -> str:
    return f"{variable}={value!r}: takes {known}"


@_otel
def prometheus_port_malformed(value: str) -> str:
    return f"OTEL_EXPORTER_PROMETHEUS_PORT={value!r}: takes a port from 1 to 65535"


@Row(
    cause="another program has the port, often the other service on the same machine",
    remedy="give each service its own `OTEL_EXPORTER_PROMETHEUS_PORT`",
)
def metrics_port_taken(host: str, port: str, why: object) -> str:
    return (
        f"cannot serve metrics on {host} port {port}: {why}; set OTEL_EXPORTER_PROMETHEUS_HOST or "
        "OTEL_EXPORTER_PROMETHEUS_PORT"
    )


@_otel
def otlp_protocol_unknown(variable: str, value: str, known: str) -> str:
    return f"{variable}={value!r}: takes {known}"


@Row(
    cause="the service cannot write the folder",
    remedy="set `MOSHI_STATE_DIR` or `FRONTEND_STATE_DIR`; in a container, mount a volume",
)
def certificate_folder_unusable(folder: object, why: object, prefix: str) -> str:
    return f"cannot keep a certificate in {folder}: {why}; set {prefix}STATE_DIR"


@Row(
    cause="somebody replaced one of the two files of the service's own authority",
    remedy="follow the message",
)
def authority_key_mismatch() -> str:
    return (
        "ca-key.pem is not the key of ca.pem; restore the right one, or remove both files: "
        "then there will be a new authority, which clients have to trust again"
    )


@Row(cause="a pipe or a folder has the name of a file of the certificate", remedy="remove it")
def certificate_file_special(name: str) -> str:
    return f"{name} is not an ordinary file; remove it"


@Row(
    cause="in the log: a key in the state folder had an open mode, for example from a copy or a backup. The service "
    "has closed it",
    remedy="if others use this machine, remove the folder `tls`, and trust the new authority",
)
def key_was_readable(file: object) -> str:
    return f"{file} could be read by other users of this machine; now only its owner can"


@Row(cause="one of the two is not set", remedy="set both, or set `…_TLS=auto`")
def certificate_files_unnamed(prefix: str) -> str:
    return f"{prefix}TLS=files needs {prefix}TLS_CERT and {prefix}TLS_KEY, each the path of a PEM file"


@Row(
    cause="the service cannot read a file, a file is not PEM, or the key belongs to another certificate",
    remedy="look at it with `openssl x509 -in chain.pem -noout -text`; the service's user must be able to read both "
    "files",
)
def certificate_files_unusable(prefix: str, certificate: object, key: object, why: object) -> str:
    return (
        f"{prefix}TLS_CERT={certificate} with {prefix}TLS_KEY={key}: {why}; "
        "both must be readable PEM files that belong together"
    )


@Row(
    cause="no certificate can carry this name",
    remedy="write only names and addresses, without `https://` and without a port",
)
def certificate_hosts_invalid(prefix: str, hosts: str, why: object) -> str:
    return f"{prefix}TLS_HOSTS={hosts!r}: {why}; it takes names and addresses"


@Row(
    cause="every connection needs a file descriptor, a conversation through the frontend needs two, and the hard "
    "limit of open files is too low",
    remedy="raise the limit: `ulimit -Hn`, `LimitNOFILE=` of systemd, `--ulimit nofile=` of Docker; or lower the "
    "setting",
)
def too_few_open_files(setting: str, value: int, needed: int, limit: int) -> str:
    return (
        f"{setting}={value} needs {needed} open files and the limit is {limit}; "
        "raise it (ulimit -n), or lower the setting"
    )


@Row(
    cause="the renewed files are not complete, or do not belong together. The service keeps the old certificate",
    remedy="correct the files; the service looks at them again every 30 s",
)
def renewal_failed(why: object) -> str:
    return f"the new certificate cannot be used: {why}"


@Row(
    cause="`SIGKILL` usually comes from the kernel, because memory ran out (`dmesg` shows it). Another signal is a "
    "crash in a library",
    remedy="add memory, or use a smaller `MOSHI_SLOTS` or `MOSHI_CONTEXT`; report a crash with the log",
)
def service_killed(signal: str) -> str:
    """Of `make run`, which runs both services."""
    return (
        f"a service was killed ({signal}; its line above says `stopped`). The system kills with SIGKILL when memory "
        "runs out: free some, or lower MOSHI_SLOTS or MOSHI_CONTEXT"
    )


@Row(
    cause="the machine is in no network, or it is a container whose addresses others do not see",
    remedy="join a network, then restart; in a container, open the page by the name or address of its host",
)
def no_lan_address() -> str:
    """Of `make run LAN=1`."""
    return "this machine has no address that a phone could open; join a network, then restart"
