"""ScenePlan → planar YUV frames, in torch on whatever device is asked for."""
