"""Options of the robust carrier that several commands have."""

from __future__ import annotations

import click

from cssv.api import choices

strength_option = click.option(
    "--strength",
    metavar="auto|DB",
    help="Of the robust carrier. auto: the weakest marks that survive, found by trial on samples of CLIP. "
    "DB: brightness keeps this PSNR in dB; less means stronger marks.  [default: auto]",
)

survive_option = click.option(
    "--survive",
    metavar="CODEC-CRF",
    help="Of the robust carrier. Re-encodings that the heat map must survive, with commas: "
    f"{', '.join(choices.RECODING_CODECS)}.  [default: {choices.DEFAULT_SURVIVE}]",
)
