"""`python -m orchestrator`: the command `stepladder`, where its script is not on the PATH."""

from __future__ import annotations

from orchestrator.cli.app import main

if __name__ == "__main__":
    main()
