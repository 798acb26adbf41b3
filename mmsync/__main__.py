"""``python -m mmsync`` is the command ``mmsync``."""

from mmsync.commands import main

if __name__ == "__main__":
    main()
