"""`python tools/vendoring COMMAND`: the wrappers run this."""

import sys
import tarfile
from pathlib import Path

# This runs before the environment that has the right Python. Distributions have the filter in older Pythons too.
if sys.version_info < (3, 11) or not hasattr(tarfile, "data_filter"):
    print("update_moshi: needs Python 3.11.4 or newer, this is {}.{}.{}".format(*sys.version_info[:3]), file=sys.stderr)
    sys.exit(3)

# This replaces the folder of this file: its files are modules of the package. The tables of errors need the shared one.
_ROOT = Path(__file__).resolve().parents[2]
sys.path[:1] = [str(_ROOT / "tools"), str(_ROOT / "service/src")]

from vendoring.cli import main  # noqa: E402

sys.exit(main())
