"""What judges images: CLIP, FID, LPIPS, a classifier."""
