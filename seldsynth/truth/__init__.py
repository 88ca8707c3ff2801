"""What a scene shows, to the pixel: from its plan, never from the pixels of its video."""
