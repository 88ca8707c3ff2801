"""Pictures, clips and videos in and out of files: OpenCV for stills, PyAV for everything else."""
