"""`python -m solcommun_client` is the command `solcommun`."""

from solcommun_client.cli import main

raise SystemExit(main())
