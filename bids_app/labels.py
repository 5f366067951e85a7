"""What a BIDS label may look like; here, below everything, so that the command line need not load more to know it."""

from __future__ import annotations

import re

LABEL = re.compile(r"[0-9a-zA-Z+]+")
