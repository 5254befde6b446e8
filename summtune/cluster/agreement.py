"""What summtune and the files in `cluster/` agree on; a file that starts a cluster declares it, and a submitted run relies on it.

It must not know Ray: whoever submits, and whoever checks a cluster, asks here for the names.
"""

from __future__ import annotations

DRIVER_RESOURCE = "summtune_driver"
"""A resource of the head node. A submitted run asks for one, and for no CPU: it takes no slot from trials, and waits while none is free."""

STORAGE_VARIABLE = "SUMMTUNE_STORAGE"
"""The folder that all nodes see, under which a relative `output_dir` of a submitted run lies."""

STOP_WAIT_VARIABLE = "RAY_JOB_STOP_WAIT_TIME_S"
"""How long Ray lets a stopped job go on before it kills it; read by the job's supervisor on the head node. Ray's own default is 3 s."""

STOP_WAIT_S = 60
"""What a run is given by our files: Ray Tune takes up to 30 s to end its trials, and the driver writes the rest down."""
