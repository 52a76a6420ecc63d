"""The command `loadtest`."""

import asyncio
import json
import sys
from collections.abc import Sequence

from loadtest.arguments import read
from loadtest.figures import outcome
from loadtest.load import run
from loadtest.report import as_json, table
from scenario6_client.trust import BadAuthority


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    command = read(argv)
    try:
        result = asyncio.run(run(command.plan))
    except KeyboardInterrupt:
        return 130
    except BadAuthority as error:
        return _fail(str(error.problem))
    if not any(conversation.connected or outcome(conversation) == "hung" for conversation in result.conversations):
        return _fail(str(result.conversations[0].problem))
    print(table(command.plan, result))
    try:
        if command.json:
            command.json.write_text(json.dumps(as_json(command.plan, result), indent=2, default=str) + "\n")
        if command.plot:
            # Imported where it is used: it takes longer than all the rest.
            from loadtest.plot import plot

            plot(result.conversations, result.started, command.plot)
    except OSError as error:
        return _fail(f"{error}; name another file")
    return 0


def _fail(words: str) -> int:
    print(f"loadtest: {words}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
