"""The files of a run folder: result, checkpoint, lease, log, status; who reads them needs no torch."""
