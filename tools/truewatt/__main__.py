"""`python -m truewatt`: the same as the `truewatt` command."""

import sys

from truewatt.cli import main

sys.exit(main())
