"""Turns models that clops does not open (pickles, joblib files, XGBoost's old binary files) into ones that it serves.

A pickle runs whatever code it holds when it is opened: convert only files that you trust, best in a container without
network and credentials (the Job template beside deploy/ is such a one).
"""

from .convert import ConversionError, convert

__all__ = ["ConversionError", "convert"]
