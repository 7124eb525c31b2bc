"""Any env registered with Gymnasium."""
