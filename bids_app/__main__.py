"""Let ``python -m bids_app`` start the app."""

import sys

from bids_app.cli import main

if __name__ == "__main__":
    sys.exit(main())
