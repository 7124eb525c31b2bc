"""What evaluates images: CLIP, FID, LPIPS, a classifier."""
