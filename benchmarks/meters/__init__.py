"""Steganalysis: meters that tell stego pictures from covers, one per file.

A meter takes one plane of bytes, an RGB picture, or the planes of three successive frames. It returns a
number or a vector of features. No meter knows a carrier of CSSV. :mod:`meters.roc` judges a number,
:mod:`meters.discriminant` trains on vectors.
"""
