"""evalplus's checker as published. Its command `evalplus.evaluate` makes the pool of processes
after it has imported everything, including `datasets`, and each candidate's process is a copy of
that.
"""

import evalplus.evaluate  # noqa: F401

from speed.contenders.evalplus import Contender as Contender
