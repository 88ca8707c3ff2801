"""Finished recordings, made easy to look at."""
