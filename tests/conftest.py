"""Settings every test shares; set before torch is imported, which reads them once."""

import os
import signal

import pytest

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
# where the tests run in the background the shell has Ctrl-C ignored, and every process they start would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _best_models_elsewhere(tmp_path_factory):
    """Keep the runs of tests, also those in processes of their own, out of the checkout's outputs/best_models."""
    os.environ["RLSUITE_BEST_MODELS"] = str(tmp_path_factory.mktemp("best_models"))
