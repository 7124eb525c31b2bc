"""Settings every test shares; set before torch is imported, which reads them once."""

import os

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
