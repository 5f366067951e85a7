#!/usr/bin/env python3
"""Start eeg2fmri."""

import sys

from bids_app.cli import main

if __name__ == "__main__":
    sys.exit(main())
