"""``python -m cssv_cli`` is ``cssv``."""

from cssv_cli.start import main

main()
