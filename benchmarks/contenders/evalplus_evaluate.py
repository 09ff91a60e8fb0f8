"""evalplus's checker as published: its command, `evalplus.evaluate`, makes the pool of processes
where all that it imports is loaded, `datasets` with it. Each candidate's process is a copy of that.
"""

import evalplus.evaluate  # noqa: F401

from benchmarks.contenders.evalplus import Contender as Contender
