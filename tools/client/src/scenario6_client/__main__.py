"""The command `scenario6`."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from enum import IntEnum

from moshi_service.errors import Problem, ProblemError
from scenario6_client import errors, recordings
from scenario6_client.arguments import read
from scenario6_client.captions import Terminal, write
from scenario6_client.conversation import Conversation
from scenario6_client.report import record
from scenario6_client.sound import devices
from scenario6_client.talk import Plan, failure, talk


class Exit(IntEnum):
    """Exit codes; argparse has 2."""

    DONE = 0
    ENDED = 1
    NOT_BEGUN = 3
    INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    plan = read(argv).plan
    try:
        if plan is None:
            write(sys.stdout, f"{devices()}\n")
            return Exit.DONE
        return _talk(plan)
    except ProblemError as error:
        _say(error.problem)
        return Exit.NOT_BEGUN


def _talk(plan: Plan) -> int:
    terminal = Terminal(sys.stdout, sys.stderr, time.monotonic)
    conversation = Conversation()
    problem: Problem | None = None
    interrupted = False
    try:
        asyncio.run(_until_a_signal(plan, terminal, conversation))
        problem = failure(plan, conversation)
    except KeyboardInterrupt:
        interrupted = True
    except ProblemError as error:
        problem = error.problem
    terminal.end_line()
    problems = [*_keep(plan, conversation, problem), *filter(None, [problem])]
    for one in problems:
        _say(one)
    if problems:
        return Exit.ENDED if conversation.connected else Exit.NOT_BEGUN
    if interrupted and (plan.question is not None or conversation.handshake_seconds is None):
        return Exit.INTERRUPTED
    return Exit.DONE


async def _until_a_signal(plan: Plan, terminal: Terminal, conversation: Conversation) -> None:
    """`timeout 30 scenario6 talk …` ends it as Ctrl-C does. asyncio turns Ctrl-C into a cancellation."""
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    await talk(plan, terminal, conversation)


def _keep(plan: Plan, conversation: Conversation, problem: Problem | None) -> list[Problem]:
    """Write the sound and the report. A failure of one does not keep the other from being written.

    Args:
        problem: of the conversation, for the report.
    """
    problems: list[Problem] = []
    if plan.answer is not None and conversation.audio:
        try:
            recordings.write(plan.answer, conversation.samples())
        except recordings.BadFile as error:
            problems.append(error.problem)
        except ValueError as error:
            problems.append(errors.answer_unreadable(error))
    if plan.report is not None:
        content = record(plan.address, conversation, problem or next(iter(problems), None))
        try:
            plan.report.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        except OSError as error:
            problems.append(errors.file_not_written(plan.report, error.strerror))
    return problems


def _say(problem: Problem) -> None:
    write(sys.stderr, f"scenario6: {problem}\n")


if __name__ == "__main__":
    sys.exit(main())
