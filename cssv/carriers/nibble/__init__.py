"""The nibble carrier: the high nibble of the template in the low nibble of every byte."""
