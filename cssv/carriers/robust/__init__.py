"""The robust carrier: payloads of windows in low-frequency luma, which lossy codecs leave nearly as it is.

The channel, from the payload of a window to changes of luma and back: :mod:`.transform` has the coefficients
of blocks, :mod:`.qim` stores one bit in one coefficient, :mod:`.lattice` states which coefficient has which
bit of a codeword, :mod:`.ldpc` is the error-correcting code, and :mod:`.codewords` joins payload, checksum
and code. :mod:`.channel` joins all of them. :mod:`.slot_search` finds the times of the slots.

The geometry of received clips: :mod:`.pilot` is the pattern by which :mod:`.search` finds scale, place and
time, :mod:`.geometry` is what is found, and :mod:`.climb` improves it by the known chips. :mod:`.lock` joins
all of them: geometry and slots of a received clip.

:mod:`.base_layer` has one short message in all frames of the clip, for codecs that leave nothing of the
payloads. :mod:`.polar` is its code, and :mod:`.base_message` joins message, checksum and code.
"""
