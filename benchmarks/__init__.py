"""What rlsuite is measured by: ``speed`` beside peers, ``studies`` of trainings, ``pages`` that show the results; run from the checkout's root."""
