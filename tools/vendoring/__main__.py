"""`python tools/vendoring COMMAND`: the wrappers run this."""

import sys
import tarfile
from pathlib import Path

# This runs before the environment that has the right Python. Distributions have the filter in older Pythons too.
if sys.version_info < (3, 11) or not hasattr(tarfile, "data_filter"):
    print("update_moshi: needs Python 3.11.4 or newer, this is {}.{}.{}".format(*sys.version_info[:3]), file=sys.stderr)
    sys.exit(3)

# This replaces the folder of this file: its files are modules of the package.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from vendoring.cli import main  # noqa: E402

sys.exit(main())
