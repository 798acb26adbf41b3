"""The toy data set and method must also be importable by child processes, so they are a module and not fixtures."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
