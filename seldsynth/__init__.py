"""seldsynth: sound event labels in, labelled 360° video out."""

__version__ = "0.1.0"
