"""Errors of the command `moshi-backend` and of the installation."""

from moshi_service.errors import Row


@Row(
    cause="`moshi-backend certificate` was run, but the service has no certificate",
    remedy="set `MOSHI_TLS=auto`",
)
def certificate_off() -> str:
    return "MOSHI_TLS=off: there is no certificate"


@Row(cause="the environment has another package of that name", remedy="`make clean`, then `make setup`")
def foreign_moshi() -> str:
    return "the installed package moshi is not third_party/moshi; run `make setup`"
