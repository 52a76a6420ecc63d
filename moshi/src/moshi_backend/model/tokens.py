"""Arrays of tokens, and the number that stands for a token that there is not."""

import numpy as np
from numpy.typing import NDArray

NO_TOKEN = -1
"""In place of a token: it is not known yet (a prompt), is to be sampled (forced tokens), or does not exist (output)."""

type Tokens = NDArray[np.int64]
