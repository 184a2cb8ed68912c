"""What servers on a developer's own machine refuse, so that a page in the same machine's browser cannot use them."""
