"""`python tools/vendoring COMMAND`: the wrappers run this."""

import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - this runs before the environment that has the right Python
    print("update_moshi: needs Python 3.11 or newer, this is {}.{}.{}".format(*sys.version_info[:3]), file=sys.stderr)
    sys.exit(3)

# This replaces the folder of this file: its files are modules of the package. The tables of errors need the shared one.
_ROOT = Path(__file__).resolve().parents[2]
sys.path[:1] = [str(_ROOT / "tools"), str(_ROOT / "service/src")]

from vendoring.cli import main  # noqa: E402

sys.exit(main())
